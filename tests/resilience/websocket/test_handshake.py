"""A host that does not let anybody in, in every way there is."""

import asyncio

from homeassistant.core import HomeAssistant
import pytest

from tests.integration.conftest import CANARY
from tests.integration.waiting import wait_for
from tests.resilience.raw_websocket_server import Answer, RawHost, closing, refused, text

from .connection_driver import ConnectionDriver, both_transports

ERROR = '{"error": {"message": "Not you", "code": "no_entry", "param": "model"}}'
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
LEAKY = f"The key {CANARY} is wrong"

REFUSALS: dict[str, tuple[Answer, str, str]] = {
    "401": (refused(401, ERROR), "auth_failed", "Not you"),
    "403": (refused(403, ERROR), "websocket_refused", "HTTP 403, code: no_entry"),
    "404": (refused(404, "<html><body>Nothing here</body></html>"), "websocket_missing", "404"),
    "403 without a word": (refused(403), "websocket_missing", "403"),
    "405": (refused(405, '{"detail": "Method Not Allowed"}'), "websocket_missing", "Not Allowed"),
    "501": (refused(501, "Unsupported"), "websocket_missing", "Unsupported"),
    "key as the request's id": (
        refused(403, ERROR, f"x-request-id: req_{CANARY}"),
        "websocket_refused",
        "request_id: req_***",
    ),
    "key as the request's id, of a bad key": (
        refused(401, ERROR, f"x-request-id: {CANARY.upper()}"),
        "auth_failed",
        "request_id: ***",
    ),
    "key as the request's id, in percent": (
        refused(500, "", f"x-request-id: {CANARY.replace('-', '%2D')}"),
        "websocket_refused",
        "request_id: ***",
    ),
    "429": (refused(429, ERROR, "Retry-After: 1"), "websocket_refused", "429"),
    "500": (refused(500, "Oops"), "websocket_refused", "Oops"),
    "503": (refused(503), "websocket_refused", "503"),
    "error with the key": (refused(400, LEAKY), "websocket_refused", "***"),
    "error that is no object": (refused(400, "[1, 2]"), "websocket_refused", "400"),
    "error that is no text": (refused(400, "\x00\ud7ff"), "websocket_refused", "400"),
    "200": (refused(200, '{"object": "list"}'), "websocket_missing", "200"),
    "page for every path": (
        refused(200, "<!doctype html><html><title>Piper Studio</title><div></div></html>"),
        "websocket_missing",
        "Piper Studio",
    ),
    "204": (Answer(raw=b"HTTP/1.1 204 No Content\r\n\r\n"), "websocket_missing", "204"),
    "redirect without an address": (refused(302), "websocket_refused", "302"),
    "redirect to something else": (
        refused(307, "", "Location: ftp://127.0.0.1/x"),
        "cannot_connect",
        "",
    ),
    "redirect to no address at all": (
        refused(307, "", "Location: http://[::1"),
        "cannot_connect",
        "",
    ),
    "redirect to no port": (
        refused(307, "", "Location: ws://127.0.0.1:port/"),
        "cannot_connect",
        "",
    ),
    "redirect with the key": (
        refused(308, "", f"Location: ftp://127.0.0.1/?key={CANARY}"),
        "cannot_connect",
        "***",
    ),
    "closed": (Answer(raw=b""), "cannot_connect", ""),
    "reset": (Answer(raw=b"", then="reset"), "cannot_connect", ""),
    "closed in the status line": (Answer(raw=b"HTTP/1.1 10"), "cannot_connect", ""),
    "closed in the headers": (Answer(raw=UPGRADE), "cannot_connect", ""),
    "garbage": (Answer(raw=b"\x00\xff\x13\r\n\r\n\r\n"), "cannot_connect", ""),
    "another protocol": (Answer(raw=b"SSH-2.0-OpenSSH_9.9\r\n"), "cannot_connect", ""),
    "endless line": (Answer(raw=b"HTTP/1.1 101 " + b"x" * 100_000), "cannot_connect", ""),
    "endless headers": (
        Answer(raw=UPGRADE + b"x: y\r\n" * 10_000 + b"\r\n"),
        "cannot_connect",
        "",
    ),
    "garbled header": (Answer(raw=UPGRADE + b"no header\r\n\r\n"), "cannot_connect", ""),
    "endless body": (Answer(raw=b"HTTP/1.1 500 No\r\n\r\n" + b"x" * 2**21), "cannot_connect", ""),
    "no accept": (Answer(raw=UPGRADE + b"\r\n"), "cannot_connect", ""),
    "wrong accept": (
        Answer(raw=UPGRADE + b"Sec-WebSocket-Accept: bm90IHRoaXMgb25lIGF0IGFsbA==\r\n\r\n"),
        "cannot_connect",
        "",
    ),
    "no upgrade": (
        Answer(
            raw=b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
        ),
        "cannot_connect",
        "",
    ),
    "unknown extension": (
        Answer(headers="Sec-WebSocket-Extensions: x-made-up\r\n"),
        "cannot_connect",
        "",
    ),
    "unknown subprotocol": (
        Answer(headers="Sec-WebSocket-Protocol: made-up\r\n"),
        "cannot_connect",
        "",
    ),
}


@both_transports
async def test_handshake_rejected(driver: ConnectionDriver, host: RawHost) -> None:
    for name, (answer, key, words) in REFUSALS.items():
        driver.states.clear()
        host.plan.append(answer)
        error = await driver.expect_error(driver.connect())
        assert (error.translation_key, words in str(error)) == (key, True), (name, str(error))
        assert driver.connection_states == ["connecting", "disconnected"], name
        # The event has the error of the caller.
        assert driver.states[-1]["error"] == " ".join(str(error).split()), name
        assert driver.entry.runtime_data.connections == {}, name
        await wait_for(lambda: not host.connections)
    await driver.assert_reconnects()


SILENT = {
    "nothing": b"",
    "half a status": b"HTTP/1.1 101",
    "half a header": UPGRADE,
    "half a body": b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nhalf",
}


async def test_handshake_malformed_response(hass: HomeAssistant, driver: ConnectionDriver) -> None:
    await hass.config_entries.async_remove(driver.entry.entry_id)
    await driver.add(timeout=0.3)
    for name, raw in SILENT.items():
        driver.states.clear()
        driver.host.plan.append(Answer(raw=raw, then="stay"))
        error = await driver.expect_error(driver.connect(), 3)
        assert error.translation_key == "timed_out", name
        assert driver.connection_states == ["connecting", "disconnected"], name
    await driver.assert_reconnects()


async def test_handshake_connection_refused(driver: ConnectionDriver, host: RawHost) -> None:
    await host.stop()
    error = await driver.expect_error(driver.connect())
    assert error.translation_key == "cannot_connect"
    await host.start()
    await driver.assert_reconnects()


async def test_handshake_closed_before_tls_names_the_error(driver: ConnectionDriver) -> None:
    """An error of the operating system may have no words of its own."""
    await driver.hass.config_entries.async_remove(driver.entry.entry_id)

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await driver.add(base_url=f"https://127.0.0.1:{port}/v1")
        error = await driver.expect_error(driver.connect())
    assert error.translation_key == "cannot_connect"
    assert str(error).endswith(": ConnectionResetError")


async def test_handshake_401_starts_reauthentication(
    hass: HomeAssistant, driver: ConnectionDriver
) -> None:
    driver.host.plan.append(refused(401, LEAKY))
    await driver.expect_error(driver.connect())
    flows = hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == ["reauth"]
    await driver.assert_reconnects()


async def test_handshake_redirect_same_host_is_followed(
    driver: ConnectionDriver, host: RawHost
) -> None:
    host.plan.append(refused(307, "", "Location: /v2/elsewhere"))
    await driver.accepted_peer()
    assert [head.split()[1].partition("?")[0] for head in host.heads] == [
        f"/v1/{driver.kind}",
        "/v2/elsewhere",
    ]
    await driver.assert_receives()
    await driver.close()


async def test_handshake_redirect_loop(driver: ConnectionDriver, host: RawHost) -> None:
    host.always = refused(302, "", f"Location: /v1/{driver.kind}")
    error = await driver.expect_error(driver.connect())
    assert error.translation_key == "cannot_connect"
    assert len(host.heads) < 25
    await driver.assert_reconnects()


@both_transports
@pytest.mark.parametrize("style", ["bearer", "header", "query"])
async def test_handshake_redirect_other_host_gets_no_api_key(
    hass: HomeAssistant, driver: ConnectionDriver, host: RawHost, style: str
) -> None:
    await hass.config_entries.async_remove(driver.entry.entry_id)
    await driver.add(auth_method=style, auth_name="" if style == "bearer" else "api-key")
    thief = RawHost()
    await thief.start()
    try:
        for address in (
            f"ws://127.0.0.1:{thief.port}/v1/{driver.kind}",
            f"http://127.0.0.1:{thief.port}/",
            f"//127.0.0.1:{thief.port}/x",
            f"ws://localhost:{thief.port}/",
        ):
            host.plan.append(refused(302, "", f"Location: {address}"))
            error = await driver.expect_error(driver.connect())
            assert error.translation_key == "cannot_connect", address
        # Once taken in, one is not sent elsewhere later, either.
        peer = await driver.accepted_peer()
        host.plan.append(refused(302, "", f"Location: ws://127.0.0.1:{thief.port}/"))
        driver.states.clear()
        peer.reset()
        await driver.wait_for_state("connected")
        await driver.assert_receives()
        assert CANARY in host.heads[-1]
    finally:
        await thief.stop()
    assert not thief.heads
    assert not thief.peers


async def test_handshake_with_trailing_message(driver: ConnectionDriver, host: RawHost) -> None:
    """Bytes that come along with the upgrade belong to the conversation."""
    events = [{"type": "early", "n": number} for number in range(50)]
    host.plan.append(Answer(first=b"".join(map(text, events))))
    await driver.accepted_peer()
    await wait_for(lambda: len(driver.raw) == 50)
    assert [data["event"] for data in driver.raw] == events
    await driver.assert_receives()


async def test_closed_right_after_upgrade(driver: ConnectionDriver, host: RawHost) -> None:
    host.plan.append(Answer(first=closing(1008, b"Not today")))
    await driver.connect()
    ended = await driver.wait_for_state("disconnected")
    assert (ended["code"], ended["reason"]) == (1008, "Not today")
    await driver.assert_reconnects()


async def test_handshake_cancelled_by_caller(
    hass: HomeAssistant, driver: ConnectionDriver, host: RawHost
) -> None:
    """A script that is stopped takes its half-open connection with it."""
    host.plan.append(Answer(raw=b"", then="stay"))
    task = hass.async_create_task(driver.connect())
    await host.heads.reach(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert driver.connection_states == ["connecting", "disconnected"]
    assert driver.states[-1]["error"] is None
    await wait_for(lambda: not host.connections)
    await driver.assert_reconnects()
