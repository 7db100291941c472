"""Turns what goes wrong into errors that a person at home can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
import re
from typing import Any, NoReturn

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
from .settings import Settings

_LONGEST_QUOTE = 500
_KEY_LIKE = re.compile(r"\b(?:sk|ek|rk|whsec)[-_][\w*.-]{6,}")
_TAG = re.compile(r"<(style|script|head)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_UNKNOWN = "–"


class AuthFailed(HomeAssistantError):
    """The host does not accept the key."""


class DeniedForGood(HomeAssistantError):
    """The host will give the same answer, however often it is asked."""


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
    """Return a foreign text fit to show: no markup, no key, not too long."""
    words = " ".join(_TAG.sub(" ", text).split())
    words = _KEY_LIKE.sub("***", settings.redact(words))
    return words if len(words) <= _LONGEST_QUOTE else f"{words[:_LONGEST_QUOTE]}…"


def error_details(body: object, settings: Settings) -> dict[str, str]:
    """Return the code, parameter and message of a host's error object or error text."""
    found: Any = body
    if isinstance(body, dict) and isinstance(body.get("error"), dict | str):
        found = body["error"]
    if not isinstance(found, dict):
        found = {"message": found if isinstance(found, str) else ""}
    details = {
        "code": found.get("code") or found.get("type"),
        "param": found.get("param"),
        "message": found.get("message") or found.get("detail"),
    }
    return {
        name: quote(str(value), settings) if value else _UNKNOWN for name, value in details.items()
    }


def _status_error(err: APIStatusError, settings: Settings) -> HomeAssistantError:
    """Return the error for an answer with a status that says no."""
    status = err.status_code
    details = error_details(err.body, settings)
    placeholders = {**details, "status": status, "request_id": err.request_id or _UNKNOWN}
    if 300 <= status < 400:
        return failure("redirected", status=status)
    if status == 401:
        return translated_error(AuthFailed, "auth_failed", **placeholders)
    if status == 403:
        return failure("forbidden", **placeholders)
    if status == 429:
        used_up = "insufficient_quota" in details["code"]
        return failure("quota_used_up" if used_up else "rate_limited", **placeholders)
    if status >= 500 or status == 408:
        return failure("server_error", **placeholders)
    return refusal("refused", **placeholders)


def translate(err: Exception, settings: Settings, seconds: float | None = None) -> Exception:
    """Return the Home Assistant error that says what happened; others come back as they are."""
    match err:
        case APIStatusError():
            return _status_error(err, settings)
        case APITimeoutError() | TimeoutError() | httpx2.TimeoutException():
            return failure("timed_out", seconds=f"{seconds or settings.timeout:g}")
        case APIConnectionError() | httpx2.TransportError():
            cause = err.__cause__ or err
            return failure("cannot_connect", message=quote(str(cause), settings))
        case APIError():
            return failure("host_error", **error_details(err.body or err.message, settings))
        case OpenAIError():
            return failure("sdk_error", message=quote(str(err), settings))
        case TypeError() | ValueError():
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
