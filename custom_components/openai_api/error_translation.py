"""Turns what the SDK, its HTTP client and servers report into translated errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
import errno
from http import HTTPStatus
from typing import NoReturn, TypedDict

import aiohttp
from homeassistant.exceptions import HomeAssistantError
import httpx2
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    OpenAIError,
)
import orjson

from .error_bodies import as_text, details_in
from .error_rules import is_quota_exceeded, is_request_fault, is_server_error
from .exceptions import (
    ApiError,
    AuthenticationFailed,
    CertificateNotTrusted,
    ConnectionDropped,
    ConnectionFailed,
    ErrorInResponse,
    ErrorSettings,
    HostNotFound,
    HostRedirected,
    PermissionDenied,
    PortClosed,
    QuotaExceeded,
    RateLimited,
    RequestFailed,
    RequestRejected,
    RequestTimedOut,
    SdkPassthroughError,
    ServerError,
    api_error,
    sanitize,
    validation_error,
)


class ErrorDetails(TypedDict):
    """What a server says of an error, fit to show; None where it says nothing."""

    code: str | None
    param: str | None
    message: str | None


def parse_error_body(body: object, settings: ErrorSettings) -> ErrorDetails:
    """Return the code, parameter and message of a server's error body, fit to show."""

    def shown(value: object) -> str | None:
        # Gateways in Python write nothing as "None".
        said = value and value != "None"
        return (sanitize(as_text(value), settings) or None) if said else None

    details = details_in(body)
    return ErrorDetails(
        code=shown(details["code"]),
        param=shown(details["param"]),
        message=shown(details["message"]),
    )


def _whole_body(err: APIStatusError) -> object:
    """Return the body of an error; of an object, the SDK keeps but its `error`."""
    with suppress(orjson.JSONDecodeError, httpx2.StreamError):
        if isinstance(body := orjson.loads(err.response.content), dict):
            return body
    return err.body


def _status_error(err: APIStatusError, settings: ErrorSettings) -> ApiError:
    """Return the error for a response with an error status."""
    error = status_error(
        err.status_code,
        parse_error_body(_whole_body(err), settings),
        sanitize(err.request_id or "", settings) or None,
    )
    error.retry_after = _retry_after(err.response.headers)
    return error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the pause that a response asks for, in seconds; None where it names none."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1)):
        with suppress(KeyError, ValueError):
            if (seconds := float(headers[name]) * unit) >= 0:
                return seconds
    return None


def status_error(status: int, details: ErrorDetails, request_id: str | None) -> ApiError:
    """Return the error for an HTTP status.

    `details` are `{"code": …, "param": …, "message": …}` as `parse_error_body` returns them.
    """
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return HostRedirected(status=status)
    error_type: type[ApiError]
    if is_request_fault(status, details["message"]):
        error_type = RequestRejected
    elif is_quota_exceeded(status, details["code"], details["message"]):
        error_type = QuotaExceeded
    elif status in _ERROR_CLASSES:
        error_type = _ERROR_CLASSES[HTTPStatus(status)]
    elif is_server_error(status):
        error_type = ServerError
    else:
        error_type = RequestRejected
    return error_type(status=status, request_id=request_id, **details)


_ERROR_CLASSES: Mapping[HTTPStatus, type[ApiError]] = {
    HTTPStatus.UNAUTHORIZED: AuthenticationFailed,
    HTTPStatus.FORBIDDEN: PermissionDenied,
    HTTPStatus.REQUEST_TIMEOUT: RequestFailed,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}


def translate(err: Exception, settings: ErrorSettings, seconds: float | None = None) -> Exception:
    """Return the Home Assistant error for an error of the SDK or its HTTP client.

    `seconds` is the time limit that has expired, by default the one of the service. Any other error
    is returned as it is.
    """
    match err:
        case SdkPassthroughError():
            return err.error
        case APIStatusError():
            return _status_error(err, settings)
        case APITimeoutError() | TimeoutError() | httpx2.TimeoutException():
            return RequestTimedOut(seconds=f"{seconds or settings.timeout:g}")
        case APIConnectionError() | httpx2.RequestError():
            return _connection_error(err.__cause__ or err, settings)
        case APIError():
            return ErrorInResponse(**parse_error_body(err.body or err.message, settings))
        case OpenAIError():
            return api_error("sdk_error", message=sanitize(str(err), settings))
        case TypeError() | ValueError() | httpx2.InvalidURL():
            # What the SDK finds wrong with its arguments before it sends anything.
            return validation_error("invalid_arguments", message=sanitize(str(err), settings))
    return err


def _connection_error(err: BaseException, settings: ErrorSettings) -> ApiError:
    """Return the error for one of httpx2, by the one of aiohttp that has caused it."""
    match err.__cause__:
        case aiohttp.ClientConnectorCertificateError(certificate_error=error):
            return CertificateNotTrusted(message=getattr(error, "verify_message", str(error)))
        case aiohttp.ClientConnectorDNSError(host=host):
            return HostNotFound(host=host)
        case aiohttp.ClientConnectorError(host=host, port=port, errno=number) if (
            number in _UNREACHABLE
        ):
            return PortClosed(host=host, port=str(port))
        case aiohttp.ServerDisconnectedError():
            return ConnectionDropped()
    return ConnectionFailed(message=sanitize(str(err), settings) or type(err).__name__)


_UNREACHABLE = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH}
)


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
