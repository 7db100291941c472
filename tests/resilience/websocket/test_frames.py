"""Frames of every kind: what is allowed becomes an event, the rest ends the connection."""

import json
from typing import Any
import zlib

import pytest

from tests.integration.waiting import wait_for
from tests.resilience.raw_websocket_server import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Answer,
    RawHost,
    frame,
    text,
)

from .connection_driver import REALTIME, ConnectionDriver, both_transports, only_realtime

LARGEST = 64 * 1024 * 1024
ODD: dict[str, tuple[bytes, Any]] = {
    "list": (b"[1, 2]", [1, 2]),
    "number": (b"17", 17),
    "fraction": (b"-1.5e3", -1500.0),
    "text": (b'"text"', "text"),
    "nothing": (b"null", None),
    "yes": (b"true", True),
    "no type": (b'{"no": "type"}', {"no": "type"}),
    "empty": (b"{}", {}),
    "type is a number": (b'{"type": 1}', {"type": 1}),
    "type is a list": (b'{"type": ["response.done"]}', {"type": ["response.done"]}),
    "type is an object": (b'{"type": {}}', {"type": {}}),
    "type is nothing": (b'{"type": null}', {"type": None}),
    "type is empty": (b'{"type": ""}', {"type": ""}),
    "two types": (b'{"type": "a", "type": "b"}', {"type": "b"}),
    "endless type": (json.dumps({"type": "x" * 70_000}).encode(), {"type": "x" * 70_000}),
    "large number": (b'{"n": 123456789012345678901234567890}', {"n": 1.2345678901234568e29}),
    "not a number": (b'{"type": "a", "n": [NaN, -Infinity]}', {"type": "a", "n": [None, None]}),
    "spaces": (b' \r\n\t{"type": "spaced"} ', {"type": "spaced"}),
    "null character": (b'{"type": "\\u0000"}', {"type": "\x00"}),
    "smile": ('{"type": "\U0001f600"}'.encode(), {"type": "\U0001f600"}),
    "deep": (b"[" * 150 + b"]" * 150, None),
    "no UTF-8": (b'{"type": "\xff\xfe"}', {"type": "\ufffd\ufffd"}),
    "half a character": (b'{"type": "\xc3"}', {"type": "\ufffd"}),
    "lone surrogate": (b'{"type": "\\ud800"}', {"type": "\ufffd"}),
    "surrogate in bytes": (b'{"type": "\xed\xa0\x80"}', {"type": "\ufffd\ufffd\ufffd"}),
}
NO_JSON: dict[str, bytes] = {
    "words": b"{ not json",
    "nothing at all": b"",
    "spaces": b"  ",
    "byte order mark": b'\xef\xbb\xbf{"type": "a"}',
    "endless number": b'{"n": 1e999}',
    "two objects": b'{"type": "a"}{"type": "b"}',
    "half an object": b'{"type": "a"',
    "deeper than anything can be passed on": b"[" * 500 + b"]" * 500,
    "too deep": b"[" * 100_000,
    "much too deep": b'{"a":' * 200_000,
    "control character": b'{"type": "\x01"}',
}
BROKEN: dict[str, bytes] = {
    "first reserved bit": frame(TEXT, b"{}", rsv=4),
    "second reserved bit": frame(TEXT, b"{}", rsv=2),
    "third reserved bit": frame(TEXT, b"{}", rsv=1),
    "all reserved bits": frame(BINARY, b"{}", rsv=7),
    "unknown data opcode": frame(3, b"{}"),
    "last unknown data opcode": frame(7, b"{}"),
    "unknown control opcode": frame(0xB, b""),
    "last unknown control opcode": frame(0xF, b""),
    "masked": frame(TEXT, b"{}", mask=b"mask"),
    "continuation of nothing": frame(CONTINUATION, b"{}"),
    "a message within a message": frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"),
    "ping in parts": frame(PING, b"", fin=False),
    "long ping": frame(PING, b"x" * 126),
    "long pong": frame(PONG, b"x" * 126),
    "long close frame": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "text that says it is packed": frame(TEXT, b"\x00\x01\x02", rsv=4),
}


@both_transports
async def test_unusual_json_messages_are_fired(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    wanted: list[Any] = []
    for kind in (TEXT, BINARY):
        for name, (data, event) in ODD.items():
            await peer.send(frame(kind, data))
            wanted.append(json.loads(data) if name == "deep" else event)
    await wait_for(lambda: len(driver.raw) == len(wanted))
    for said, event in zip(driver.raw, wanted, strict=True):
        assert said["event"] == event
        assert said["event_type"] == (event.get("type") if isinstance(event, dict) else None)
    assert driver.connection_states == ["connecting", "connected"]
    await driver.assert_receives()


@both_transports
async def test_non_json_message_is_reported(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    for kind in (TEXT, BINARY):
        for name, data in NO_JSON.items():
            driver.states.clear()
            await peer.send(frame(kind, data))
            await wait_for(lambda: driver.states)
            assert driver.connection_states == ["connected"], name
            assert "not JSON" in driver.states[0]["error"], name
            assert driver.states[0]["context_lost"] is False
    assert driver.raw == []
    await driver.assert_receives()


async def test_protocol_error_closes_connection(driver: ConnectionDriver, host: RawHost) -> None:
    for name, data in BROKEN.items():
        peer = await driver.accepted_peer()
        driver.states.clear()
        driver.raw.clear()
        await peer.send(text({"type": "before"}), data, text({"type": "after"}))
        await driver.wait_for_state("connected")
        lost = driver.states[0]
        assert (lost["state"], lost["code"]) == ("reconnecting", 1006), name
        assert lost["error"], name
        # What came before counts, what comes after does not.
        assert [data["event"] for data in driver.raw] == [{"type": "before"}], name
        await wait_for(lambda: peer.close_frames)  # noqa: B023
        assert peer.close_frames[0][0] in {1002, 1007}, name
        await driver.close()
    await wait_for(lambda: not host.connections)
    await driver.assert_reconnects()


async def test_fragmented_messages_with_pings(driver: ConnectionDriver) -> None:
    """A message may come in parts, with pings between them."""
    peer = await driver.accepted_peer()
    event = {"type": "in.parts", "text": "Grüße, 世界 \U0001f600 " * 20}
    data = json.dumps(event, ensure_ascii=False).encode()
    for size in (1, 2, 7, 64, len(data) - 1):
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        frames = [
            frame(TEXT if not at else CONTINUATION, part, fin=at == len(parts) - 1)
            + frame(PING, b"between")
            for at, part in enumerate(parts)
        ]
        seen = len(driver.raw)
        await peer.send(*frames)
        await wait_for(lambda: len(driver.raw) > seen)  # noqa: B023
        assert driver.raw[-1]["event"] == event
    await peer.send(
        frame(TEXT, b"", fin=False),
        frame(CONTINUATION, b"", fin=False),
        frame(CONTINUATION, text({"type": "late"})[2:]),
    )
    await wait_for(lambda: driver.raw[-1]["event"] == {"type": "late"})
    await driver.assert_receives()


async def test_fragmented_tcp_segments(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    for byte in text({"type": "slow", "data": "é" * 100}):
        await peer.send(bytes([byte]))
    await wait_for(lambda: driver.raw)
    assert driver.raw[0]["event"] == {"type": "slow", "data": "é" * 100}
    await driver.assert_receives()


async def test_compressed_messages(driver: ConnectionDriver, host: RawHost) -> None:
    """Servers may compress messages; what is compressed wrong ends the connection."""
    extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    host.always = Answer(headers=extension)
    peer = await driver.accepted_peer()

    def packed(data: bytes) -> bytes:
        packer = zlib.compressobj(wbits=-15)
        return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    await peer.send(frame(TEXT, packed(b'{"type": "packed"}'), rsv=4))
    await wait_for(lambda: driver.raw)
    assert driver.raw[0]["event"] == {"type": "packed"}
    await peer.send(frame(TEXT, b"\xff\xff\xff not packed", rsv=4))
    lost = await driver.wait_for_state("reconnecting")
    assert lost["code"] == 1006
    await host.peers.reach(2)
    await driver.wait_for_state("connected", 2)
    # A small frame that unpacks to more than the largest event is too large, too.
    await host.peers[-1].send(frame(TEXT, packed(b" " * (LARGEST + 100_000)), rsv=4))
    ended = await driver.wait_for_state("disconnected")
    assert ended["code"] == 1009
    assert "64 MiB" in ended["error"]
    host.always = None
    await driver.assert_reconnects()


@pytest.mark.parametrize("count", [1, 64])
async def test_message_size_limit(driver: ConnectionDriver, host: RawHost, count: int) -> None:
    """64 MiB are taken, in one part or in many; one byte more ends the connection."""
    for extra in (0, 1):
        peer = await driver.accepted_peer()
        driver.raw.clear()
        driver.states.clear()
        head, tail = b'{"type": "big", "data": "', b'"}'
        size = LARGEST + extra
        data = head + b"x" * (size - len(head) - len(tail)) + tail
        step = -(-size // count)
        for at in range(0, size, step):
            part = data[at : at + step]
            kind = CONTINUATION if at else TEXT
            await peer.send(frame(kind, part, fin=at + step >= size))
        if not extra:
            await wait_for(lambda: driver.raw, 20)
            assert len(driver.raw[0]["event"]["data"]) == size - len(head) - len(tail)
            await driver.assert_receives()
            await driver.close()
            continue
        ended = await driver.wait_for_state("disconnected")
        assert driver.connection_states == ["disconnected"]
        assert ended["code"] == 1009
        assert "64 MiB" in ended["error"]
        assert driver.raw == []
    await wait_for(lambda: not host.connections)
    await driver.assert_reconnects()


async def test_oversized_frame_header_is_rejected_early(driver: ConnectionDriver) -> None:
    """A frame whose length is too large is refused before any of its payload arrives."""
    for count, size in enumerate((LARGEST + 1, 2**63 - 1, 2**64 - 1), 1):
        peer = await driver.accepted_peer()
        await peer.send(b"\x81\x7f" + size.to_bytes(8))
        ended = await driver.wait_for_state("disconnected", count)
        assert ended["code"] == 1009
    await driver.assert_reconnects()


async def test_ping_flood_is_answered_in_order(driver: ConnectionDriver) -> None:
    """All are answered, in their order, and events still come through."""
    peer = await driver.accepted_peer()
    count = 100_000
    block = frame(PING) * 1000
    for _ in range(count // 1000):
        await peer.send(block)
    await peer.send_events({"type": "after.the.flood"})
    await wait_for(lambda: driver.raw, 30)
    assert driver.raw[0]["event"] == {"type": "after.the.flood"}
    await wait_for(lambda: peer.pongs == count, 30)
    assert driver.connection_states == ["connecting", "connected"]
    await driver.assert_receives()


async def test_unsolicited_pongs_are_ignored(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    await peer.send(frame(PONG) * 1000, frame(PONG, b"x" * 125) * 1000)
    await driver.assert_receives()
    assert driver.connection_states == ["connecting", "connected"]


@only_realtime
async def test_deeply_nested_arguments(driver: ConnectionDriver) -> None:
    """What is deep within a text of the host ends nothing, either."""
    peer = await driver.accepted_peer()
    for kind in ("mcp_approval_request", "function_call"):
        item = {
            "id": kind,
            "type": kind,
            "status": "completed",
            "call_id": kind,
            "name": "x",
            "arguments": "[" * 200_000,
        }
        await peer.send_events(
            {"type": "conversation.item.done", "item": item},
            {"type": "response.output_item.done", "item": item},
        )
    await driver.assert_receives()
    told = {notice["type"]: notice for notice in driver.notices}
    assert told["mcp_approval_request"]["item"]["arguments"] == "[" * 200_000
    assert told["function_call"]["arguments"] == "[" * 200_000
    assert driver.connection_states == ["connecting", "connected"]
    assert driver.kind == REALTIME
