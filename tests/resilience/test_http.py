"""Servers that break off, stall, send wrong lengths, or answer with something else."""

from compression import zstd
import gzip
from typing import Any
import zlib

import pytest

from custom_components.openai_api.api import transport

from .raw_server import (
    BODY,
    DEEP,
    GOOD,
    HEAD,
    HTML,
    RIGHT,
    WHOLE,
    Script,
    Step,
    answer,
    chunked,
    error,
)
from .raw_server_fixture import ASK, RawServerFixture

LINE: dict[str, tuple[Script, str | dict[str, Any]]] = {
    "reset before the headers": ([Step.RESET], "cannot_connect"),
    "closed before the headers": ([Step.CLOSE], "connection_dropped"),
    "reset in the status line": ([WHOLE[:7], 0.02, Step.RESET], "cannot_connect"),
    "closed in the status line": ([WHOLE[:7], Step.CLOSE], "connection_dropped"),
    "reset in the headers": ([HEAD[:40], 0.02, Step.RESET], "cannot_connect"),
    "closed in the headers": ([HEAD[:40], Step.CLOSE], "connection_dropped"),
    "reset after the headers": ([HEAD + b"\r\n\r\n", 0.02, Step.RESET], "cannot_connect"),
    "reset in the body": ([WHOLE[:-9], 0.02, Step.RESET], "cannot_connect"),
    "closed in the body": ([WHOLE[:-9], Step.CLOSE], "cannot_connect"),
    "no answer": ([Step.HOLD], "timed_out"),
    "stops in the headers": ([HEAD[:40], Step.HOLD], "timed_out"),
    "stops in the body": ([WHOLE[:-9], Step.HOLD], "timed_out"),
    "trickled headers": (
        [step for byte in HEAD for step in (bytes([byte]), 0.05)],
        "timed_out",
    ),
    "trickled body": (
        [HEAD + b"\r\n\r\n", *(step for byte in BODY for step in (bytes([byte]), 0.05))],
        "timed_out",
    ),
    "trickled refusal": (
        [
            answer(b"", 500, length=500),
            *(step for _ in range(100) for step in (b"x", 0.05)),
        ],
        "timed_out",
    ),
    "slow but in time": ([WHOLE[:50], 0.1, WHOLE[50:90], 0.1, WHOLE[90:]], RIGHT),
    "closed after the answer": ([WHOLE, Step.CLOSE], RIGHT),
    "reset after the answer": ([WHOLE, 0.05, Step.RESET], RIGHT),
    "not HTTP": ([b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Step.CLOSE], "cannot_connect"),
    "HTTP/1.0, ended by closing": (
        [b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY, Step.CLOSE],
        RIGHT,
    ),
    "HTTP/2": ([b"HTTP/2 200\r\n\r\n" + BODY, Step.CLOSE], "cannot_connect"),
}
FRAMES: dict[str, tuple[Script, str | dict[str, Any]]] = {
    "length too long": ([answer(length=len(BODY) + 5), Step.CLOSE], "cannot_connect"),
    "length too long, connection kept": ([answer(length=len(BODY) + 5), Step.HOLD], "timed_out"),
    "length too short": ([answer(length=len(BODY) - 5)], "cannot_connect"),
    "length too short, rest later": (
        [answer(BODY[:40], length=40), 0.05, BODY[40:], Step.CLOSE],
        "bad_answer",
    ),
    "length of nothing": ([answer(length=0)], "cannot_connect"),
    "two answers at once": ([WHOLE + answer({"id": "wrong"})], RIGHT),
    "length that is none": (
        [answer(length=-1, headers="Content-Length: many\r\n")],
        "cannot_connect",
    ),
    "negative length": ([answer(length=-1, headers="Content-Length: -5\r\n")], "cannot_connect"),
    "two lengths": ([answer(headers="Content-Length: 3\r\n"), Step.CLOSE], "cannot_connect"),
    "length and chunks": (
        [chunked(BODY, headers="Content-Length: 3\r\n") + b"0\r\n\r\n", Step.CLOSE],
        "cannot_connect",
    ),
    "chunks": ([chunked(BODY[:9], BODY[9:]) + b"0\r\n\r\n"], RIGHT),
    "chunks with extensions and trailers": (
        [chunked() + b"%x;a=b\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(BODY), BODY)],
        RIGHT,
    ),
    "no last chunk": ([chunked(BODY), Step.CLOSE], "cannot_connect"),
    "no last chunk, connection kept": ([chunked(BODY), Step.HOLD], "timed_out"),
    "chunk size that is none": ([chunked() + b"zz\r\n" + BODY, Step.CLOSE], "cannot_connect"),
    "chunk longer than its size": (
        [chunked() + b"3\r\n" + BODY + b"\r\n0\r\n\r\n", Step.CLOSE],
        "cannot_connect",
    ),
    "1xx before the answer": (
        [
            b"HTTP/1.1 100 Continue\r\n\r\n"
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n" + WHOLE
        ],
        RIGHT,
    ),
    "hints and nothing else": ([b"HTTP/1.1 103 Early Hints\r\n\r\n", Step.HOLD], "timed_out"),
    "switches protocols": (
        [
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            Step.CLOSE,
        ],
        "refused",
    ),
    "204": ([b"HTTP/1.1 204 No Content\r\n\r\n"], "empty_answer"),
    "205": ([answer(b"", 205)], "empty_answer"),
    "206": ([answer(BODY[:20], 206)], "bad_answer"),
}
HEADERS: dict[str, tuple[Script, str | dict[str, Any]]] = {
    "huge header": ([answer(headers=f"X-Big: {'x' * 70_000}\r\n")], "cannot_connect"),
    "large header": ([answer(headers=f"X-Big: {'x' * 60_000}\r\n")], RIGHT),
    "endless header": ([HEAD + b"\r\nX-Big: ", b"x" * 10_000_000, Step.CLOSE], "cannot_connect"),
    "many headers": ([answer(headers="X-A: 1\r\n" * 100)], RIGHT),
    "doubled headers": (
        [answer(headers="X-Request-Id: a\r\nX-Request-Id: b\r\nContent-Type: text/html\r\n")],
        RIGHT,
    ),
    "header without a colon": ([answer(headers="X-Broken\r\n")], "cannot_connect"),
    "header with a bare return": ([answer(headers="X-A: b\rX-C: d\r\n")], "cannot_connect"),
    "header with a zero": ([answer(headers="X-A: b\x00c\r\n")], "cannot_connect"),
    "folded header": ([answer(headers="X-A: b\r\n c\r\n")], RIGHT),
    "header in Latin-1": ([answer(headers="X-A: %\r\n").replace(b"%", b"\xe4\xff")], RIGHT),
    "request id to trick a log": (
        [answer({"error": {"message": "x"}}, 400, "X-Request-Id: <b>a</b>\x1b[31m\r\n")],
        "refused",
    ),
    "limits that are no numbers": (
        [answer(headers="X-RateLimit-Remaining-Tokens: ²\r\n")],
        RIGHT,
    ),
    "limits beyond counting": (
        [answer(headers=f"X-RateLimit-Remaining-Tokens: {'9' * 5000}\r\n")],
        RIGHT,
    ),
    "cookies": ([answer(headers="Set-Cookie: a=b; Domain=elsewhere.example\r\n")], RIGHT),
}
BODIES: dict[str, tuple[Script, str | dict[str, Any]]] = {
    "web page": ([answer(HTML, kind="text/html")], "bad_answer"),
    "web page labelled as JSON": ([answer(HTML)], "bad_answer"),
    "JSON labelled as a page": ([answer(kind="text/html")], RIGHT),
    "JSON without a label": ([answer(kind=None)], RIGHT),
    "type that is none": ([answer(kind=";;;/ ,")], RIGHT),
    "picture": ([answer(b"\x89PNG\r\n\x1a\n" + bytes(99), kind="image/png")], "bad_answer"),
    "picture without a label": (
        [answer(b"\x89PNG\r\n\x1a\n" + bytes(99), kind=None)],
        "bad_answer",
    ),
    "failure without a word": ([answer({"success": False})], "host_error_untold"),
    "truncated JSON": ([answer(BODY[:-3])], "bad_answer"),
    "JSON with more behind it": ([answer(BODY + b"}")], "bad_answer"),
    "two objects": ([answer(BODY + b"\n" + BODY)], "bad_answer"),
    "malformed JSON": ([answer(b"{'id': 1}")], "bad_answer"),
    "nothing": ([answer(b"")], "empty_answer"),
    "blanks": ([answer(b" \r\n\t ")], "empty_answer"),
    "JSON after blanks": ([answer(b"\n\n" + BODY)], RIGHT),
    "null": ([answer(None)], "bad_answer"),
    "number": ([answer(17)], "bad_answer"),
    "true": ([answer(True)], "bad_answer"),
    "list": ([answer([1, 2])], "bad_answer"),
    "byte order mark": ([answer(b"\xef\xbb\xbf" + BODY)], RIGHT),
    "UTF-16": ([answer(BODY.decode().encode("utf-16"))], RIGHT),
    "Latin-1": (
        [answer('{"object": "response", "id": "Müller"}'.encode("latin-1"))],
        {"id": "M\ufffdller"},
    ),
    "half a character": ([answer(b'{"object": "response", "id": "\xc3"}')], {"id": "\ufffd"}),
    "half a surrogate": ([answer(b'{"object": "response", "id": "\\ud83d"}')], {"id": "\ufffd"}),
    "two halves": (
        [answer(b'{"object": "response", "id": "\\ud83d\\udca1"}')],
        {"id": "\U0001f4a1"},
    ),
    "zero in a text": ([answer(b'{"object": "response", "id": "a\\u0000b"}')], {"id": "a\0b"}),
    "deeply nested": ([answer(DEEP)], "bad_answer"),
    "not a number": ([answer(b'{"id": NaN}')], "bad_answer"),
    "infinity": ([answer(b'{"id": -Infinity}')], "bad_answer"),
    "overflow": ([answer(b'{"id": 1e999}')], "bad_answer"),
    "beyond 64 bits": (
        [answer(b'{"object": "response", "id": 36893488147419103232}')],
        {"id": 2.0**65},
    ),
    "64 bits": ([answer(b'{"object": "response", "id": 18446744073709551615}')], {"id": 2**64 - 1}),
    "doubled name": ([answer(b'{"object": "response", "id": 1, "id": 2}')], {"id": 2}),
    "output that is none": (
        [answer({"id": "x", "output": 5})],
        {"output": 5, "output_text": ""},
    ),
    "output of anything": (
        [answer({"output": [1, None, {"type": "message", "content": [2, {"text": 3}]}]})],
        {"output_text": ""},
    ),
    "usage that is none": ([answer({**GOOD, "usage": {"input_tokens": "x"}})], RIGHT),
    "10 MB": ([answer({**GOOD, "extra": "x" * 10**7})], RIGHT),
}
DEFLATED = zlib.compress(BODY)
CODINGS: dict[str, tuple[Script, str | tuple[str, ...] | dict[str, Any]]] = {
    "gzip": ([answer(gzip.compress(BODY), headers="Content-Encoding: gzip\r\n")], RIGHT),
    "deflate": ([answer(DEFLATED, headers="Content-Encoding: deflate\r\n")], RIGHT),
    "bare deflate": ([answer(DEFLATED[2:-4], headers="Content-Encoding: deflate\r\n")], RIGHT),
    "gzip that is none": ([answer(headers="Content-Encoding: gzip\r\n")], "cannot_connect"),
    "deflate that is none": ([answer(headers="Content-Encoding: deflate\r\n")], "cannot_connect"),
    "half a gzip": (
        [answer(gzip.compress(BODY)[:-20], headers="Content-Encoding: gzip\r\n")],
        "bad_answer",
    ),
    "gzip without a header": ([answer(gzip.compress(BODY))], "bad_answer"),
    # Whether it can be unpacked depends on what is installed.
    "brotli that is none": (
        [answer(b"\x8b\x03\x80abc", headers="Content-Encoding: br\r\n")],
        ("bad_answer", "cannot_connect"),
    ),
    "unknown coding": ([answer(headers="Content-Encoding: x-own\r\n")], RIGHT),
    "refusal with a gzip that is none": (
        [answer({"error": {"message": "x"}}, 400, "Content-Encoding: gzip\r\n")],
        "cannot_connect",
    ),
}


async def test_accepted_content_encodings(raw_server: RawServerFixture) -> None:
    await raw_server.assert_survives([], RIGHT)
    packed = {
        "gzip": gzip.compress(BODY),
        "deflate": DEFLATED,
        "zstd": zstd.compress(BODY),
        "identity": BODY,
    }
    for name in raw_server.raw.requests[0].header("accept-encoding").split(", "):
        coded = answer(packed[name], headers=f"Content-Encoding: {name}\r\n")
        await raw_server.assert_survives([[coded]], RIGHT)


@pytest.mark.parametrize("table", [LINE, FRAMES, HEADERS, BODIES, CODINGS])
async def test_malformed_responses(
    raw_server: RawServerFixture, subtests: pytest.Subtests, table: dict[str, Any]
) -> None:
    for name, (script, expected) in table.items():
        with subtests.test(name):
            text = await raw_server.assert_survives([script], expected)
            for part in ("Traceback", "0x", "None", "<html", "openai", "httpx", "aiohttp"):
                assert part not in text
            assert text.isprintable()


OTHERS: dict[str, tuple[str, dict[str, Any], Script, str | dict[str, Any]]] = {
    "list without items": ("list_models", {}, [answer({"data": 5})], "bad_answer"),
    "list of anything": (
        "list_models",
        {},
        [answer({"data": [1, None, {"id": [2]}], "has_more": "x"})],
        {"first_id": None, "has_more": True},
    ),
    "deleted with a page": (
        "delete_container",
        {"container_id": "c"},
        [answer(HTML)],
        # That of a proxy that wants a password, for one.
        "bad_answer",
    ),
    "deleted without an answer": (
        "delete_container",
        {"container_id": "c"},
        [b"HTTP/1.1 204 No Content\r\n\r\n"],
        {"deleted": True},
    ),
    "waited for, without an id": (
        "create_and_poll_video",
        {"prompt": "x"},
        [answer({"status": "queued"})],
        "bad_answer",
    ),
    "done at once, without an id": (
        "create_and_poll_video",
        {"prompt": "x"},
        [answer({"status": "completed"})],
        {"status": "completed"},
    ),
    "waited for, with a status that is none": (
        "create_and_poll_video",
        {"prompt": "x"},
        [answer({"id": "f", "status": ["queued"]})],
        {"id": "f"},
    ),
}


async def test_responses_of_other_kinds(
    raw_server: RawServerFixture, subtests: pytest.Subtests
) -> None:
    for name, (action, data, script, expected) in OTHERS.items():
        with subtests.test(name):
            await raw_server.assert_survives([script], expected, action, **data)


async def test_list_page_errors(raw_server: RawServerFixture, subtests: pytest.Subtests) -> None:
    first = answer({"data": [{"id": "a"}], "has_more": True, "last_id": "a"})
    for name, second, expected in (
        ("no list", answer({"data": 5}), "bad_answer"),
        ("an error", answer(error(), 500), "server_error"),
        ("the same again", first, {"has_more": True}),
        (
            "a cursor that is none",
            answer({"data": [{"id": "b"}], "has_more": True, "last_id": [1]}),
            {"last_id": "b"},
        ),
    ):
        with subtests.test(name):
            await raw_server.assert_survives(
                [[first], [second]], expected, "list_files", all_pages=True
            )


async def test_response_size_limit(
    raw_server: RawServerFixture, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    with subtests.test("100 MB"):
        await raw_server.assert_survives(
            [[answer({**GOOD, "extra": "x" * 10**8})]], RIGHT, timeout=60, **ASK
        )
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 2**20)
    large = b'{"id": "' + b"x" * 2**21 + b'"}'
    packed = gzip.compress(large)
    scripts: dict[str, Script] = {
        "over the limit": [answer(large)],
        "over the limit, without a length": [chunked(large[:100], large[100:]), Step.HOLD],
        "over the limit once unpacked": [answer(packed, headers="Content-Encoding: gzip\r\n")],
    }
    for name, script in scripts.items():
        with subtests.test(name):
            await raw_server.assert_survives([script], "answer_too_large", timeout=5, **ASK)
