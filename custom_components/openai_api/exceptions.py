"""The errors that users can act on, each with its translation and its facts."""

from http import HTTPStatus
import re
from typing import ClassVar, Protocol

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from openai import OpenAIError

from .const import DOMAIN
from .error_rules import is_quota_exceeded

MAX_ERROR_TEXT = 500
# Keys, signing secrets, and what makes the address of a webhook one to be kept.
_SECRET_PATTERN = re.compile(
    r"\b(?:sk|ek|rk)[-_][\w*.-]{6,}|\bwhsec_[\w*+/=-]+|(?<=/api/webhook/)\w+",
)
# Characters of a text that are sanitized; the text may have any length.
_MAX_INPUT_TEXT = 20_000
# All alternatives end where the next tag begins, or with the text: it is read through but once.
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<(style|script)\b.*?(?:</\1>|\Z)|<(?=[a-z/!?])[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
_TITLE = re.compile(r"<title>([^<]*)</title>", re.IGNORECASE)
_END_TAG = re.compile(r"</\s*([\w:-]+)")
_NAME = re.compile(r"<([\w:-]++)(?:[^=/]*|//\S*)>")
_LONE_TAGS = frozenset({"b", "body", "br", "hr", "html", "i", "img", "li", "p", "td", "tr", "wbr"})
"""The names of tags that often stand without an end."""
BINARY_TYPE = "application/octet-stream"
"""What the body of a response is that does not say (RFC 9110, section 8.3)."""


class ErrorSettings(Protocol):
    """What the texts of errors need of the settings of a service."""

    @property
    def timeout(self) -> float:
        """Seconds that a caller waits for an answer."""

    def redact(self, text: str) -> str:
        """Return the text with `***` in place of every secret of the service."""


class ApiError(HomeAssistantError):
    """A call to the service failed.

    Each subclass names the translation of its text; the placeholders of that text and the facts
    that decide what follows (`status`, `code`, `param`) are attributes of the exception.
    """

    key: ClassVar[str]
    """The translation key of the message."""
    untold_key: ClassVar[str | None] = None
    """The translation key where the server says nothing at all."""
    retry_after: float | None = None
    """Seconds after which the server wants to be asked again, where it says so in a header."""

    def __init__(
        self,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
        details: str = "",
        **placeholders: str,
    ) -> None:
        """Take the HTTP status, and code, parameter and message of the server, where it sent any.

        From these follow `details`, unless they are given.
        """
        self.status = status
        self.code = code
        self.param = param
        self.message = message
        facts = {
            "status": status,
            "code": code,
            "param": param,
            "message": message,
            "request_id": request_id,
        }
        self.details = details or join_details(
            message,
            # That of an error within a response is but derived from its code.
            f"HTTP {status}" if status and self.untold_key is None else None,
            code and f"code: {code}",
            param and f"param: {param}",
            request_id and f"request_id: {request_id}",
        )
        """What the server says, with what it calls the facts: the same in all languages."""
        placeholders = {
            "details": self.details,
            **{name: str(fact) for name, fact in facts.items() if fact is not None},
            **placeholders,
        }
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=self.key if self.details else self.untold_key or self.key,
            translation_placeholders=placeholders,
        )

    @property
    def is_quota_exceeded(self) -> bool:
        """Whether the error, however it came, says that no quota or credit is left."""
        return isinstance(self, QuotaExceeded) or is_quota_exceeded(
            self.status, self.code, self.message
        )


class HostUnreachable(ApiError):
    """The server is down, cannot be found, or fails."""


class ConnectionFailed(HostUnreachable):
    """No connection could be made, or it was lost before the response was complete."""

    key = "cannot_connect"


class HostNotFound(ConnectionFailed):
    """No address is known of the name of the server."""

    key = "host_not_found"


class PortClosed(ConnectionFailed):
    """Nothing listens at the address of the server, or no way leads to it."""

    key = "port_closed"


class ConnectionDropped(ConnectionFailed):
    """The server closed the connection before it sent a response."""

    key = "connection_dropped"


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
    untold_key = "host_error_untold"


class ErrorInStream(ApiError):
    """The server ended a stream with an error."""

    key = "stream_error"
    untold_key = "stream_error_untold"


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


class UnexpectedBody(ApiError):
    """The response is not what the method returns: a web page, a text, another object."""

    key = "bad_answer"

    def __init__(self, content_type: str = "", start: str = "") -> None:
        """Take the content type and the first words of the body, both fit to show."""
        super().__init__(details=join_details(start, content_type) or BINARY_TYPE)


class ResponseEmpty(ApiError):
    """The response has no body, or a body without content."""

    key = "empty_answer"


class ResponseTooLarge(ApiError):
    """The response is larger than what is read."""

    key = "answer_too_large"

    def __init__(self, limit: int) -> None:
        """Take the limit in bytes."""
        super().__init__(limit=str(limit // 1024**2))


class ResponseTooComplex(ResponseTooLarge):
    """The JSON of a response has more objects and lists than are read."""

    key = "answer_too_complex"

    def __init__(self, limit: int) -> None:
        """Take the limit."""
        ApiError.__init__(self, limit=str(limit))


class ToolCallIncomplete(ApiError):
    """A response that is called complete breaks off within the arguments of a tool call."""

    key = "call_cut"


class StructureIgnored(ApiError):
    """A response does not have the structure that was asked for."""

    key = "form_ignored"


class StreamIncomplete(ApiError):
    """A stream ended before its response was complete."""

    key = "stream_cut"


class StreamMalformed(ApiError):
    """A stream holds what is no event of its kind."""

    key = "stream_garbled"


class EntryUnloaded(ApiError):
    """The service was unloaded, or removed from Home Assistant, before the response was there."""

    key = "unloaded"


class SigningSecretMissing(ApiError):
    """The server has created a webhook, but its response has no signing secret."""

    key = "no_signing_secret"


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
    """Carries an error of this integration through the SDK, which retries after any but its own."""

    def __init__(self, error: HomeAssistantError) -> None:
        """Take the error to be raised in the end."""
        super().__init__(str(error))
        self.error = error


def join_details(message: str | None, *facts: str | None) -> str:
    """Return the words of a server with the facts in brackets, or what there is of them."""
    known = ", ".join(filter(None, facts))
    return f"{message} ({known})" if message and known else message or known


def localized_error[E: HomeAssistantError](
    error_class: type[E], key: str, **placeholders: object
) -> E:
    """Return an error of a class with the translated text of a key."""
    return error_class(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={name: str(value) for name, value in placeholders.items()},
    )


def validation_error(key: str, **placeholders: object) -> ServiceValidationError:
    """Return the ServiceValidationError with the text of a key: the caller can correct it."""
    return localized_error(ServiceValidationError, key, **placeholders)


def api_error(key: str, **placeholders: object) -> HomeAssistantError:
    """Return the HomeAssistantError with the text of a key: the caller cannot correct it."""
    return localized_error(HomeAssistantError, key, **placeholders)


def sanitize(text: str, settings: ErrorSettings, limit: int = MAX_ERROR_TEXT) -> str:
    """Return text of a server fit to show.

    Markup and unprintable characters are removed, secrets redacted, and the text is truncated to
    `limit` characters.
    """
    words = " ".join(_without_markup(text[:_MAX_INPUT_TEXT]).split())
    words = "".join(sign for sign in words if sign.isprintable())
    words = _SECRET_PATTERN.sub("***", settings.redact(words))
    return words if len(words) <= limit else f"{words[:limit]}…"


def _without_markup(text: str) -> str:
    """Return a text without tags; what only looks like one, as `<model>`, gets other brackets."""
    # The pages of servers that have failed repeat it as their heading.
    title = _TITLE.search(text)
    if title is not None and text.count(title[1]) > 1:
        text = _TITLE.sub("", text, 1)
    ended = {name.lower() for name in _END_TAG.findall(text)} | _LONE_TAGS

    def replace(tag: re.Match[str]) -> str:
        """Return what stands in place of a tag."""
        name = _NAME.fullmatch(tag[0])
        return " " if name is None or name[1].lower() in ended else f"\u2039{tag[0][1:-1]}\u203a"

    return _TAG.sub(replace, text)
