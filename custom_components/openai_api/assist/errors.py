"""Errors of Assist: one sentence that can be spoken, in the language of whoever asked."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
import re
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations

from ..const import DOMAIN
from ..error_keys import CODES
from ..exceptions import (
    ApiError,
    AuthenticationFailed,
    ConnectionFailed,
    EntryUnloaded,
    ErrorInResponse,
    ErrorInStream,
    HostRedirected,
    HostUnreachable,
    MethodMissing,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    RequestFailed,
    RequestRejected,
    RequestTimedOut,
    ResponseEmpty,
    ResponseTooLarge,
    ServerError,
    StreamIncomplete,
    StreamMalformed,
    UnexpectedBody,
)

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
ANSWER_CUT: Final = "assist_answer_cut"
NOT_THE_STRUCTURE: Final = "assist_not_the_structure"
CALL_IN_TEXT: Final = "assist_call_in_text"
CONTENT_REFUSED: Final = "assist_content_refused"
REFUSED: Final = "assist_refused"
SERVER_ERROR: Final = "assist_server_error"
FORBIDDEN: Final = "assist_forbidden"
UNLOADED: Final = "assist_unloaded"
FAILED: Final = "assist_failed"
SESSION_LOST: Final = "assist_session_lost"
STT_NO_ANSWER: Final = "assist_stt_no_answer"
NO_TRANSCRIPT: Final = "assist_no_transcript"

_SENTENCES: Final[tuple[tuple[type[ApiError], str], ...]] = (
    (RequestTimedOut, SLOW),
    (ServerError, SERVER_ERROR),
    (HostUnreachable, UNREACHABLE),
    (HostRedirected, UNREACHABLE),
    (AuthenticationFailed, AUTH_FAILED),
    (PermissionDenied, FORBIDDEN),
    (QuotaExceeded, QUOTA),
    (RateLimited, RATE_LIMITED),
    (RequestFailed, SERVER_ERROR),
    (RequestRejected, REFUSED),
    (ErrorInResponse, SERVER_ERROR),
    (ErrorInStream, SERVER_ERROR),
    (MethodMissing, API_UNSUPPORTED),
    (ResponseEmpty, ANSWER_EMPTY),
    (ResponseTooLarge, ANSWER_BROKEN),
    (StreamIncomplete, ANSWER_BROKEN),
    (StreamMalformed, ANSWER_BROKEN),
    (UnexpectedBody, ANSWER_BROKEN),
    (EntryUnloaded, UNLOADED),
)
"""Which sentence says an error; the first class that fits counts."""
_IN_STREAMS: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: REFUSED,
    HTTPStatus.UNPROCESSABLE_ENTITY: REFUSED,
    HTTPStatus.TOO_MANY_REQUESTS: RATE_LIMITED,
}
"""The same for an error in a stream or a response, by the status that it names."""
_MODEL_UNKNOWN: Final = re.compile(
    r"\bmodels?\b.*\b(not found|not exist|unknown|not available|no such|invalid|not supported)"
    r"|\b(unknown|no such|invalid|unsupported|not a valid)\b.*\bmodel\b",
    re.IGNORECASE | re.DOTALL,
)
_OF_SOMETHING_ELSE: Final = re.compile(
    r"\b(?:parameters?|arguments?|property|properties|inputs?|tools|tool use|response_format"
    r"|image_url|unsupported value)\b",
    re.IGNORECASE,
)
"""What a message names that is not about the model, but about what it was sent."""
_NO_STREAM: Final = re.compile(
    r"\b(?:to stream\b|tools with stream\b|streaming (?:is )?(?:not|un)"
    r"|(?:not|n't) support stream|[\"'`]stream[\"'`])",
    re.IGNORECASE,
)
_PAUSE: Final = re.compile(
    r"\b(?:again|retry) (?:in|after) (?:(\d+)m)?(\d+(?:\.\d+)?) ?(ms|milliseconds|s)?",
    re.IGNORECASE,
)
"""As OpenAI, Azure, Groq and Gemini write it: "try again in 7.66s", "Please retry after 9 seconds"."""
_NO_STREAM_STATUSES: Final = frozenset({400, 403, 422, 500, 501})
_TOO_LONG: Final = re.compile(
    r"\bcontext[_ ](?:length|size|window)|\bmaximum (?:context|number of tokens|(?:prompt|model) length)"
    r"|\b(?:prompt|input) (?:is )?too long|\btoo many tokens|\brequest (?:body |entity )?too large"
    r"|\bexceed\w* .*\btokens?\b|\b(?:prompt|tokens?)\b[^.]{0,40} exceed|\btokens_limit_reached\b"
    r"|\breduce the length of\b|\binputs?`? (?:tokens \+|length should be)",
    re.IGNORECASE,
)
_TOO_LONG_STATUSES: Final = frozenset({400, 413, 422, 500})
_ROLE_REFUSED: Final = re.compile(
    r"\b(?:system|developer)\b[^.]{0,40}\bnot (?:support|enabl|allow)|\bgot system\b"
    r"|\bonly user\b.*\broles are supported|\bunsupported role",
    re.IGNORECASE,
)
_ORDER_REFUSED: Final = re.compile(
    r"\broles must alternate|\b(?:start|begin)s? with (?:an? |the )?[\"'`]?user\b"
    r"|\bfirst message must\b[^.]{0,30}\buser\b",
    re.IGNORECASE,
)
_EMPTY_REFUSED: Final = re.compile(
    r"\bcontent blocks? must (?:be non-empty|contain non-whitespace)|\bmust have non-empty content"
    r"|\b(?:text|content) field in the \w+ object\b.*\bis (?:blank|empty)",
    re.IGNORECASE,
)
"""As Anthropic and Bedrock say it, also behind gateways."""
_SHORT_IDS: Final = re.compile(r"\btool call id\b.*\blength of 9\b", re.IGNORECASE | re.DOTALL)
_TEMPLATE_STATUSES: Final = frozenset({400, 422, 500})
"""Statuses of servers whose template of a model refuses what it was sent."""
_NO_SUCH_API: Final = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)
REFUSED_STATUSES: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_TRANSIENT: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_FAILED_GENERATION: Final = frozenset({"json_validate_failed", "tool_use_failed"})
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}")
_STATUS_KEYS: Final = (*CODES, "status", "status_code", "statusCode", "type")
_STATUSES_IN_STREAMS: Final[Mapping[str, int]] = {
    **{str(int(one)): int(one) for one in (*_TRANSIENT, *REFUSED_STATUSES, *_TOO_LONG_STATUSES)},
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limit_error": HTTPStatus.TOO_MANY_REQUESTS,
    "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "overloaded_error": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status that an error in a stream tells by its code or type."""
_AWAY: Final = frozenset({UNREACHABLE, SLOW, SERVER_ERROR, RATE_LIMITED, QUOTA, AUTH_FAILED})


class AssistError(HomeAssistantError):
    """What Assist itself found wrong: the error has a sentence of its own."""

    def __init__(self, key: str, **placeholders: object) -> None:
        """Take the key of the sentence, and what it shows."""
        self.key = key
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={name: str(value) for name, value in placeholders.items()},
        )


class SessionLost(AssistError):
    """A realtime session ended before the answer was complete."""

    def __init__(self) -> None:
        """Take nothing: the sentence says all."""
        super().__init__(SESSION_LOST)


class CallMalformed(AssistError):
    """The model has written a tool call that its service could not read; the next one may do."""

    def __init__(self) -> None:
        """Take nothing: the sentence says all."""
        super().__init__(ANSWER_EMPTY)


class NoSpeechRecognized(AssistError):
    """The service has not said what it heard."""

    def __init__(self) -> None:
        """Take nothing: the sentence says all."""
        super().__init__(STT_NO_ANSWER)


def _status(err: HomeAssistantError) -> int | None:
    """Return the HTTP status of an error, None where it has none."""
    return err.status if isinstance(err, ApiError) else None


def status_in(event: Any) -> int | None:
    """Return the HTTP status that an error in a stream tells; None if it tells none.

    Only those that say whether to ask otherwise, or again: the key, for one, was accepted.
    """
    error = event.get("error") if isinstance(event, dict) else None
    for place in (error, event):
        if isinstance(place, dict):
            codes = (str(place.get(key)).lower() for key in _STATUS_KEYS)
            if (
                code := next((one for one in codes if one in _STATUSES_IN_STREAMS), None)
            ) is not None:
                return _STATUSES_IN_STREAMS[code]
    return None


def has_status(err: HomeAssistantError, statuses: Collection[int]) -> bool:
    """Tell whether a service has answered with one of these statuses.

    Some services, such as LM Studio, begin a stream before they look at the request: what they
    say then has often no status at all.
    """
    if isinstance(err, ErrorInStream | ErrorInResponse) and err.status is None:
        return True
    return _status(err) in statuses


def is_model_unknown(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the service does not have the model."""
    statuses = {*REFUSED_STATUSES, HTTPStatus.NOT_FOUND}
    if not isinstance(err, ApiError) or not has_status(err, statuses):
        return False
    if err.param not in {None, "", "model"}:
        # It is about something else that the model does not take.
        return False
    return "model_not_found" in (err.code or "") or (
        err.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}
        and bool(_MODEL_UNKNOWN.search(err.message or ""))
        and not _OF_SOMETHING_ELSE.search(err.message or "")
    )


def is_api_unsupported(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the service does not have an API at all."""
    if isinstance(err, UnexpectedBody | MethodMissing):
        # A web page in place of an answer is what some servers have for any path.
        return True
    return _status(err) in _NO_SUCH_API and not is_model_unknown(err)


def is_bad_request(err: HomeAssistantError) -> bool:
    """Tell whether the service knows the API, and refuses the request (400)."""
    return _status(err) == HTTPStatus.BAD_REQUEST


def names(
    err: HomeAssistantError, parameter: str, statuses: Collection[int] = REFUSED_STATUSES
) -> bool:
    """Tell whether a refusal is about a parameter of the request."""
    return has_status(err, statuses) and parameter in _said(err)


def is_about(err: HomeAssistantError, words: re.Pattern[str], statuses: Collection[int]) -> bool:
    """Tell whether a refusal says any of these words."""
    return has_status(err, statuses) and bool(words.search(_said(err)))


def _said(err: HomeAssistantError) -> str:
    """Return all that a service says in an error."""
    if not isinstance(err, ApiError):
        return ""
    return "\n".join(fact for fact in (err.param, err.message, err.code) if fact)


def is_stream_refused(err: HomeAssistantError) -> bool:
    """Tell whether an error says that what was asked for cannot be streamed."""
    if not isinstance(err, ApiError) or not has_status(err, _NO_STREAM_STATUSES):
        return False
    return err.param == "stream" or bool(_NO_STREAM.search(err.message or ""))


def is_too_long(err: HomeAssistantError) -> bool:
    """Tell whether an error says that a question is too long for the model, with all before it."""
    if not isinstance(err, ApiError):
        return False
    if err.status == HTTPStatus.TOO_MANY_REQUESTS:
        # Waiting does not help where one request is more than a minute may have.
        return "request too large" in (err.message or "").lower()
    return has_status(err, _TOO_LONG_STATUSES) and bool(
        _TOO_LONG.search(f"{err.code or ''} {err.message or ''}")
    )


def is_system_role_refused(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the model cannot be told anything but by a user."""
    return _is_of_template(err, _ROLE_REFUSED)


def is_order_refused(err: HomeAssistantError) -> bool:
    """Tell whether an error says that somebody else has to speak first, or now."""
    return _is_of_template(err, _ORDER_REFUSED)


def wants_short_ids(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the ids of calls must have nine letters or digits."""
    return _is_of_template(err, _SHORT_IDS)


def is_empty_text_refused(err: HomeAssistantError) -> bool:
    """Tell whether an error says that a message must not have an empty text."""
    return _is_of_template(err, _EMPTY_REFUSED)


def _is_of_template(err: HomeAssistantError, pattern: re.Pattern[str]) -> bool:
    """Tell whether the template of a model refuses something."""
    return (
        isinstance(err, ApiError)
        and has_status(err, _TEMPLATE_STATUSES)
        and bool(pattern.search(err.message or ""))
    )


def is_transient(err: HomeAssistantError) -> bool:
    """Tell whether the same request may well succeed when it is sent again at once."""
    return (
        isinstance(err, ConnectionFailed | CallMalformed)
        or _status(err) in _TRANSIENT
        # What a model has written made no sense to Groq: the next time it may.
        or (isinstance(err, ApiError) and err.code in _FAILED_GENERATION)
    )


def pause_of(err: HomeAssistantError) -> float:
    """Return the seconds after which a busy service says that it can be asked again; else 0."""
    found = _PAUSE.search(err.message or "") if isinstance(err, ApiError) else None
    if found is None or _status(err) != HTTPStatus.TOO_MANY_REQUESTS:
        return 0.0
    minutes, number, unit = found.groups()
    seconds = float(number) / (1000 if unit and unit.startswith("m") else 1)
    return float(minutes or 0) * 60 + seconds


def is_away(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the service cannot answer now, whatever it is asked."""
    return isinstance(err, ApiError) and _sentence(err) in _AWAY


def _sentence(err: ApiError) -> str:
    """Return the key of the sentence for a kind of error."""
    if isinstance(err, ErrorInStream | ErrorInResponse):
        if err.is_quota_exceeded:
            return QUOTA
        if err.status is not None and err.status in _IN_STREAMS:
            return _IN_STREAMS[err.status]
    return next((key for kind, key in _SENTENCES if isinstance(err, kind)), FAILED)


def spoken_key(err: HomeAssistantError) -> str:
    """Return the key of the sentence for an error of a request."""
    if isinstance(err, AssistError):
        return err.key
    if not isinstance(err, ApiError):
        return FAILED
    if is_model_unknown(err):
        return MODEL_UNKNOWN
    if err.status in _NO_SUCH_API:
        return API_UNSUPPORTED
    return _sentence(err)


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
    tag = language.replace("_", "-")
    # It becomes the name of a file.
    tags = (tag, tag.partition("-")[0]) if _LANGUAGE.fullmatch(tag) else ()
    for candidate in dict.fromkeys(tags):
        if (text := await _async_text(hass, candidate, key)) != english:
            break
    shown = {name: str(value) for name, value in values.items()}
    return HomeAssistantError(
        text.format_map(values),
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=shown,
    )


async def _async_text(hass: HomeAssistant, language: str, key: str) -> str:
    """Return the text of an error in a language, in English where it has none."""
    texts = await async_get_translations(hass, language, "exceptions", [DOMAIN])
    return texts.get(f"component.{DOMAIN}.exceptions.{key}.message", key)
