"""Lines that break, in every state of a connection."""

import asyncio
from collections.abc import Awaitable, Callable
import socket
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.openai_api.sockets import connection as connections, options
from tests.faults.raw_sockets import TEXT, Answer, Peer, RawHost, closing, frame, refused, text

from .house import CREATE, REALTIME, House, both_kinds, only_realtime, tasks, until

type Drop = Callable[[Peer], Awaitable[None]]
DOWN = refused(503, "Down")
GREETING = {"type": "session.created", "session": {}}


async def cut(peer: Peer) -> None:
    """Hang up without a goodbye."""
    peer.cut()


async def reset(peer: Peer) -> None:
    """Reset the line."""
    peer.reset()


async def crash(peer: Peer) -> None:
    """Say goodbye as a server that fails."""
    await peer.close(1011, b"Crash")


async def cut_in_a_frame(peer: Peer) -> None:
    """Hang up in the middle of an event."""
    await peer.say(text({"type": "half", "data": "x" * 1000})[:500])
    peer.cut()


async def cut_in_a_message(peer: Peer) -> None:
    """Hang up between two parts of an event."""
    await peer.say(frame(TEXT, b'{"type": ', fin=False))
    peer.cut()


DROPS = [cut, reset, crash, cut_in_a_frame, cut_in_a_message]


@both_kinds
async def test_idle(house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing here lasts for a minute, and yet it may drop as often as this test wants.
    monkeypatch.setattr(connections, "_HELD", 0.0)
    peer = await house.opened()
    await house.works()
    for count, drop in enumerate(DROPS * 3, 2):
        house.states.clear()
        await drop(host.peers[-1])
        await host.peers.reach(count)
        await house.until_told("connected")
        assert house.told == ["reconnecting", "connected"]
        assert house.states[0]["code"] == (1011 if drop is crash else 1006)
        assert house.states[0]["error"]
        assert house.states[1]["context_lost"] is True
        # Half an event is none.
        assert not [data for data in house.raw if data["event_type"] == "half"]
        await house.works()
    await peer.over()
    assert len(host.lines) == 1


@both_kinds
async def test_in_a_burst(house: House, host: RawHost) -> None:
    """Whatever arrived before the line broke comes through, in its order."""
    await house.opened()
    events = [{"type": "burst", "n": number} for number in range(2000)]
    for count, drop in enumerate((cut, crash, cut_in_a_frame), 2):
        house.raw.clear()
        await host.peers[-1].tell(*events)
        await drop(host.peers[-1])
        await house.until_told("connected", count)
        assert [data["event"] for data in house.raw] == events
        await host.peers.reach(count)
    await house.works()


async def test_reset_in_a_burst(house: House, host: RawHost) -> None:
    """A reset throws away what was under way; what is left has no gap."""
    peer = await house.opened()
    events = [{"type": "burst", "n": number, "data": "x" * 500} for number in range(2000)]
    await peer.tell(*events)
    peer.reset()
    await house.until_told("connected", 2)
    got = [data["event"] for data in house.raw]
    assert got == events[: len(got)]
    await host.peers.reach(2)
    await house.works()


@both_kinds
@pytest.mark.parametrize("drop", [cut, reset, crash])
async def test_while_sending(house: House, host: RawHost, drop: Drop) -> None:
    """What was taken is sent, or the house is told that it was not."""
    peer = await house.opened()
    kind = "test.event" if house.kind == REALTIME else "response.create"
    sent = 0

    async def send_on() -> HomeAssistantError:
        nonlocal sent
        while True:
            try:
                await house.send({"type": kind, "n": sent, "data": "x" * 2000})
            except HomeAssistantError as err:
                return err
            sent += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(send_on())
    await until(lambda: sent > 20)
    await drop(peer)
    error = await asyncio.wait_for(task, 5)
    assert error.translation_key in {"connection_not_open", "connection_closed"}
    await house.until_told("connected", 2)
    got = [event["n"] for event in peer.received if event["type"] == kind]
    assert got == list(range(len(got)))
    dropped = [notice["count"] for notice in house.notices if notice["type"] == "events_dropped"]
    # The host may have hung up on what was on its way; of the rest nothing is untold.
    assert sum(dropped) <= sent - len(got)
    second = await host.peers.reach(2)
    await house.works()
    assert [event["n"] for event in second.received if "n" in event] == []


@only_realtime
async def test_what_waits_to_be_sent_is_told(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that a slow line never took are counted, and told."""
    peer = await house.opened()
    await peer.received.reach(1)
    peer.freeze()
    for number in range(40):
        await house.send({"type": "test.event", "n": number, "data": "x" * 500_000})
    peer.reset()
    await house.until_told("reconnecting")
    dropped = [notice["count"] for notice in house.notices if notice["type"] == "events_dropped"]
    assert len(dropped) == 1
    assert 0 < dropped[0] <= 40
    await host.peers.reach(2)
    await house.until_told("connected", 2)
    await house.works()


@only_realtime
async def test_too_much_waits(house: House, host: RawHost) -> None:
    """A line that takes nothing fills up; then callers are told to try again later."""
    peer = await house.opened()
    peer.freeze()
    await house.send({"type": "test.event", "data": "x" * 8_000_000})
    error: HomeAssistantError | None = None
    for _ in range(1100):
        try:
            await house.send({"type": "test.event"})
        except HomeAssistantError as err:
            error = err
            break
    assert error is not None
    assert error.translation_key == "connection_busy"
    peer.reset()
    await house.until_told("connected", 2)
    await host.peers.reach(2)
    await house.works()


@both_kinds
async def test_while_coming_back(house: House, host: RawHost) -> None:
    """Attempts that fail in different ways, and one that does not."""
    peer = await house.opened()
    broken = Answer(raw=b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    hung_up = Answer(raw=b"", then="reset")
    host.plan.extend([DOWN, hung_up, broken, Answer(first=closing(1012)), DOWN])
    peer.reset()
    await host.peers.reach(3)
    await house.until_told("connected", 3)
    assert house.told[2:] == ["reconnecting", "connected", "reconnecting", "connected"]
    assert [data["code"] for data in house.states[2:]] == [1006, None, 1012, None]
    await house.works()


async def test_gives_up_and_says_so(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_ATTEMPTS", 4)
    peer = await house.opened()
    host.always = DOWN
    await peer.close(1012, b"Restart")
    ended = await house.until_told("disconnected")
    assert house.told[2:] == ["reconnecting", "disconnected"]
    assert (ended["code"], ended["reason"]) == (1012, "Restart")
    assert "503" in ended["error"]
    assert len(host.heads) == 1 + 4
    assert (await house.refused(house.send())).translation_key == "connection_unknown"
    await house.works_anew()


@both_kinds
@pytest.mark.parametrize("greeting", [b"", text(GREETING)])
async def test_gives_up_on_a_host_that_only_greets(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    """To be greeted and dropped is no success, however often it happens."""
    monkeypatch.setattr(connections, "_ATTEMPTS", 4)
    host.always = Answer(first=greeting + closing(1011, b"Not now"))
    await house.connect()
    ended = await house.until_told("disconnected")
    assert house.told == [
        "connecting",
        *(["connected", "reconnecting"] * 5)[:10],
        "disconnected",
    ]
    assert (ended["code"], ended["reason"]) == (1011, "Not now")
    assert ended["error"]
    assert len(host.heads) == 1 + 4
    await house.works_anew()


async def test_long_lasting_connection_gets_all_its_attempts_again(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that held for a while may drop as often as it likes, even if nothing came."""
    monkeypatch.setattr(connections, "_ATTEMPTS", 2)
    monkeypatch.setattr(connections, "_HELD", 0.0)
    await house.opened()
    for count in range(2, 8):
        host.peers[-1].reset()
        await host.peers.reach(count)
        await house.until_told("connected", count)
    await house.works()


async def test_refused_for_good_while_coming_back(house: House, host: RawHost) -> None:
    for status in (400, 403, 404, 405, 410, 426, 401):
        peer, asked = await house.opened(), len(host.heads)
        house.states.clear()
        host.plan.append(refused(status, "Never again"))
        peer.reset()
        ended = await house.until_told("disconnected")
        assert house.told == ["reconnecting", "disconnected"], status
        assert "Never again" in ended["error"]
        assert len(host.heads) == asked + 1
        flows = house.hass.config_entries.flow.async_progress()
        assert len(flows) == (status == 401)
    await house.works_anew()


async def test_while_closing(house: House, host: RawHost) -> None:
    """A host that breaks the line instead of answering a goodbye."""
    for drop in DROPS:
        peer = await house.opened()
        house.states.clear()
        peer.is_deaf = True
        task = asyncio.create_task(house.close(code=3001, reason="Enough"))
        await until(lambda: peer.goodbyes)  # noqa: B023
        await drop(peer)
        peer.cut()
        await asyncio.wait_for(task, 2)
        assert peer.goodbyes[0] == (3001, "Enough")
        assert house.told == ["disconnected"]
        assert (house.states[-1]["code"], house.states[-1]["reason"]) == (3001, "Enough")
        await until(lambda: not host.lines)
    await house.works_anew()


@both_kinds
@pytest.mark.parametrize("is_slow", [False, True])
async def test_silent_host_is_noticed(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    """A host that neither speaks nor hangs up is left in time, whatever waits to be sent."""
    monkeypatch.setattr(options, "PING", 0.2)
    monkeypatch.setattr(options, "CLOSE_TIMEOUT", 0.1)
    peer = await house.opened()
    peer.freeze()
    sending: Any = None
    if is_slow:
        big = {**CREATE, "input": "x" * 8_000_000}
        sending = asyncio.create_task(house.send(big))
    lost = await asyncio.wait_for(house.until_told("reconnecting"), 3)
    assert lost["code"] == 1006
    assert lost["error"]
    if sending is not None and house.kind != REALTIME:
        assert (await house.refused(sending, 2)).translation_key == "connection_closed"
    elif sending is not None:
        await sending
    await host.peers.reach(2)
    await house.until_told("connected", 2)
    peer.reset()
    await house.works()


@both_kinds
async def test_slow_host_is_not_taken_for_a_silent_one(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it takes something now and then, it is there."""
    monkeypatch.setattr(options, "PING", 0.3)
    peer = await house.opened()
    peer.pause = 0.05
    # A ping must not wait behind more than gets through in its time.
    line = house.entry.runtime_data.connections["c"]._line
    raw = line.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
    kind = "test.event" if house.kind == REALTIME else "response.create"
    big = {"type": kind, "input": "x" * 5_000_000, "event_id": "big"}
    sending = asyncio.create_task(house.send(big))
    await sending
    await until(lambda: any(event.get("event_id") == "big" for event in peer.received))
    assert house.told == ["connecting", "connected"]
    await house.works()


@both_kinds
@pytest.mark.parametrize("is_slow", [False, True])
async def test_host_that_ignores_a_goodbye(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    """It is hung up on at the end of the time that hosts get, and at once nothing is left."""
    monkeypatch.setattr(options, "CLOSE_TIMEOUT", 0.2)
    monkeypatch.setattr(connections, "CLOSE_TIMEOUT", -0.7)
    peer = await house.opened()
    peer.freeze()
    sending: Any = None
    if is_slow:
        sending = asyncio.create_task(house.send({**CREATE, "input": "x" * 8_000_000}))
        await asyncio.sleep(0.05)
    await asyncio.wait_for(house.close(), 2)
    assert house.told[2:] == ["disconnected"]
    if sending is not None and house.kind != REALTIME:
        assert (await house.refused(sending, 1)).translation_key == "connection_closed"
    elif sending is not None:
        await sending
    await until(lambda: not tasks(), 1)
    peer.reset()
    await house.works_anew()


@both_kinds
async def test_what_was_sent_before_the_goodbye_goes_out(house: House, host: RawHost) -> None:
    """Whoever says something and hangs up has said it."""
    peer = await house.opened()
    kind = "test.event" if house.kind == REALTIME else "response.create"
    for number in range(20):
        await house.send({"type": kind, "n": number})
    await house.close()
    await peer.over()
    assert [event["n"] for event in peer.received if event["type"] == kind] == list(range(20))
    assert not [notice for notice in house.notices if notice["type"] == "events_dropped"]
