"""Unloaded, reloaded, stopped and closed, whatever a connection is at."""

import asyncio
from collections.abc import Awaitable, Callable
import time

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant
import pytest

from custom_components.openai_api.websocket import (
    connect_options,
    connection as connections,
    reconnect,
)
from tests.integration.waiting import wait_for
from tests.resilience.raw_websocket_server import Answer, RawHost, refused

from .connection_driver import REALTIME, ConnectionDriver, both_transports, tasks

type Begin = Callable[[ConnectionDriver], Awaitable[asyncio.Task[object] | None]]
type End = Callable[[ConnectionDriver], Awaitable[object]]
SILENT = Answer(raw=b"", then="stay")


async def connecting(driver: ConnectionDriver) -> asyncio.Task[object]:
    """Have a connection that the host does not answer."""
    driver.host.plan.append(SILENT)
    task = asyncio.create_task(driver.connect())
    await driver.host.heads.reach(1)
    return task


async def connected(driver: ConnectionDriver) -> None:
    """Have an open connection, in the midst of a burst."""
    peer = await driver.accepted_peer()
    await peer.send_events(*({"type": "burst", "n": number} for number in range(500)))


async def waiting(driver: ConnectionDriver) -> None:
    """Have a connection that waits before it is opened again."""
    driver.host.always = refused(503)
    driver.host.plan.append(Answer())
    peer = await driver.accepted_peer()
    peer.reset()
    await driver.wait_for_state("reconnecting")


async def reconnecting(driver: ConnectionDriver) -> None:
    """Have a connection that is being opened again, and gets no answer."""
    driver.host.plan.extend([Answer(), SILENT])
    peer = await driver.accepted_peer()
    peer.reset()
    await driver.host.heads.reach(2)


async def closing(driver: ConnectionDriver) -> asyncio.Task[object]:
    """Have a connection that is being closed, which the host ignores."""
    peer = await driver.accepted_peer()
    peer.stop_reading = True
    task = asyncio.create_task(driver.close())
    await wait_for(lambda: peer.close_frames)
    return task


async def sending(driver: ConnectionDriver) -> asyncio.Task[object]:
    """Have a connection that sends more than the host takes."""
    peer = await driver.accepted_peer()
    peer.freeze()
    kind = "test.event" if driver.kind == REALTIME else "response.create"
    task = asyncio.create_task(driver.send({"type": kind, "data": "x" * 5_000_000}))
    await asyncio.sleep(0.02)
    return task


async def unload(driver: ConnectionDriver) -> None:
    """Unload the entry."""
    assert await driver.hass.config_entries.async_unload(driver.entry.entry_id)


async def reload(driver: ConnectionDriver) -> None:
    """Reload the entry."""
    assert await driver.hass.config_entries.async_reload(driver.entry.entry_id)


async def remove(driver: ConnectionDriver) -> None:
    """Remove the entry."""
    await driver.hass.config_entries.async_remove(driver.entry.entry_id)


async def stop(driver: ConnectionDriver) -> None:
    """Stop Home Assistant, as far as a test may."""
    driver.hass.set_state(CoreState.stopping)
    driver.hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await driver.wait_for_state("disconnected")
    driver.hass.set_state(CoreState.running)


async def close(driver: ConnectionDriver) -> None:
    """Close the connection."""
    await driver.close()


STATES = [connecting, connected, waiting, reconnecting, closing, sending]
ENDS = [unload, reload, remove, stop, close]


@both_transports
@pytest.mark.parametrize("begin", STATES)
async def test_every_close_path_in_every_state(
    driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch, begin: Begin
) -> None:
    monkeypatch.setattr(connect_options, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(connections, "CLOSE_TIMEOUT", -0.8)
    monkeypatch.setattr(reconnect, "INITIAL_DELAY", 0.05)
    for end in ENDS:
        if begin is closing and end is close:
            # Closing twice has a test of its own.
            continue
        name = f"{end.__name__} while {begin.__name__}"
        host.heads.clear()
        host.plan.clear()
        host.always = None
        driver.states.clear()
        task = await begin(driver)
        await asyncio.wait_for(end(driver), 2)
        assert driver.connection_states.count("disconnected") == 1, name
        assert driver.connection_states[-1] == "disconnected", name
        # Callers that wait get a translated error in time.
        if task is not None and (
            begin is connecting or (begin is sending and driver.kind != REALTIME)
        ):
            error = await driver.expect_error(task, 2)
            wanted = {"connection_closed"} if end is close else {"unloaded", "connection_closed"}
            assert error.translation_key in wanted, name
        elif task is not None:
            await asyncio.wait_for(task, 2)
        await wait_for(lambda: not tasks())
        if begin is sending:
            # It reads nothing, and so does not see that it was left.
            host.peers[-1].reset()
        await wait_for(lambda: not host.connections)
        asked = len(host.heads)
        await asyncio.sleep(0.06)
        assert len(host.heads) == asked, name
        if end is not close:
            for entry in driver.hass.config_entries.async_entries("openai_api"):
                await driver.hass.config_entries.async_remove(entry.entry_id)
            await driver.add()
    await driver.assert_reconnects()


async def test_simultaneous_close(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    results = await asyncio.gather(
        driver.close(code=3001, reason="One"), driver.close(code=3002), return_exceptions=True
    )
    assert [result for result in results if isinstance(result, dict)]
    assert driver.connection_states[2:] == ["disconnected"]
    await peer.wait_closed()
    await driver.assert_reconnects()


async def test_fifty_connections_keep_order_until_reload(
    hass: HomeAssistant, driver: ConnectionDriver, host: RawHost
) -> None:
    """All get their events in order, and a reload leaves nothing of any of them."""
    drivers = [ConnectionDriver(hass, host, driver.kind, f"c{number}") for number in range(50)]
    for one in drivers:
        one.entry = driver.entry
    await asyncio.gather(*(one.connect() for one in drivers))
    await wait_for(lambda: len(host.peers) == 50)
    # The host knows who is who by what it was sent.
    await asyncio.gather(*(one.send({"type": "response.create", "who": one.id}) for one in drivers))
    await wait_for(lambda: all(peer.received for peer in host.peers))
    peers = {peer.received[0]["who"]: peer for peer in host.peers}
    sent = {
        one.id: [{"type": "mine", "who": one.id, "n": number} for number in range(100)]
        for one in drivers
    }
    await asyncio.gather(*(peers[name].send_events(*frames) for name, frames in sent.items()))
    await wait_for(lambda: all(len(one.raw) == 100 for one in drivers), 20)
    for one in drivers:
        assert [data["event"] for data in one.raw] == sent[one.id]
    shown = [
        state for state in hass.states.async_all("binary_sensor") if "transport" in state.attributes
    ]
    assert len(shown) == 50

    start = time.monotonic()
    assert await hass.config_entries.async_reload(driver.entry.entry_id)
    assert time.monotonic() - start < 5
    await asyncio.gather(*(peer.wait_closed() for peer in peers.values()))
    assert {peer.close_frames[0][0] for peer in peers.values()} == {1000}
    assert all(
        one.connection_states == ["connecting", "connected", "disconnected"] for one in drivers
    )
    await wait_for(lambda: not tasks())
    await wait_for(lambda: not host.connections)
    assert not [state for state in hass.states.async_all() if "transport" in state.attributes]
    await driver.assert_reconnects()


async def test_fifty_unresponsive_connections_close_in_parallel(
    hass: HomeAssistant, driver: ConnectionDriver, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty servers that ignore the close frame take no longer than one."""
    monkeypatch.setattr(connect_options, "CLOSE_TIMEOUT", 0.3)
    drivers = [ConnectionDriver(hass, host, driver.kind, f"c{number}") for number in range(50)]
    for one in drivers:
        one.entry = driver.entry
    await asyncio.gather(*(one.connect() for one in drivers))
    await wait_for(lambda: len(host.peers) == 50)
    for peer in host.peers:
        peer.stop_reading = True
    start = time.monotonic()
    assert await hass.config_entries.async_unload(driver.entry.entry_id)
    assert time.monotonic() - start < 3
    await wait_for(lambda: not tasks())
    await wait_for(lambda: not host.connections)


@both_transports
async def test_repeated_open_and_close_leaks_nothing(
    driver: ConnectionDriver, host: RawHost
) -> None:
    """Nothing grows: no task, no listener, no entity, no connection."""

    def counts() -> tuple[int, ...]:
        return (
            len(tasks()),
            len(asyncio.all_tasks()) - len(host._tasks),
            len(driver.hass.states.async_all()),
            sum(driver.hass.bus.async_listeners().values()),
            len(driver.entry.runtime_data.connections),
            len(driver.entry._background_tasks),
        )

    async def churn(times: int) -> None:
        for _ in range(times):
            await driver.connect()
            await driver.close()
        await wait_for(lambda: not tasks())
        await wait_for(lambda: not host.connections)
        await driver.hass.async_block_till_done()

    await churn(5)
    before = counts()
    await churn(100)
    assert all(now <= then for now, then in zip(counts(), before, strict=True))
    assert len(host.peers) == 105
    assert driver.connection_states == ["connecting", "connected", "disconnected"] * 105
    await driver.assert_reconnects()


@both_transports
async def test_same_connection_id_on_two_entries(
    hass: HomeAssistant, driver: ConnectionDriver
) -> None:
    """Each has its own; what happens to one does not concern the other."""
    other_host = RawHost()
    await other_host.start()
    try:
        other = ConnectionDriver(hass, other_host, driver.kind)
        await other.add()
        mine, theirs = await driver.accepted_peer(), await other.accepted_peer()
        await mine.send_events({"type": "from.mine"})
        await theirs.send_events({"type": "from.theirs"})
        await wait_for(lambda: len(driver.raw) == 2)
        assert {(data["config_entry_id"], data["event_type"]) for data in driver.raw} == {
            (driver.entry.entry_id, "from.mine"),
            (other.entry.entry_id, "from.theirs"),
        }
        await other.close()
        await theirs.wait_closed()
        await driver.assert_receives()
        # Without saying which host is meant, nothing is done.
        error = await driver.expect_error(driver.call("get_realtime_status", config_entry_id=None))
        assert error.translation_key == "which_host"
        assert await hass.config_entries.async_unload(other.entry.entry_id)
        await driver.assert_receives()
    finally:
        await other_host.stop()
