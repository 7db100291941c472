"""Servers without WebSockets: some report it only after they have opened one."""

from custom_components.openai_api.websocket import reconnect
from tests.integration.waiting import wait_for
from tests.resilience.raw_websocket_server import Answer, RawHost, closing, refused, text

from .connection_driver import ConnectionDriver, both_transports

REASON = b"ssl argument is incompatible with a ws:// URI"


@both_transports
async def test_websocket_missing_closed_after_upgrade(
    driver: ConnectionDriver, host: RawHost
) -> None:
    for reason in (REASON, b""):
        driver.states.clear()
        heads = len(host.heads)
        host.always = Answer(first=closing(1011, reason))
        await driver.connect()
        await wait_for(lambda: driver.connection_states[-1:] == ["disconnected"])
        ended = driver.states[-1]
        assert ended["code"] == 1011
        assert "may not support WebSockets" in ended["error"]
        assert reason.decode() in ended["error"]
        assert len(host.heads) - heads <= 6
        assert driver.entry.runtime_data.connections == {}


@both_transports
async def test_websocket_missing_closed_with_error(driver: ConnectionDriver, host: RawHost) -> None:
    """As LiteLLM 1.108.7 does in front of a server without a WebSocket."""
    message = "Upstream realtime handshake rejected with HTTP 404"
    error = {"type": "error", "error": {"type": "server_error", "message": message}}
    host.always = Answer(first=text(error) + closing(1011, message.encode()))
    await driver.connect()
    await wait_for(lambda: driver.connection_states[-1:] == ["disconnected"])
    assert "may not support WebSockets" in driver.states[-1]["error"]
    assert message in driver.states[-1]["error"]
    assert len(host.heads) <= 6


@both_transports
async def test_close_after_events_reconnects(driver: ConnectionDriver, host: RawHost) -> None:
    """What has brought events once is opened again as before."""
    host.always = Answer(first=text({"type": "made.up"}) + closing(1011, b"Crash"))
    await driver.connect()
    await wait_for(lambda: driver.connection_states[-1:] == ["disconnected"])
    assert len(host.heads) == reconnect.MAX_ATTEMPTS + 1
    assert driver.states[-1]["error"] == "Crash"


@both_transports
async def test_websocket_missing_at_reconnect(driver: ConnectionDriver, host: RawHost) -> None:
    for status in (403, 404, 405):
        driver.states.clear()
        host.always = None
        await driver.connect()
        heads = len(host.heads)
        host.always = refused(status)
        await host.peers[-1].close(1012)
        await wait_for(lambda: driver.connection_states[-1:] == ["disconnected"])
        assert len(host.heads) == heads + 1
        assert f"HTTP {status}" in driver.states[-1]["error"]
        assert "has no WebSocket" in driver.states[-1]["error"]
