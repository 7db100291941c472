"""How a WebSocket may be closed, and what it means when it was."""

from websockets.exceptions import ConnectionClosed

from ..errors import quote, refusal
from ..settings import Settings

_MEANT = frozenset({1000, 1001, 1005})
"""The host has closed it on purpose, and nothing is wrong."""


def ending(err: ConnectionClosed, settings: Settings) -> tuple[int, str, str | None]:
    """Return the close code, the reason and what went wrong, all fit to show."""
    if err.sent is not None and (err.rcvd is None or not err.rcvd_then_sent):
        reason = quote(err.sent.reason, settings)
        if err.sent.code == 1009:
            parts = "in too many parts" if "fragments" in reason else "larger than 64 MiB"
            return 1009, reason, f"The host sent an event {parts}"
        # We gave up on a host that did not answer our pings, or that broke the protocol.
        return 1006, reason, reason or "The host no longer answers"
    if err.rcvd is None:
        return 1006, "", "The connection was lost"
    code, reason = err.rcvd.code, quote(err.rcvd.reason, settings)
    return code, reason, None if code in _MEANT else (reason or None)


def check_close(code: int, reason: str) -> None:
    """Raise a translated error for what a WebSocket must not be closed with."""
    if code not in {1000, 1001} and not 3000 <= code <= 4999:
        raise refusal("close_code_invalid", code=code)
    if len(reason.encode()) > 123:
        raise refusal("close_reason_too_long")
