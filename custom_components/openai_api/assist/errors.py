"""Errors of Assist: what a service rejects, and which message a person gets."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
import re
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError

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

_KEYS_BY_CLASS: Final[tuple[tuple[type[ApiError], str], ...]] = (
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
"""The translation key by the class of an error; the first class that fits counts."""
_STREAM_KEYS: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: REFUSED,
    HTTPStatus.UNPROCESSABLE_ENTITY: REFUSED,
    HTTPStatus.TOO_MANY_REQUESTS: RATE_LIMITED,
}
"""The translation key of an error in a stream or a response, by its status."""
_MODEL_UNKNOWN: Final = re.compile(
    r"\bmodels?\b.*\b(not found|not exist|unknown|not available|no such|invalid|not supported)"
    r"|\b(unknown|no such|invalid|unsupported|not a valid)\b.*\bmodel\b",
    re.IGNORECASE | re.DOTALL,
)
_OTHER_SUBJECT: Final = re.compile(
    r"\b(?:parameters?|arguments?|property|properties|inputs?|tools|tool use|response_format"
    r"|image_url|unsupported value)\b",
    re.IGNORECASE,
)
"""What the message of an error names that is about the request, not about the model."""
_NO_STREAM: Final = re.compile(
    r"\b(?:to stream\b|tools with stream\b|streaming (?:is )?(?:not|un)"
    r"|(?:not|n't) support stream|[\"'`]stream[\"'`])",
    re.IGNORECASE,
)
_RETRY_AFTER: Final = re.compile(
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
"""Statuses of servers whose template of a model rejects the messages."""
_API_MISSING_STATUSES: Final = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)
REJECTED_STATUSES: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
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
_RETRY_DELAYS: Final = (0.5, 1.0)
"""Seconds before each further attempt where a busy service names none."""
_MAX_RETRY_DELAY: Final = 10.0
"""Seconds that a person may wait for a busy service."""
_STATUS_KEYS: Final = (*CODES, "status", "status_code", "statusCode", "type")
_STREAM_STATUSES: Final[Mapping[str, int]] = {
    **{
        str(int(code)): int(code) for code in (*_TRANSIENT, *REJECTED_STATUSES, *_TOO_LONG_STATUSES)
    },
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limit_error": HTTPStatus.TOO_MANY_REQUESTS,
    "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "overloaded_error": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of an error in a stream, by its code or type."""
_UNAVAILABLE_KEYS: Final = frozenset(
    {UNREACHABLE, SLOW, SERVER_ERROR, RATE_LIMITED, QUOTA, AUTH_FAILED}
)


class AssistError(HomeAssistantError):
    """An error of Assist itself, with a message of its own."""

    def __init__(self, key: str, **placeholders: object) -> None:
        """Take the translation key of the message, and its placeholders."""
        self.key = key
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={name: str(value) for name, value in placeholders.items()},
        )


class SessionLost(AssistError):
    """A realtime session ended before the answer was complete."""

    def __init__(self) -> None:
        super().__init__(SESSION_LOST)


class CallMalformed(AssistError):
    """The service could not parse a tool call of the model; the next one may be valid."""

    def __init__(self) -> None:
        super().__init__(ANSWER_EMPTY)


class NoSpeechRecognized(AssistError):
    """The service has sent no transcript."""

    def __init__(self) -> None:
        super().__init__(STT_NO_ANSWER)


def _status(err: HomeAssistantError) -> int | None:
    """Return the HTTP status of an error, None where it has none."""
    return err.status if isinstance(err, ApiError) else None


def status_from_codes(event: Any) -> int | None:
    """Return the HTTP status that an error in a stream names by its code; None if it names none.

    Only statuses that decide whether to change the request or send it again.
    """
    error = event.get("error") if isinstance(event, dict) else None
    for source in (error, event):
        if isinstance(source, dict):
            codes = (str(source.get(key)).lower() for key in _STATUS_KEYS)
            code = next((code for code in codes if code in _STREAM_STATUSES), None)
            if code is not None:
                return _STREAM_STATUSES[code]
    return None


def has_status(err: HomeAssistantError, statuses: Collection[int]) -> bool:
    """Return whether an error has one of these statuses.

    Some services, such as LM Studio, begin a stream before they look at the request: their errors
    often have no status, and count as any.
    """
    if isinstance(err, ErrorInStream | ErrorInResponse) and err.status is None:
        return True
    return _status(err) in statuses


def is_model_unknown(err: HomeAssistantError) -> bool:
    """Return whether an error says that the service does not have the model."""
    statuses = {*REJECTED_STATUSES, HTTPStatus.NOT_FOUND}
    if not isinstance(err, ApiError) or not has_status(err, statuses):
        return False
    if err.param not in {None, "", "model"}:
        # The model exists, but rejects another parameter.
        return False
    return "model_not_found" in (err.code or "") or (
        err.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}
        and bool(_MODEL_UNKNOWN.search(err.message or ""))
        and not _OTHER_SUBJECT.search(err.message or "")
    )


def is_api_unsupported(err: HomeAssistantError) -> bool:
    """Return whether an error says that the service does not have an API at all."""
    if isinstance(err, UnexpectedBody | MethodMissing):
        # Some servers return a web page for any path.
        return True
    return _status(err) in _API_MISSING_STATUSES and not is_model_unknown(err)


def is_bad_request(err: HomeAssistantError) -> bool:
    """Return whether the service supports the API, and rejects the request (400)."""
    return _status(err) == HTTPStatus.BAD_REQUEST


def mentions_parameter(
    err: HomeAssistantError, parameter: str, statuses: Collection[int] = REJECTED_STATUSES
) -> bool:
    """Return whether an error is about a parameter of the request."""
    return has_status(err, statuses) and parameter in _text_of(err)


def matches(err: HomeAssistantError, pattern: re.Pattern[str], statuses: Collection[int]) -> bool:
    """Return whether an error of the service matches a pattern and has one of these statuses."""
    return has_status(err, statuses) and pattern.search(_text_of(err)) is not None


def _text_of(err: HomeAssistantError) -> str:
    """Return all that a service says in an error."""
    if not isinstance(err, ApiError):
        return ""
    return "\n".join(fact for fact in (err.param, err.message, err.code) if fact)


def is_stream_rejected(err: HomeAssistantError) -> bool:
    """Return whether an error says that the response cannot be streamed."""
    if not isinstance(err, ApiError) or not has_status(err, _NO_STREAM_STATUSES):
        return False
    return err.param == "stream" or bool(_NO_STREAM.search(err.message or ""))


def is_context_too_long(err: HomeAssistantError) -> bool:
    """Return whether an error says that the input is too long for the context of the model."""
    if not isinstance(err, ApiError):
        return False
    if err.status == HTTPStatus.TOO_MANY_REQUESTS:
        # Waiting does not help where one request is more than a minute may have.
        return "request too large" in (err.message or "").lower()
    return has_status(err, _TOO_LONG_STATUSES) and bool(
        _TOO_LONG.search(f"{err.code or ''} {err.message or ''}")
    )


def is_system_role_rejected(err: HomeAssistantError) -> bool:
    """Return whether an error says that the template of the model has no system role."""
    return _is_template_error(err, _ROLE_REFUSED)


def is_role_order_rejected(err: HomeAssistantError) -> bool:
    """Return whether an error is about the order of the roles."""
    return _is_template_error(err, _ORDER_REFUSED)


def is_short_ids_required(err: HomeAssistantError) -> bool:
    """Return whether an error says that the ids of calls must have nine letters or digits."""
    return _is_template_error(err, _SHORT_IDS)


def is_empty_text_rejected(err: HomeAssistantError) -> bool:
    """Return whether an error says that a message must not have an empty text."""
    return _is_template_error(err, _EMPTY_REFUSED)


def _is_template_error(err: HomeAssistantError, pattern: re.Pattern[str]) -> bool:
    """Return whether the error of a model's template matches a pattern."""
    return (
        isinstance(err, ApiError)
        and has_status(err, _TEMPLATE_STATUSES)
        and bool(pattern.search(err.message or ""))
    )


def retry_delay(err: HomeAssistantError, retries: int) -> float | None:
    """Return the seconds after which the same request may well succeed, None where it will not.

    `retries` is how often it was sent again already. A busy service often needs a moment: it is
    given the pause that it asks for, in a header or in its message, else half a second and more.
    """
    if isinstance(err, ConnectionFailed | CallMalformed) or (
        # Groq could not parse what the model has written: the next time it may be valid.
        isinstance(err, ApiError) and err.code in _FAILED_GENERATION
    ):
        return None if retries else 0.0
    if not isinstance(err, ApiError) or err.status not in _TRANSIENT or err.is_quota_exceeded:
        return None
    delays = (_delay_in_message(err), err.retry_after, *_RETRY_DELAYS[retries:])
    delay = next((seconds for seconds in delays if seconds is not None), None)
    has_retries = retries < len(_RETRY_DELAYS)
    return delay if has_retries and delay is not None and delay <= _MAX_RETRY_DELAY else None


def _delay_in_message(err: ApiError) -> float | None:
    """Return the seconds after which a message says that a busy service can be asked again."""
    match = _RETRY_AFTER.search(err.message or "")
    if match is None or err.status != HTTPStatus.TOO_MANY_REQUESTS:
        return None
    minutes, number, unit = match.groups()
    seconds = float(number) / (1000 if unit and unit.startswith("m") else 1)
    return float(minutes or 0) * 60 + seconds


def is_service_unavailable(err: HomeAssistantError) -> bool:
    """Return whether an error says that the service is unavailable, whatever the request."""
    return isinstance(err, ApiError) and _key_of(err) in _UNAVAILABLE_KEYS


def _key_of(err: ApiError) -> str:
    """Return the translation key for the class of an error."""
    if isinstance(err, ErrorInStream | ErrorInResponse):
        if err.is_quota_exceeded:
            return QUOTA
        if err.status is not None and err.status in _STREAM_KEYS:
            return _STREAM_KEYS[err.status]
    return next((key for kind, key in _KEYS_BY_CLASS if isinstance(err, kind)), FAILED)


def error_translation_key(err: HomeAssistantError) -> str:
    """Return the translation key of the message for an error."""
    if isinstance(err, AssistError):
        return err.key
    if not isinstance(err, ApiError):
        return FAILED
    if is_model_unknown(err):
        return MODEL_UNKNOWN
    if err.status in _API_MISSING_STATUSES:
        return API_UNSUPPORTED
    return _key_of(err)
