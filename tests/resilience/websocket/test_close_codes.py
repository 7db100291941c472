"""Close codes of servers, and what follows from each."""

from tests.integration.conftest import CANARY
from tests.resilience.raw_websocket_server import CLOSE, RawHost, closing, frame, text

from .connection_driver import ConnectionDriver, both_transports

AGAIN = {1011, 1012, 1013, 1014}
"""Codes of a host that may be back soon."""
ENDS = {*range(1000, 1015), 3000, 3999, 4000, 4999} - {1004, 1005, 1006} - AGAIN
"""Codes after which no attempt to reconnect is made."""
FORBIDDEN = {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535}
"""Codes that no peer may send: a connection with one is broken."""
KEY_LIKE = "sk-proj-0123456789abcdef"
REASONS: dict[str, tuple[bytes, str]] = {
    "none": (b"", ""),
    "as long as it gets": (("ü" * 61 + "x").encode(), "ü" * 61 + "x"),
    "the key": (f"Bad key {CANARY}!".encode(), "Bad key ***!"),
    "another key": (f"Bad key {KEY_LIKE} of yours".encode(), "Bad key *** of yours"),
    "a page": (b"<p>Go <b>away</b></p>", "Go away"),
}
BROKEN: dict[str, bytes] = {
    "no text": closing(1008, b"\xff\xfe"),
    "half a character": closing(1008, "ü".encode()[:1]),
    "half a code": frame(CLOSE, b"\x03"),
    "too long": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "in two parts": frame(CLOSE, b"\x03\xe8", fin=False),
}


@both_transports
async def test_final_close_codes(driver: ConnectionDriver) -> None:
    for code in sorted(ENDS):
        peer = await driver.accepted_peer()
        driver.states.clear()
        await peer.close(code, b"Reason")
        ended = await driver.wait_for_state("disconnected")
        assert driver.connection_states == ["disconnected"], code
        assert (ended["code"], ended["reason"]) == (code, "Reason")
        # What ends as it should is no error.
        assert ended["error"] == (None if code in {1000, 1001} else "Reason")
        assert ended["context_lost"] is False
        await peer.wait_closed()
        assert peer.close_frames == [(code, "Reason")]
        error = await driver.expect_error(driver.send())
        assert error.translation_key == "connection_unknown"
    await driver.assert_reconnects()


async def test_close_without_code(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    await peer.close(None)
    ended = await driver.wait_for_state("disconnected")
    assert (ended["code"], ended["reason"], ended["error"]) == (1005, "", None)
    await driver.assert_reconnects()


@both_transports
async def test_recoverable_close_codes(driver: ConnectionDriver, host: RawHost) -> None:
    await driver.accepted_peer()
    for count, code in enumerate(sorted(AGAIN), 2):
        driver.states.clear()
        await host.peers[-1].close(code, b"Back soon")
        await driver.wait_for_state("connected")
        await host.peers.reach(count)
        lost, back = driver.states
        assert (lost["state"], lost["code"], lost["reason"]) == ("reconnecting", code, "Back soon")
        assert (lost["error"], lost["context_lost"]) == ("Back soon", False)
        assert (back["state"], back["code"], back["error"]) == ("connected", None, None)
        assert back["context_lost"] is True
    await driver.assert_receives()


async def test_reserved_close_codes(driver: ConnectionDriver) -> None:
    for code in sorted(FORBIDDEN):
        peer = await driver.accepted_peer()
        driver.states.clear()
        await peer.close(code, b"Reason")
        await driver.wait_for_state("connected")
        assert (driver.states[0]["state"], driver.states[0]["code"]) == ("reconnecting", 1006), code
        assert driver.states[0]["error"], code
        await driver.close()
    await driver.assert_reconnects()


async def test_close_reasons(driver: ConnectionDriver) -> None:
    for name, (reason, shown) in REASONS.items():
        peer = await driver.accepted_peer()
        driver.states.clear()
        await peer.close(1008, reason)
        ended = await driver.wait_for_state("disconnected")
        assert (ended["reason"], ended["error"]) == (shown, shown or None), name
    await driver.assert_reconnects()


async def test_close_reason_is_sanitized_while_reconnecting(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    await peer.close(1011, f"{KEY_LIKE} {CANARY}".encode())
    lost = await driver.wait_for_state("reconnecting")
    assert (lost["reason"], lost["error"]) == ("*** ***", "*** ***")
    await driver.wait_for_state("connected", 2)
    await driver.assert_receives()


async def test_malformed_close_frames(driver: ConnectionDriver) -> None:
    for name, data in BROKEN.items():
        peer = await driver.accepted_peer()
        driver.states.clear()
        await peer.send(data)
        await driver.wait_for_state("connected")
        assert (driver.states[0]["state"], driver.states[0]["code"]) == ("reconnecting", 1006), name
        await driver.close()
    await driver.assert_reconnects()


async def test_messages_before_close_are_fired(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    events = [{"type": "last", "n": number} for number in range(300)]
    await peer.send_events(*events)
    await peer.close(1000, b"That was all")
    await driver.wait_for_state("disconnected")
    assert [data["event"] for data in driver.raw] == events
    await driver.assert_reconnects()


async def test_messages_after_close_are_dropped(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    await peer.send(closing(1000) + text({"type": "too.late"}) + closing(1011))
    ended = await driver.wait_for_state("disconnected")
    assert ended["code"] == 1000
    assert driver.raw == []
    await driver.assert_reconnects()
