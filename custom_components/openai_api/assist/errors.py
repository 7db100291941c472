"""Errors of Assist: one sentence that can be spoken, in the language of whoever asked."""

import re
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations

from ..const import DOMAIN
from ..exceptions import HostUnreachable, api_error

UNREACHABLE: Final = "assist_unreachable"
SLOW: Final = "assist_slow"
AUTH_FAILED: Final = "assist_auth_failed"
QUOTA: Final = "assist_quota"
RATE_LIMITED: Final = "assist_rate_limited"
MODEL_UNKNOWN: Final = "assist_model_unknown"
API_UNSUPPORTED: Final = "assist_api_unsupported"
ATTACHMENT_UNSUPPORTED: Final = "assist_attachment_unsupported"
ANSWER_EMPTY: Final = "assist_answer_empty"
ANSWER_BROKEN: Final = "assist_answer_broken"
NOT_THE_STRUCTURE: Final = "assist_not_the_structure"
CONTENT_REFUSED: Final = "assist_content_refused"
REFUSED: Final = "assist_refused"
SERVER_ERROR: Final = "assist_server_error"
FORBIDDEN: Final = "assist_forbidden"
UNLOADED: Final = "assist_unloaded"
FAILED: Final = "assist_failed"
SESSION_LOST: Final = "assist_session_lost"
STT_NO_ANSWER: Final = "assist_stt_no_answer"
TTS_NO_TEXT: Final = "assist_tts_no_text"

_KEYS: Final = {
    "answer_too_large": ANSWER_BROKEN,
    "auth_failed": AUTH_FAILED,
    "bad_answer": ANSWER_BROKEN,
    "cannot_connect": UNREACHABLE,
    "certificate_not_trusted": UNREACHABLE,
    "empty_answer": ANSWER_EMPTY,
    "forbidden": FORBIDDEN,
    "host_error": SERVER_ERROR,
    "method_missing": API_UNSUPPORTED,
    "quota_used_up": QUOTA,
    "rate_limited": RATE_LIMITED,
    "redirected": UNREACHABLE,
    "refused": REFUSED,
    "server_error": SERVER_ERROR,
    "stream_cut": ANSWER_BROKEN,
    "stream_error": SERVER_ERROR,
    "stream_garbled": ANSWER_BROKEN,
    "timed_out": SLOW,
    "unloaded": UNLOADED,
}
_MODEL_UNKNOWN: Final = re.compile(
    r"\bmodels?\b.*\b(not found|not exist|unknown|not available|no such|invalid|not supported)"
    r"|\b(unknown|no such|invalid|unsupported)\b.*\bmodel\b",
    re.IGNORECASE | re.DOTALL,
)
_NO_SUCH_API: Final = frozenset({"404", "405", "501"})
_AWAY: Final = frozenset({UNREACHABLE, SLOW, SERVER_ERROR, RATE_LIMITED, QUOTA, AUTH_FAILED})


def detail(err: HomeAssistantError, name: str) -> str:
    """Return a placeholder of a translated error, "" where it has none."""
    return (err.translation_placeholders or {}).get(name, "")


def is_model_unknown(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the service does not have the model."""
    if detail(err, "status") not in {"400", "404", "422"}:
        return False
    code, message = detail(err, "code"), detail(err, "message")
    return "model_not_found" in code or (
        detail(err, "status") != "422" and bool(_MODEL_UNKNOWN.search(message))
    )


def is_api_unsupported(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the service does not have an API at all."""
    if err.translation_key in {"bad_answer", "method_missing"}:
        # A web page in place of an answer is what some servers have for any path.
        return True
    return detail(err, "status") in _NO_SUCH_API and not is_model_unknown(err)


def names(err: HomeAssistantError, parameter: str) -> bool:
    """Tell whether a refusal is about a parameter of the request."""
    return detail(err, "status") in {"400", "422"} and any(
        parameter in detail(err, name) for name in ("param", "message", "code")
    )


def is_transient(err: HomeAssistantError) -> bool:
    """Tell whether the same request may well succeed when it is sent again at once."""
    return err.translation_key == "cannot_connect" or detail(err, "status") in {
        "429",
        "500",
        "502",
        "503",
        "504",
    }


def is_away(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the service cannot answer now, whatever it is asked."""
    return isinstance(err, HostUnreachable) or _KEYS.get(err.translation_key or "") in _AWAY


def spoken_key(err: HomeAssistantError) -> str:
    """Return the key of the sentence for an error of a request."""
    key = err.translation_key or ""
    if key.startswith("assist_"):
        return key
    if is_model_unknown(err):
        return MODEL_UNKNOWN
    if detail(err, "status") in _NO_SUCH_API:
        return API_UNSUPPORTED
    return _KEYS.get(key, FAILED)


async def async_spoken(
    hass: HomeAssistant, err: Exception, language: str, **placeholders: str
) -> HomeAssistantError:
    """Return the error whose text is one sentence in a language, to be spoken as it is.

    Home Assistant itself would say it in English. `placeholders` may hold `name` and `model`.
    """
    key = spoken_key(err) if isinstance(err, HomeAssistantError) else FAILED
    known = (err.translation_placeholders or {}) if isinstance(err, HomeAssistantError) else {}
    values = {"name": "", "model": "", "message": "", **placeholders, **known}
    english = await _async_text(hass, "en", key)
    text = english
    for candidate in dict.fromkeys((language, language.partition("-")[0])):
        if (text := await _async_text(hass, candidate, key)) != english:
            break
    found = api_error(key, **values)
    return type(found)(
        text.format_map(values),
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=found.translation_placeholders,
    )


async def _async_text(hass: HomeAssistant, language: str, key: str) -> str:
    """Return the text of an error in a language, in English where it has none."""
    texts = await async_get_translations(hass, language, "exceptions", [DOMAIN])
    return texts.get(f"component.{DOMAIN}.exceptions.{key}.message", key)
