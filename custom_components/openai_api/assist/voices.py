"""The voices of a service: those that it lists, or those of OpenAI."""

import time
from typing import Any, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
import httpx2

from ..api.client import most_retries
from ..api.host import ServiceHost
from ..api.response import async_parse_body
from ..api.service_kinds import kind_of
from ..const import LOGGER, SPEECH_VOICES
from ..error_translation import raise_translated_errors

_DEFAULT_VOICE: Final = SPEECH_VOICES[0]
_VOICES: Final = "voices"
"""Key of `ServiceHost.known`: when the voices were listed, and their names."""
_CACHE_SECONDS: Final = 3600.0
"""Seconds: voices come and go, but not while somebody fills in a form."""
_TIMEOUT: Final = 5.0
_KINDS_WITHOUT_LIST: Final = frozenset({"openai", "azure", "openrouter", "ollama", "llama_cpp"})
"""The kinds of services that are known to have no list of voices."""


async def async_list_voices(host: ServiceHost) -> list[str]:
    """Return the names of the voices that a service lists; none where it does not tell.

    `GET /audio/voices` is no part of OpenAI's API; many speech servers have it. Their answers
    are lists, or objects with such a list under `voices` or `data`, of names or of objects.
    """
    kind = kind_of(host.entry.data, host.entry.options)
    if kind is not None and kind.key in _KINDS_WITHOUT_LIST:
        return []
    listed_at, names = host.known.get(_VOICES, (None, []))
    if listed_at is None or time.monotonic() - listed_at > _CACHE_SECONDS:
        names = await _async_request_voices(host)
        host.known[_VOICES] = (time.monotonic(), names)
    return list(names)


async def _async_request_voices(host: ServiceHost) -> list[str]:
    """Return the names of the voices that a service lists."""
    token = most_retries.set(0)
    try:
        with raise_translated_errors(host.settings, _TIMEOUT):
            response = await host.client.get(
                "/audio/voices", cast_to=httpx2.Response, options={"timeout": _TIMEOUT}
            )
        content_type = response.headers.get("content-type", "")
        answer = await async_parse_body(host.hass, host.settings, response.content, content_type)
    except HomeAssistantError as err:
        LOGGER.debug("The service lists no voices: %s", err)
        return []
    finally:
        most_retries.reset(token)
    return _names(answer)


def _names(answer: Any) -> list[str]:
    """Return the names in a list of voices."""
    voices = answer
    if isinstance(answer, dict):
        voices = answer.get("voices") or answer.get("data")
    if not isinstance(voices, list):
        return []
    names = [
        (item.get("id") or item.get("name")) if isinstance(item, dict) else item for item in voices
    ]
    return list(dict.fromkeys(name for name in names if isinstance(name, str) and name))


@callback
def known_voices(host: ServiceHost) -> list[str]:
    """Return the voices to choose from: those that the service has listed, or OpenAI's."""
    return list(host.known.get(_VOICES, (None, []))[1] or SPEECH_VOICES)


@callback
def suggested_voice(host: ServiceHost) -> str:
    """Return the suggested voice: the default of OpenAI, or one in the language of the home."""
    names = known_voices(host)
    if _DEFAULT_VOICE in names:
        return _DEFAULT_VOICE
    language = host.hass.config.language.partition("-")[0].lower()
    suitable = (name for name in names if name.lower().startswith((f"{language}_", f"{language}-")))
    return next(suitable, names[0])
