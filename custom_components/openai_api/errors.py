"""Turns what goes wrong into errors that a person at home can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
import re
from typing import NoReturn

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
from .settings import Settings

_LONGEST_QUOTE = 500
# Keys, signing secrets, and what makes the address of a webhook one to be kept.
_KEY_LIKE = re.compile(
    r"\b(?:sk|ek|rk)[-_][\w*.-]{6,}|\bwhsec_[\w*+/=-]+|(?<=/api/webhook/)\w+",
)
# What is looked at of a text that may be of any length.
_LONGEST_TEXT = 20_000
# Both alternatives end where the next tag begins, or with the text: it is read through but once.
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<(style|script)\b.*?(?:</\1>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE
)
_UNKNOWN = "–"


class AuthFailed(HomeAssistantError):
    """The host does not accept the key."""


class DeniedForGood(HomeAssistantError):
    """The host will give the same answer, however often it is asked."""


class Passed(OpenAIError):
    """Carries an error of ours past the SDK, which tries again after any but its own kind."""

    def __init__(self, error: HomeAssistantError) -> None:
        """Take the error to be raised in the end."""
        super().__init__(str(error))
        self.error = error


def translated_error[E: HomeAssistantError](kind: type[E], key: str, **placeholders: object) -> E:
    """Return an error of a kind with its translated text."""
    return kind(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={name: str(value) for name, value in placeholders.items()},
    )


def refusal(key: str, **placeholders: object) -> ServiceValidationError:
    """Return the translated error for something that the caller can put right."""
    return translated_error(ServiceValidationError, key, **placeholders)


def failure(key: str, **placeholders: object) -> HomeAssistantError:
    """Return the translated error for something that the caller cannot put right."""
    return translated_error(HomeAssistantError, key, **placeholders)


def quote(text: str, settings: Settings) -> str:
    """Return a foreign text fit to show: no markup, no signs that cannot be seen, no key, short."""
    words = " ".join(_TAG.sub(" ", text[:_LONGEST_TEXT]).split())
    words = "".join(sign for sign in words if sign.isprintable())
    words = _KEY_LIKE.sub("***", settings.redact(words))
    return words if len(words) <= _LONGEST_QUOTE else f"{words[:_LONGEST_QUOTE]}…"


def error_details(body: object, settings: Settings) -> dict[str, str]:
    """Return the code, parameter and message of a host's error object or error text."""
    return {
        # Gateways in Python write nothing as "None".
        name: quote(str(value), settings) if value and value != "None" else _UNKNOWN
        for name, value in details_in(body).items()
    }


def _status_error(err: APIStatusError, settings: Settings) -> HomeAssistantError:
    """Return the error for an answer with a status that says no."""
    status = err.status_code
    details = error_details(err.body, settings)
    request_id = quote(err.request_id or _UNKNOWN, settings)
    placeholders = {**details, "status": status, "request_id": request_id}
    if 300 <= status < 400:
        return failure("redirected", status=status)
    if status == 401:
        return translated_error(AuthFailed, "auth_failed", **placeholders)
    if status == 403:
        return failure("forbidden", **placeholders)
    if status == 429:
        key = "quota_used_up" if is_used_up(details["code"]) else "rate_limited"
        return failure(key, **placeholders)
    if status >= 500 or status == 408:
        return failure("server_error", **placeholders)
    return refusal("refused", **placeholders)


def is_trouble(status: int) -> bool:
    """Tell whether a status says that the host, and not the request, is at fault."""
    return status >= 500 and status != 501


def is_out_of_reach(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the host is not at work, or not to be found."""
    if err.translation_key in {"cannot_connect", "certificate_not_trusted", "timed_out"}:
        return True
    status = (err.translation_placeholders or {}).get("status", "")
    return status.isdecimal() and is_trouble(int(status))


def is_moved(err: HomeAssistantError) -> bool:
    """Tell whether an error says that the host has another address from now on."""
    status = (err.translation_placeholders or {}).get("status")
    return err.translation_key == "redirected" and status in {"301", "308"}


def is_used_up(code: object) -> bool:
    """Tell whether an error's code says that there is no quota left."""
    return isinstance(code, str) and "insufficient_quota" in code


def translate(err: Exception, settings: Settings, seconds: float | None = None) -> Exception:
    """Return the Home Assistant error that says what happened; others come back as they are."""
    match err:
        case Passed():
            return err.error
        case APIStatusError():
            return _status_error(err, settings)
        case APITimeoutError() | TimeoutError() | httpx2.TimeoutException():
            return failure("timed_out", seconds=f"{seconds or settings.timeout:g}")
        case APIConnectionError() | httpx2.RequestError():
            cause = err.__cause__ or err
            if isinstance(refused := cause.__cause__, aiohttp.ClientConnectorCertificateError):
                reason = getattr(refused.certificate_error, "verify_message", _UNKNOWN)
                return failure("certificate_not_trusted", message=reason)
            return failure("cannot_connect", message=quote(str(cause), settings))
        case APIError():
            return failure("host_error", **error_details(err.body or err.message, settings))
        case OpenAIError():
            return failure("sdk_error", message=quote(str(err), settings))
        case TypeError() | ValueError() | httpx2.InvalidURL():
            # What the SDK finds wrong with its arguments before it sends anything.
            return refusal("invalid_arguments", message=quote(str(err), settings))
    return err


@contextmanager
def translated(settings: Settings, seconds: float | None = None) -> Iterator[None]:
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
