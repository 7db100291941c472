"""Lines that break, in every state of a connection."""

import asyncio
from collections.abc import Awaitable, Callable
import socket
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.openai_api.websocket import (
    connect_options,
    connection as connections,
    reconnect,
)
from tests.integration.waiting import wait_for
from tests.resilience.raw_websocket_server import (
    TEXT,
    Answer,
    Peer,
    RawHost,
    closing,
    frame,
    refused,
    text,
)

from .connection_driver import (
    CREATE,
    REALTIME,
    ConnectionDriver,
    both_transports,
    only_realtime,
    tasks,
)

type Drop = Callable[[Peer], Awaitable[None]]
DOWN = refused(503, "Down")
GREETING = {"type": "session.created", "session": {}}


async def cut(peer: Peer) -> None:
    """Close TCP without a close frame."""
    peer.cut()


async def reset(peer: Peer) -> None:
    """Reset the connection."""
    peer.reset()


async def crash(peer: Peer) -> None:
    """Close as a server that fails."""
    await peer.close(1011, b"Crash")


async def cut_in_a_frame(peer: Peer) -> None:
    """Hang up in the middle of an event."""
    await peer.send(text({"type": "half", "data": "x" * 1000})[:500])
    peer.cut()


async def cut_in_a_message(peer: Peer) -> None:
    """Hang up between two parts of an event."""
    await peer.send(frame(TEXT, b'{"type": ', fin=False))
    peer.cut()


DROPS = [cut, reset, crash, cut_in_a_frame, cut_in_a_message]


@both_transports
async def test_drop_while_idle(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing here lasts for a minute, and yet it may drop as often as this test wants.
    monkeypatch.setattr(reconnect, "STABLE_AFTER", 0.0)
    peer = await driver.accepted_peer()
    await driver.assert_receives()
    for count, drop in enumerate(DROPS * 3, 2):
        driver.states.clear()
        await drop(host.peers[-1])
        await host.peers.reach(count)
        await driver.wait_for_state("connected")
        assert driver.connection_states == ["reconnecting", "connected"]
        assert driver.states[0]["code"] == (1011 if drop is crash else 1006)
        assert driver.states[0]["error"]
        assert driver.states[1]["context_lost"] is True
        # Half an event is none.
        assert not [data for data in driver.raw if data["event_type"] == "half"]
        await driver.assert_receives()
    await peer.wait_closed()
    assert len(host.connections) == 1


@both_transports
async def test_drop_during_burst_keeps_order(driver: ConnectionDriver, host: RawHost) -> None:
    """What arrived before the connection broke is fired, in its order."""
    await driver.accepted_peer()
    events = [{"type": "burst", "n": number} for number in range(2000)]
    for count, drop in enumerate((cut, crash, cut_in_a_frame), 2):
        driver.raw.clear()
        await host.peers[-1].send_events(*events)
        await drop(host.peers[-1])
        await driver.wait_for_state("connected", count)
        assert [data["event"] for data in driver.raw] == events
        await host.peers.reach(count)
    await driver.assert_receives()


async def test_reset_during_burst_leaves_no_gap(driver: ConnectionDriver, host: RawHost) -> None:
    """A reset throws away what was under way; what is left has no gap."""
    peer = await driver.accepted_peer()
    events = [{"type": "burst", "n": number, "data": "x" * 500} for number in range(2000)]
    await peer.send_events(*events)
    peer.reset()
    await driver.wait_for_state("connected", 2)
    got = [data["event"] for data in driver.raw]
    assert got == events[: len(got)]
    await host.peers.reach(2)
    await driver.assert_receives()


@both_transports
@pytest.mark.parametrize("drop", [cut, reset, crash])
async def test_drop_while_sending_reports_unsent(
    driver: ConnectionDriver, host: RawHost, drop: Drop
) -> None:
    """What was accepted is sent, or an event says that it was not."""
    peer = await driver.accepted_peer()
    kind = "test.event" if driver.kind == REALTIME else "response.create"
    sent = 0

    async def send_on() -> HomeAssistantError:
        nonlocal sent
        while True:
            try:
                await driver.send({"type": kind, "n": sent, "data": "x" * 2000})
            except HomeAssistantError as err:
                return err
            sent += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(send_on())
    await wait_for(lambda: sent > 20)
    await drop(peer)
    error = await asyncio.wait_for(task, 5)
    assert error.translation_key in {"connection_not_open", "connection_closed"}
    await driver.wait_for_state("connected", 2)
    got = [event["n"] for event in peer.received if event["type"] == kind]
    assert got == list(range(len(got)))
    dropped = [notice["count"] for notice in driver.notices if notice["type"] == "events_dropped"]
    # The server may have dropped what was on its way; the rest is reported.
    assert sum(dropped) <= sent - len(got)
    second = await host.peers.reach(2)
    await driver.assert_receives()
    assert [event["n"] for event in second.received if "n" in event] == []


@only_realtime
async def test_unsent_events_are_reported(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that a slow connection never took are counted and reported."""
    peer = await driver.accepted_peer()
    await peer.received.reach(1)
    peer.freeze()
    for number in range(40):
        await driver.send({"type": "test.event", "n": number, "data": "x" * 500_000})
    peer.reset()
    await driver.wait_for_state("reconnecting")
    dropped = [notice["count"] for notice in driver.notices if notice["type"] == "events_dropped"]
    assert len(dropped) == 1
    assert 0 < dropped[0] <= 40
    await host.peers.reach(2)
    await driver.wait_for_state("connected", 2)
    await driver.assert_receives()


@only_realtime
async def test_full_send_queue_raises(driver: ConnectionDriver, host: RawHost) -> None:
    """The queue of a connection that takes nothing fills up; then callers get an error."""
    peer = await driver.accepted_peer()
    peer.freeze()
    await driver.send({"type": "test.event", "data": "x" * 8_000_000})
    error: HomeAssistantError | None = None
    for _ in range(1100):
        try:
            await driver.send({"type": "test.event"})
        except HomeAssistantError as err:
            error = err
            break
    assert error is not None
    assert error.translation_key == "connection_busy"
    peer.reset()
    await driver.wait_for_state("connected", 2)
    await host.peers.reach(2)
    await driver.assert_receives()


@both_transports
async def test_reconnect_attempts_fail_then_succeed(
    driver: ConnectionDriver, host: RawHost
) -> None:
    """Attempts that fail in different ways, and one that does not."""
    peer = await driver.accepted_peer()
    broken = Answer(raw=b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    hung_up = Answer(raw=b"", then="reset")
    host.plan.extend([DOWN, hung_up, broken, Answer(first=closing(1012)), DOWN])
    peer.reset()
    await host.peers.reach(3)
    await driver.wait_for_state("connected", 3)
    assert driver.connection_states[2:] == [
        "reconnecting",
        "connected",
        "reconnecting",
        "connected",
    ]
    assert [data["code"] for data in driver.states[2:]] == [1006, None, 1012, None]
    await driver.assert_receives()


async def test_reconnect_gives_up(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "MAX_ATTEMPTS", 4)
    peer = await driver.accepted_peer()
    host.always = DOWN
    await peer.close(1012, b"Restart")
    ended = await driver.wait_for_state("disconnected")
    assert driver.connection_states[2:] == ["reconnecting", "disconnected"]
    assert (ended["code"], ended["reason"]) == (1012, "Restart")
    assert "503" in ended["error"]
    assert len(host.heads) == 1 + 4
    assert (await driver.expect_error(driver.send())).translation_key == "connection_unknown"
    await driver.assert_reconnects()


@both_transports
@pytest.mark.parametrize("greeting", [b"", text(GREETING)])
async def test_reconnect_gives_up_when_dropped_after_handshake(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    """To be greeted and dropped is no success, however often it happens."""
    monkeypatch.setattr(reconnect, "MAX_ATTEMPTS", 4)
    host.always = Answer(first=greeting + closing(1011, b"Not now"))
    await driver.connect()
    ended = await driver.wait_for_state("disconnected")
    assert driver.connection_states == [
        "connecting",
        *(["connected", "reconnecting"] * 5)[:10],
        "disconnected",
    ]
    assert (ended["code"], ended["reason"]) == (1011, "Not now")
    assert ended["error"]
    assert len(host.heads) == 1 + 4
    await driver.assert_reconnects()


async def test_retry_counter_resets_after_stable_connection(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that held for a while may drop as often as it likes, even if nothing came."""
    monkeypatch.setattr(reconnect, "MAX_ATTEMPTS", 2)
    monkeypatch.setattr(reconnect, "STABLE_AFTER", 0.0)
    await driver.accepted_peer()
    for count in range(2, 8):
        host.peers[-1].reset()
        await host.peers.reach(count)
        await driver.wait_for_state("connected", count)
    await driver.assert_receives()


async def test_reconnect_stops_on_fatal_status(driver: ConnectionDriver, host: RawHost) -> None:
    for status in (400, 403, 404, 405, 410, 426, 401):
        peer, asked = await driver.accepted_peer(), len(host.heads)
        driver.states.clear()
        host.plan.append(refused(status, "Never again"))
        peer.reset()
        ended = await driver.wait_for_state("disconnected")
        assert driver.connection_states == ["reconnecting", "disconnected"], status
        assert "Never again" in ended["error"]
        assert len(host.heads) == asked + 1
        flows = driver.hass.config_entries.flow.async_progress()
        assert len(flows) == (status == 401)
    await driver.assert_reconnects()


async def test_drop_during_closing_handshake(driver: ConnectionDriver, host: RawHost) -> None:
    """A server that drops the connection instead of answering a close frame."""
    for drop in DROPS:
        peer = await driver.accepted_peer()
        driver.states.clear()
        peer.stop_reading = True
        task = asyncio.create_task(driver.close(code=3001, reason="Enough"))
        await wait_for(lambda: peer.close_frames)  # noqa: B023
        await drop(peer)
        peer.cut()
        await asyncio.wait_for(task, 2)
        assert peer.close_frames[0] == (3001, "Enough")
        assert driver.connection_states == ["disconnected"]
        assert (driver.states[-1]["code"], driver.states[-1]["reason"]) == (3001, "Enough")
        await wait_for(lambda: not host.connections)
    await driver.assert_reconnects()


@both_transports
@pytest.mark.parametrize("is_slow", [False, True])
async def test_ping_timeout_closes_connection(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    """A server that neither sends nor closes is left in time, whatever waits to be sent."""
    monkeypatch.setattr(connect_options, "PING", 0.2)
    monkeypatch.setattr(connect_options, "CLOSE_TIMEOUT", 0.1)
    peer = await driver.accepted_peer()
    peer.freeze()
    sending: Any = None
    if is_slow:
        big = {**CREATE, "input": "x" * 8_000_000}
        sending = asyncio.create_task(driver.send(big))
    lost = await asyncio.wait_for(driver.wait_for_state("reconnecting"), 3)
    assert lost["code"] == 1006
    assert lost["error"]
    if sending is not None and driver.kind != REALTIME:
        assert (await driver.expect_error(sending, 2)).translation_key == "connection_closed"
    elif sending is not None:
        await sending
    await host.peers.reach(2)
    await driver.wait_for_state("connected", 2)
    peer.reset()
    await driver.assert_receives()


@both_transports
async def test_slow_read_is_not_a_ping_timeout(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it takes something now and then, it is there."""
    monkeypatch.setattr(connect_options, "PING", 0.3)
    peer = await driver.accepted_peer()
    peer.pause = 0.05
    # A ping must not wait behind more than gets through in its time.
    line = driver.entry.runtime_data.connections["c"]._websocket
    raw = line.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
    kind = "test.event" if driver.kind == REALTIME else "response.create"
    big = {"type": kind, "input": "x" * 5_000_000, "event_id": "big"}
    sending = asyncio.create_task(driver.send(big))
    await sending
    await wait_for(lambda: any(event.get("event_id") == "big" for event in peer.received))
    assert driver.connection_states == ["connecting", "connected"]
    await driver.assert_receives()


@both_transports
@pytest.mark.parametrize("is_slow", [False, True])
async def test_close_handshake_timeout_aborts(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    """The connection is aborted after the time limit, and nothing is left of it."""
    monkeypatch.setattr(connect_options, "CLOSE_TIMEOUT", 0.2)
    monkeypatch.setattr(connections, "CLOSE_TIMEOUT", -0.7)
    peer = await driver.accepted_peer()
    peer.freeze()
    sending: Any = None
    if is_slow:
        sending = asyncio.create_task(driver.send({**CREATE, "input": "x" * 8_000_000}))
        await asyncio.sleep(0.05)
    await asyncio.wait_for(driver.close(), 2)
    assert driver.connection_states[2:] == ["disconnected"]
    if sending is not None and driver.kind != REALTIME:
        assert (await driver.expect_error(sending, 1)).translation_key == "connection_closed"
    elif sending is not None:
        await sending
    await wait_for(lambda: not tasks(), 1)
    peer.reset()
    await driver.assert_reconnects()


@both_transports
async def test_close_drains_send_queue(driver: ConnectionDriver, host: RawHost) -> None:
    """What is sent before closing arrives."""
    peer = await driver.accepted_peer()
    kind = "test.event" if driver.kind == REALTIME else "response.create"
    for number in range(20):
        await driver.send({"type": kind, "n": number})
    await driver.close()
    await peer.wait_closed()
    assert [event["n"] for event in peer.received if event["type"] == kind] == list(range(20))
    assert not [notice for notice in driver.notices if notice["type"] == "events_dropped"]
