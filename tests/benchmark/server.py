"""A host that is never the bottleneck: it sends canned bytes, over HTTP and over WebSockets.

The query or the client event says how many `events` to send, and either with which `pace`, in
seconds, or at which `rate` a second; without one of them, they come all at once. Who cannot set a
query puts `/events=COUNT` at the end of the base URL.
"""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from functools import cache
import hashlib
import json
import re
import sys
import time
from typing import Any, override
from urllib.parse import parse_qs, urlsplit

HOST = "127.0.0.1"
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%s\r\n"
_EVENTS_IN_PATH = re.compile(r"/events=(\d+)/")
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_FILLER = "The quick brown fox jumps over the lazy dog. "


def response(text: str) -> dict[str, Any]:
    """Return a model response that says this."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    message = {
        "id": "msg_0123456789abcdef",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return {
        "id": "resp_0123456789abcdef",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "completed",
        "model": "gpt-5-mini",
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "usage": {"input_tokens": 12, "output_tokens": 120, "total_tokens": 132},
    }


def event(number: int) -> bytes:
    """Return an event of a stream."""
    return json.dumps(
        {
            "type": "response.output_text.delta",
            "sequence_number": number,
            "item_id": "msg_0123456789abcdef",
            "output_index": 0,
            "content_index": 0,
            "delta": "word ",
            "logprobs": [],
            "obfuscation": "k3JwQz81",
            "sent": time.monotonic(),
        }
    ).encode()


def last_event(number: int) -> bytes:
    """Return the event that ends a stream."""
    whole = response(_FILLER)
    return json.dumps(
        {"type": "response.completed", "sequence_number": number, "response": whole}
    ).encode()


@cache
def answer(kind: str = "object") -> bytes:
    """Return a whole answer of about 1 KB, or a list of no models."""
    body: Any = response(_FILLER * 10) if kind == "object" else {"object": "list", "data": []}
    return _with_head(json.dumps(body).encode())


def page(number: int, count: int) -> bytes:
    """Return one of so many pages of a list, each with 100 items."""
    items = [{"id": f"file-{number}-{item}", "object": "file"} for item in range(100)]
    content = {"object": "list", "data": items, "has_more": number + 1 < count}
    return _with_head(json.dumps({**content, "last_id": items[-1]["id"]}).encode())


def _with_head(content: bytes) -> bytes:
    """Return a JSON body with what goes before it."""
    return _HEAD % (b"application/json", b"Content-Length: %d\r\n" % len(content)) + content


_STREAM_HEAD = _HEAD % (b"text/event-stream", b"Transfer-Encoding: chunked\r\n")


def chunk(number: int, count: int) -> bytes:
    """Return one of so many events of a stream, in a chunk of its own, as hosts send them."""
    if number < count - 1:
        block = b"event: response.output_text.delta\ndata: %s\n\n" % event(number)
        return b"%x\r\n%s\r\n" % (len(block), block)
    block = b"event: response.completed\ndata: %s\n\n" % last_event(number)
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(block), block)


@cache
def stream(count: int) -> bytes:
    """Return a stream of so many events."""
    return _STREAM_HEAD + b"".join(chunk(number, count) for number in range(count))


def frame(payload: bytes) -> bytes:
    """Return a text frame."""
    if len(payload) < 126:
        return b"\x81" + bytes([len(payload)]) + payload
    return b"\x81\x7e" + len(payload).to_bytes(2) + payload


def numbered_frame(number: int, count: int) -> bytes:
    """Return one of so many events as a frame."""
    return frame(event(number) if number < count - 1 else last_event(number))


@cache
def burst(count: int) -> bytes:
    """Return so many events as frames."""
    return b"".join(numbered_frame(number, count) for number in range(count))


class Connection(asyncio.Protocol):
    """One connection, which may become a WebSocket."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._buffer = bytearray()
        self._is_socket = False
        self._tasks: set[asyncio.Task[None]] = set()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._take_frame() if self._is_socket else self._take_request():
            pass

    def _take_request(self) -> bool:
        """Answer a request that is there in full."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in lines)
        }
        size = int(headers.get(b"content-length", 0))
        if b"transfer-encoding" in headers:
            if not self._buffer.endswith(_LAST_CHUNK):
                return False
            size = len(self._buffer) - end - 4
        if len(self._buffer) < end + 4 + size:
            return False
        del self._buffer[: end + 4 + size]
        url = urlsplit(first.split(b" ")[1].decode())
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if in_path := _EVENTS_IN_PATH.search(url.path):
            query["events"] = in_path[1]
        events = int(query.get("events", "0"))
        if b"upgrade" in headers:
            key = hashlib.sha1(headers[b"sec-websocket-key"] + _ACCEPT, usedforsecurity=False)
            accept = base64.b64encode(key.digest())
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept
            )
            self._is_socket = True
        elif pages := int(query.get("pages", "0")):
            # The id after which the page begins names the page that ended with it.
            after = query.get("after")
            self._transport.write(page(int(after.split("-")[1]) + 1 if after else 0, pages))
        elif events and (rate := float(query.get("rate", "0"))):
            self._transport.write(_STREAM_HEAD)
            self._start(self._send_at_rate(chunk, events, rate))
        elif events:
            self._transport.write(stream(events))
        else:
            self._transport.write(answer("list" if url.path.endswith("/models") else "object"))
        return True

    def _take_frame(self) -> bool:
        """Answer a frame that is there in full; clients mask theirs."""
        buffer = self._buffer
        if len(buffer) < 6:
            return False
        code, size, start = buffer[0] & 15, buffer[1] & 127, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4]), 4
        if len(buffer) < start + 4 + size:
            return False
        mask = bytes(buffer[start : start + 4])
        masked = bytes(buffer[start + 4 : start + 4 + size])
        del buffer[: start + 4 + size]
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
        if code == 8:
            self._transport.write(bytes([0x88, len(payload)]) + payload)
            self._transport.close()
        elif code == 9:
            self._transport.write(bytes([0x8A, len(payload)]) + payload)
        elif code == 1:
            wish = json.loads(payload)
            if pace := wish.get("pace"):
                self._start(self._send_paced(wish["events"], pace))
            elif rate := wish.get("rate"):
                self._start(self._send_at_rate(numbered_frame, wish["events"], rate))
            else:
                self._transport.write(burst(wish["events"]))
        return True

    def _start(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send beside listening."""
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_at_rate(
        self, make: Callable[[int, int], bytes], count: int, rate: float
    ) -> None:
        """Send so many events a second, whatever the clock of the loop can do; late ones follow."""
        start, sent = time.monotonic(), 0
        while sent < count and not self._transport.is_closing():
            due = min(count, int((time.monotonic() - start) * rate) + 1)
            if due > sent:
                self._transport.write(b"".join(make(number, count) for number in range(sent, due)))
                sent = due
            await asyncio.sleep(max(0.002, start + sent / rate - time.monotonic()))

    async def _send_paced(self, count: int, pace: float) -> None:
        """Send events one by one, each stamped with its time."""
        for number in range(count - 1):
            await asyncio.sleep(pace)
            self._transport.write(frame(event(number)))
        self._transport.write(frame(last_event(count)))


async def main() -> None:
    """Serve on a free port, which is printed, until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, HOST, 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)
        # Leaving waits for every connection to end.
        server.close_clients()


if __name__ == "__main__":
    asyncio.run(main())
