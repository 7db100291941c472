"""How a WebSocket may be closed, and what it means when it was."""

from typing import NamedTuple

from homeassistant.exceptions import HomeAssistantError
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from ..api.config import HostConfig
from ..exceptions import api_error, sanitize, validation_error

MAX_REASON_BYTES = 123
_APPLICATION_CODES = range(3000, 5000)
_NORMAL_CLOSE_CODES = frozenset(
    {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD}
)
"""The host has closed it on purpose, and nothing is wrong."""


class Close(NamedTuple):
    """How a connection has ended."""

    code: int
    reason: str
    """What the host said, sanitized; empty if it gave none."""
    error: HomeAssistantError | str | None
    """What went wrong, if anything did."""


def parse_close(err: ConnectionClosed, settings: HostConfig) -> Close:
    """Return how a connection has ended, sanitized for the log and for events.

    The error is None for a normal closure. Where this side has given up, the code is 1009 for a
    message that is too large, else 1006.
    """
    if err.sent is not None and (err.rcvd is None or not err.rcvd_then_sent):
        reason = sanitize(err.sent.reason, settings)
        if err.sent.code == CloseCode.MESSAGE_TOO_BIG:
            key = "message_too_fragmented" if "fragments" in reason else "message_too_large"
            return Close(CloseCode.MESSAGE_TOO_BIG, reason, api_error(key))
        # We gave up on a host that did not answer our pings, or that broke the protocol.
        return Close(CloseCode.ABNORMAL_CLOSURE, reason, reason or api_error("host_silent"))
    if err.rcvd is None:
        return Close(CloseCode.ABNORMAL_CLOSURE, "", api_error("connection_lost"))
    code, reason = err.rcvd.code, sanitize(err.rcvd.reason, settings)
    if code in _NORMAL_CLOSE_CODES:
        return Close(code, reason, None)
    return Close(code, reason, reason or None)


def validate_close(code: int, reason: str) -> None:
    """Check the code and the reason of a close frame.

    `code` is 1000, 1001 or 3000 to 4999, `reason` has up to 123 bytes in UTF-8; see RFC 6455,
    sections 7.4 and 5.5. Raises ServiceValidationError "close_code_invalid" or
    "close_reason_too_long".
    """
    if code not in {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY} and (
        code not in _APPLICATION_CODES
    ):
        raise validation_error("close_code_invalid", code=code)
    if len(reason.encode()) > MAX_REASON_BYTES:
        raise validation_error("close_reason_too_long")
