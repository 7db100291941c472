"""Turns what goes wrong into errors that a person at home can act on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
import re
from typing import ClassVar, NoReturn, Protocol, TypedDict

import aiohttp
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import httpx2
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    OpenAIError,
)

from .const import DOMAIN
from .error_bodies import details_in

MAX_ERROR_TEXT = 500
# Keys, signing secrets, and what makes the address of a webhook one to be kept.
_SECRET_PATTERN = re.compile(
    r"\b(?:sk|ek|rk)[-_][\w*.-]{6,}|\bwhsec_[\w*+/=-]+|(?<=/api/webhook/)\w+",
)
# What is looked at of a text that may be of any length.
_MAX_INPUT_TEXT = 20_000
# Both alternatives end where the next tag begins, or with the text: it is read through but once.
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<(style|script)\b.*?(?:</\1>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE
)
_UNKNOWN = "–"
# As OpenAI, OpenRouter, LiteLLM, DeepSeek, Zhipu and Gemini name a used-up account.
_QUOTA_CODES = frozenset(
    {
        "1113",
        "billing_hard_limit_reached",
        "billing_not_active",
        "budget_exceeded",
        "exceeded_current_quota",
        "insufficient_balance",
        "insufficient_credits",
        "insufficient_funds",
        "insufficient_quota",
        "insufficient_user_quota",
        "payment_required",
    }
)
_REQUEST_FAULT = re.compile(
    r"\bnot supported?\b|\bunsupported\b|does not support|not implemented|mmproj"
    r"|too (?:large|long|many tokens)|exceeds? the (?:available |maximum )?context"
    r"|validation errors?\b|unknown role|invalid role|must (?:be|have|contain)\b"
    r"|failed to (?:decode|load|open|read) (?:the )?(?:audio|image)",
    re.IGNORECASE,
)
_QUOTA_WORDS = re.compile(
    r"exceeded your current quota|insufficient (?:account )?(?:balance|credit|funds|quota)"
    r"|budget has been exceeded|exceeded budget|billing hard limit|account is not active"
    r"|credit balance is too low|out of credits|余额不足",
    re.IGNORECASE,
)


class ErrorSettings(Protocol):
    """What the texts of errors need of the settings of a service."""

    @property
    def timeout(self) -> float:
        """Seconds that a caller waits for an answer."""

    def redact(self, text: str) -> str:
        """Return the text with `***` in place of every secret of the service."""


class ErrorDetails(TypedDict):
    """What a server says of an error, fit to show; a dash where it says nothing."""

    code: str
    param: str
    message: str


class ApiError(HomeAssistantError):
    """A call to the service failed.

    Each subclass names the translation of its text; the placeholders of that text and the facts
    that decide what follows (`status`, `code`) are attributes of the exception.
    """

    key: ClassVar[str]
    """The translation key of the message."""

    def __init__(
        self,
        *,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        **placeholders: str,
    ) -> None:
        """Take the HTTP status, and code and message of the server, where it sent any."""
        self.status = status
        self.code = None if code == _UNKNOWN else code
        self.message = None if message == _UNKNOWN else message
        facts = {"status": status, "code": code, "message": message}
        placeholders |= {name: str(fact) for name, fact in facts.items() if fact is not None}
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=self.key,
            translation_placeholders=placeholders,
        )

    @property
    def is_quota_exceeded(self) -> bool:
        """Whether the error, however it came, says that no quota or credit is left."""
        return isinstance(self, QuotaExceeded) or is_quota_exceeded(
            self.status, self.code, self.message
        )


class HostUnreachable(ApiError):
    """The server is down, cannot be found, or fails by itself."""


class ConnectionFailed(HostUnreachable):
    """No connection could be made, or it was lost before the response was complete."""

    key = "cannot_connect"


class CertificateNotTrusted(HostUnreachable):
    """The TLS certificate of the server is not one that Home Assistant trusts."""

    key = "certificate_not_trusted"


class RequestTimedOut(HostUnreachable):
    """The server did not respond in time."""

    key = "timed_out"


class ServerError(HostUnreachable):
    """The server failed: HTTP status 500 and above, except 501."""

    key = "server_error"


class RequestFailed(ApiError):
    """The server gave up on the request (408), but is at work."""

    key = "server_error"


class HostRedirected(ApiError):
    """The server answered with a redirect, which is never followed: the key stays here."""

    key = "redirected"

    @property
    def is_permanent(self) -> bool:
        """Whether the server has another address from now on."""
        return self.status in {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT}


class AuthenticationFailed(ApiError):
    """The server does not accept the API key (401)."""

    key = "auth_failed"


class PermissionDenied(ApiError):
    """The API key is valid, but may not do this (403)."""

    key = "forbidden"


class RateLimited(ApiError):
    """The server takes no more requests for a while (429)."""

    key = "rate_limited"


class QuotaExceeded(ApiError):
    """There is no quota or credit left; waiting a little does not help."""

    key = "quota_used_up"


class RequestRejected(ApiError, ServiceValidationError):
    """The server refuses the request as the caller made it (400, 404, 413, 422, …)."""

    key = "refused"


class ErrorInResponse(ApiError):
    """The response has a status of success, and holds an error."""

    key = "host_error"


class ErrorInStream(ApiError):
    """The server ended a stream with an error."""

    key = "stream_error"


class HandshakeFailed(ApiError):
    """The server did not open a WebSocket this time."""

    key = "websocket_refused"


class ConnectionRejected(HandshakeFailed):
    """The server refuses to open a WebSocket, and will do so again."""


class WebSocketMissing(ConnectionRejected):
    """The server has no WebSocket of this kind."""

    key = "websocket_missing"


class MethodMissing(ApiError):
    """The installed SDK has no such method."""

    key = "method_missing"

    def __init__(self, method: str) -> None:
        """Take the name of the method, such as `responses.create`."""
        super().__init__(method=method)
        self.method = method


class StorageError(HomeAssistantError):
    """A file could not be written to the media folder."""

    def __init__(self, message: str) -> None:
        """Take the reason in the words of the operating system."""
        self.message = message
        super().__init__(
            translation_domain=DOMAIN,
            translation_key="folder_not_writable",
            translation_placeholders={"message": message},
        )


class SdkPassthroughError(OpenAIError):
    """Carries an error of ours past the SDK, which tries again after any but its own kind."""

    def __init__(self, error: HomeAssistantError) -> None:
        """Take the error to be raised in the end."""
        super().__init__(str(error))
        self.error = error


def localized_error[E: HomeAssistantError](
    error_class: type[E], key: str, **placeholders: object
) -> E:
    """Return an error of a kind with its translated text."""
    return error_class(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={name: str(value) for name, value in placeholders.items()},
    )


def validation_error(key: str, **placeholders: object) -> ServiceValidationError:
    """Return the translated error for something that the caller can put right."""
    return localized_error(ServiceValidationError, key, **placeholders)


def api_error(key: str, **placeholders: object) -> HomeAssistantError:
    """Return the translated error for something that the caller cannot put right."""
    return localized_error(HomeAssistantError, key, **placeholders)


def sanitize(text: str, settings: ErrorSettings) -> str:
    """Return a foreign text fit to show: no markup, no signs that cannot be seen, no key, short."""
    words = " ".join(_TAG.sub(" ", text[:_MAX_INPUT_TEXT]).split())
    words = "".join(sign for sign in words if sign.isprintable())
    words = _SECRET_PATTERN.sub("***", settings.redact(words))
    return words if len(words) <= MAX_ERROR_TEXT else f"{words[:MAX_ERROR_TEXT]}…"


def parse_error_body(body: object, settings: ErrorSettings) -> ErrorDetails:
    """Return the code, parameter and message of a host's error object or error text."""

    def shown(value: object) -> str:
        # Gateways in Python write nothing as "None".
        return sanitize(str(value), settings) if value and value != "None" else _UNKNOWN

    details = details_in(body)
    return ErrorDetails(
        code=shown(details["code"]),
        param=shown(details["param"]),
        message=shown(details["message"]),
    )


def _status_error(err: APIStatusError, settings: ErrorSettings) -> ApiError:
    """Return the error for a response with an error status."""
    return status_error(
        err.status_code,
        parse_error_body(err.body, settings),
        sanitize(err.request_id or "", settings),
    )


def status_error(status: int, details: ErrorDetails, request_id: str) -> ApiError:
    """Return the error for an HTTP status.

    `details` are `{"code": …, "param": …, "message": …}` as `parse_error_body` returns them.
    """
    if 300 <= status < 400:
        return HostRedirected(status=status)
    kind: type[ApiError]
    if is_request_fault(status, details["message"]):
        kind = RequestRejected
    elif is_quota_exceeded(status, details["code"], details["message"]):
        kind = QuotaExceeded
    elif status in _ERROR_CLASSES:
        kind = _ERROR_CLASSES[HTTPStatus(status)]
    elif is_server_error(status):
        kind = ServerError
    else:
        kind = RequestRejected
    return kind(status=status, request_id=request_id or _UNKNOWN, **details)


_ERROR_CLASSES: Mapping[HTTPStatus, type[ApiError]] = {
    HTTPStatus.UNAUTHORIZED: AuthenticationFailed,
    HTTPStatus.FORBIDDEN: PermissionDenied,
    HTTPStatus.REQUEST_TIMEOUT: RequestFailed,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}


def is_server_error(status: int) -> bool:
    """Return whether a status says that the server, and not the request, is at fault."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED


def is_request_fault(status: int, message: object) -> bool:
    """Return whether a server blames the request, though its status says it failed itself.

    llama.cpp, llama-cpp-python and OGX answer 500, and llama.cpp 501, to input that the loaded
    model does not support. Trying again cannot help, and the server is at work.
    """
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return True
    return (
        status == HTTPStatus.INTERNAL_SERVER_ERROR
        and isinstance(message, str)
        and _REQUEST_FAULT.search(message) is not None
    )


def is_quota_exceeded(status: int | None, code: object, message: object = None) -> bool:
    """Return whether an error says that there is no quota or credit left.

    OpenAI, Azure and most gateways have a code for it; others only use status 402 or words. A
    word counts with a status that refuses (400 to 429) or none, so that a model's prose does not.
    """
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return True
    if isinstance(code, str) and code.lower() in _QUOTA_CODES:
        return True
    if isinstance(code, str) and "insufficient_quota" in code:
        return True
    if status is not None and not 400 <= status <= HTTPStatus.TOO_MANY_REQUESTS:
        return False
    return isinstance(message, str) and _QUOTA_WORDS.search(message) is not None


def translate(err: Exception, settings: ErrorSettings, seconds: float | None = None) -> Exception:
    """Return the Home Assistant error that says what happened; others come back as they are."""
    match err:
        case SdkPassthroughError():
            return err.error
        case APIStatusError():
            return _status_error(err, settings)
        case APITimeoutError() | TimeoutError() | httpx2.TimeoutException():
            return RequestTimedOut(seconds=f"{seconds or settings.timeout:g}")
        case APIConnectionError() | httpx2.RequestError():
            cause = err.__cause__ or err
            if isinstance(refused := cause.__cause__, aiohttp.ClientConnectorCertificateError):
                reason = getattr(refused.certificate_error, "verify_message", _UNKNOWN)
                return CertificateNotTrusted(message=reason)
            return ConnectionFailed(message=sanitize(str(cause), settings))
        case APIError():
            return ErrorInResponse(**parse_error_body(err.body or err.message, settings))
        case OpenAIError():
            return api_error("sdk_error", message=sanitize(str(err), settings))
        case TypeError() | ValueError() | httpx2.InvalidURL():
            # What the SDK finds wrong with its arguments before it sends anything.
            return validation_error("invalid_arguments", message=sanitize(str(err), settings))
    return err


@contextmanager
def raise_translated_errors(
    settings: ErrorSettings, seconds: float | None = None
) -> Iterator[None]:
    """Raise what the SDK and its HTTP client raise as Home Assistant errors."""
    try:
        yield
    except HomeAssistantError:
        raise
    except Exception as err:  # noqa: BLE001
        _raise(translate(err, settings, seconds), err)


def _raise(translated_error: Exception, original: Exception) -> NoReturn:
    """Raise without the original: its text may quote the host, and tracebacks are logged."""
    if translated_error is original:
        raise original
    raise translated_error from None
