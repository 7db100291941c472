"""Unloaded, reloaded, stopped and closed, whatever a connection is at."""

import asyncio
from collections.abc import Awaitable, Callable
import time

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant
import pytest

from custom_components.openai_api.sockets import connection as connections, options
from tests.faults.raw_sockets import Answer, RawHost, refused

from .house import REALTIME, House, both_kinds, tasks, until

type Begin = Callable[[House], Awaitable[asyncio.Task[object] | None]]
type End = Callable[[House], Awaitable[object]]
SILENT = Answer(raw=b"", then="stay")


async def connecting(house: House) -> asyncio.Task[object]:
    """Have a connection that the host does not answer."""
    house.host.plan.append(SILENT)
    task = asyncio.create_task(house.connect())
    await house.host.heads.reach(1)
    return task


async def connected(house: House) -> None:
    """Have an open connection, in the midst of a burst."""
    peer = await house.opened()
    await peer.tell(*({"type": "burst", "n": number} for number in range(500)))


async def waiting(house: House) -> None:
    """Have a connection that waits before it is opened again."""
    house.host.always = refused(503)
    house.host.plan.append(Answer())
    peer = await house.opened()
    peer.reset()
    await house.until_told("reconnecting")


async def reconnecting(house: House) -> None:
    """Have a connection that is being opened again, and gets no answer."""
    house.host.plan.extend([Answer(), SILENT])
    peer = await house.opened()
    peer.reset()
    await house.host.heads.reach(2)


async def closing(house: House) -> asyncio.Task[object]:
    """Have a connection that is being closed, which the host ignores."""
    peer = await house.opened()
    peer.is_deaf = True
    task = asyncio.create_task(house.close())
    await until(lambda: peer.goodbyes)
    return task


async def sending(house: House) -> asyncio.Task[object]:
    """Have a connection that sends more than the host takes."""
    peer = await house.opened()
    peer.freeze()
    kind = "test.event" if house.kind == REALTIME else "response.create"
    task = asyncio.create_task(house.send({"type": kind, "data": "x" * 5_000_000}))
    await asyncio.sleep(0.02)
    return task


async def unload(house: House) -> None:
    """Unload the entry."""
    assert await house.hass.config_entries.async_unload(house.entry.entry_id)


async def reload(house: House) -> None:
    """Reload the entry."""
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)


async def remove(house: House) -> None:
    """Remove the entry."""
    await house.hass.config_entries.async_remove(house.entry.entry_id)


async def stop(house: House) -> None:
    """Stop Home Assistant, as far as a test may."""
    house.hass.set_state(CoreState.stopping)
    house.hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await house.until_told("disconnected")
    house.hass.set_state(CoreState.running)


async def close(house: House) -> None:
    """Close the connection."""
    await house.close()


STATES = [connecting, connected, waiting, reconnecting, closing, sending]
ENDS = [unload, reload, remove, stop, close]


@both_kinds
@pytest.mark.parametrize("begin", STATES)
async def test_every_end_in_every_state(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch, begin: Begin
) -> None:
    monkeypatch.setattr(options, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(connections, "CLOSE_TIMEOUT", -0.8)
    monkeypatch.setattr(connections, "_FIRST_DELAY", 0.05)
    for end in ENDS:
        if begin is closing and end is close:
            # The second goodbye has a test of its own.
            continue
        name = f"{end.__name__} while {begin.__name__}"
        host.heads.clear()
        host.plan.clear()
        host.always = None
        house.states.clear()
        task = await begin(house)
        await asyncio.wait_for(end(house), 2)
        assert house.told.count("disconnected") == 1, name
        assert house.told[-1] == "disconnected", name
        # Whoever was waiting is told, in time, and not by a bare exception.
        if task is not None and (
            begin is connecting or (begin is sending and house.kind != REALTIME)
        ):
            error = await house.refused(task, 2)
            wanted = {"connection_closed"} if end is close else {"unloaded", "connection_closed"}
            assert error.translation_key in wanted, name
        elif task is not None:
            await asyncio.wait_for(task, 2)
        await until(lambda: not tasks())
        if begin is sending:
            # It reads nothing, and so does not see that it was left.
            host.peers[-1].reset()
        await until(lambda: not host.lines)
        asked = len(host.heads)
        await asyncio.sleep(0.06)
        assert len(host.heads) == asked, name
        if end is not close:
            for entry in house.hass.config_entries.async_entries("openai_api"):
                await house.hass.config_entries.async_remove(entry.entry_id)
            await house.add()
    await house.works_anew()


async def test_two_goodbyes_at_once(house: House) -> None:
    peer = await house.opened()
    results = await asyncio.gather(
        house.close(code=3001, reason="One"), house.close(code=3002), return_exceptions=True
    )
    assert [result for result in results if isinstance(result, dict)]
    assert house.told[2:] == ["disconnected"]
    await peer.over()
    await house.works_anew()


async def test_fifty_connections(hass: HomeAssistant, house: House, host: RawHost) -> None:
    """All get their events in order, and a reload leaves nothing of any of them."""
    houses = [House(hass, host, house.kind, f"c{number}") for number in range(50)]
    for one in houses:
        one.entry = house.entry
    await asyncio.gather(*(one.connect() for one in houses))
    await until(lambda: len(host.peers) == 50)
    # The host knows who is who by what it was sent.
    await asyncio.gather(*(one.send({"type": "response.create", "who": one.id}) for one in houses))
    await until(lambda: all(peer.received for peer in host.peers))
    peers = {peer.received[0]["who"]: peer for peer in host.peers}
    sent = {
        one.id: [{"type": "mine", "who": one.id, "n": number} for number in range(100)]
        for one in houses
    }
    await asyncio.gather(*(peers[name].tell(*frames) for name, frames in sent.items()))
    await until(lambda: all(len(one.raw) == 100 for one in houses), 20)
    for one in houses:
        assert [data["event"] for data in one.raw] == sent[one.id]
    shown = [
        state for state in hass.states.async_all("binary_sensor") if "transport" in state.attributes
    ]
    assert len(shown) == 50

    start = time.monotonic()
    assert await hass.config_entries.async_reload(house.entry.entry_id)
    assert time.monotonic() - start < 5
    await asyncio.gather(*(peer.over() for peer in peers.values()))
    assert {peer.goodbyes[0][0] for peer in peers.values()} == {1000}
    assert all(one.told == ["connecting", "connected", "disconnected"] for one in houses)
    await until(lambda: not tasks())
    await until(lambda: not host.lines)
    assert not [state for state in hass.states.async_all() if "transport" in state.attributes]
    await house.works_anew()


async def test_fifty_silent_connections(
    hass: HomeAssistant, house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty hosts that ignore the goodbye take no longer than one."""
    monkeypatch.setattr(options, "CLOSE_TIMEOUT", 0.3)
    houses = [House(hass, host, house.kind, f"c{number}") for number in range(50)]
    for one in houses:
        one.entry = house.entry
    await asyncio.gather(*(one.connect() for one in houses))
    await until(lambda: len(host.peers) == 50)
    for peer in host.peers:
        peer.is_deaf = True
    start = time.monotonic()
    assert await hass.config_entries.async_unload(house.entry.entry_id)
    assert time.monotonic() - start < 3
    await until(lambda: not tasks())
    await until(lambda: not host.lines)


@both_kinds
async def test_opened_and_closed_again_and_again(house: House, host: RawHost) -> None:
    """Nothing grows: no task, no listener, no entity, no line."""

    def counts() -> tuple[int, ...]:
        return (
            len(tasks()),
            len(asyncio.all_tasks()) - len(host._tasks),
            len(house.hass.states.async_all()),
            sum(house.hass.bus.async_listeners().values()),
            len(house.entry.runtime_data.connections),
            len(house.entry._background_tasks),
        )

    async def churn(times: int) -> None:
        for _ in range(times):
            await house.connect()
            await house.close()
        await until(lambda: not tasks())
        await until(lambda: not host.lines)
        await house.hass.async_block_till_done()

    await churn(5)
    before = counts()
    await churn(100)
    assert all(now <= then for now, then in zip(counts(), before, strict=True))
    assert len(host.peers) == 105
    assert house.told == ["connecting", "connected", "disconnected"] * 105
    await house.works_anew()


@both_kinds
async def test_two_hosts_with_a_connection_of_the_same_name(
    hass: HomeAssistant, house: House, host: RawHost
) -> None:
    """Each has its own; what happens to one does not concern the other."""
    other_host = RawHost()
    await other_host.start()
    try:
        other = House(hass, other_host, house.kind)
        await other.add()
        mine, theirs = await house.opened(), await other.opened()
        await mine.tell({"type": "from.mine"})
        await theirs.tell({"type": "from.theirs"})
        await until(lambda: len(house.raw) == 2)
        assert {(data["config_entry_id"], data["event_type"]) for data in house.raw} == {
            (house.entry.entry_id, "from.mine"),
            (other.entry.entry_id, "from.theirs"),
        }
        await other.close()
        await theirs.over()
        await house.works()
        # Without saying which host is meant, nothing is done.
        error = await house.refused(house.call("get_realtime_status", config_entry_id=None))
        assert error.translation_key == "which_host"
        assert await hass.config_entries.async_unload(other.entry.entry_id)
        await house.works()
    finally:
        await other_host.stop()
