"""Decoding and adding up streams, side by side with an earlier commit, in one process.

    python -m tests.benchmark.streams COMMIT

Both get the same bytes in the same pieces, in turns; the table has microseconds an event, of the
fastest round, which a busy machine disturbs least, and their ratio. What is measured is what the
integration does with an event apart from firing it: decoder, JSON, type, accumulator.
"""

import argparse
from collections.abc import Callable
import gc
import importlib
import importlib.util
from itertools import batched
from pathlib import Path
import subprocess
import sys
import tempfile
import time
from typing import Any

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
import orjson

ROOT = Path(__file__).parents[2]
EVENTS = 2000
ROUNDS = 40
AIM = 1.05

type Run = Callable[[list[bytes]], Any]


def event(data: dict[str, Any], *, named: bool) -> bytes:
    """Return the bytes of an event."""
    head = f"event: {data['type']}\n".encode() if named else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


def response_events() -> list[bytes]:
    """Return the stream of a model response."""
    deltas = [
        event(
            {
                "type": "response.output_text.delta",
                "sequence_number": number,
                "item_id": "msg_0123456789abcdef",
                "output_index": 0,
                "content_index": 0,
                "delta": f" word{number}",
                "logprobs": [],
            },
            named=True,
        )
        for number in range(EVENTS)
    ]
    part = {"type": "output_text", "text": "x" * EVENTS * 6, "annotations": []}
    item = {"type": "message", "id": "msg_0123456789abcdef", "content": [part]}
    whole = {"id": "resp_1", "object": "response", "status": "completed", "output": [item]}
    return [*deltas, event({"type": "response.completed", "response": whole}, named=True)]


def chat_events() -> list[bytes]:
    """Return the stream of a chat completion."""
    return [
        event(
            {
                "id": "chatcmpl-0123456789abcdef",
                "object": "chat.completion.chunk",
                "created": 1_760_000_000,
                "model": "gpt-5-mini",
                "service_tier": "default",
                "system_fingerprint": None,
                "choices": [
                    {
                        "index": 0,
                        "delta": {"content": f" word{number}"},
                        "logprobs": None,
                        "finish_reason": "stop" if number == EVENTS - 1 else None,
                    }
                ],
            },
            named=False,
        )
        for number in range(EVENTS)
    ]


def runner(package: str, accumulators: tuple[str, ...]) -> Run:
    """Return what reads a stream with a package; the first of the accumulators that it has."""
    modules = [
        (f"{package}.streaming", "accumulators"),
        (f"{package}.streams", "assemblers"),
    ]
    folder, module = next(item for item in modules if importlib.util.find_spec(item[0]))
    sse = importlib.import_module(f"{folder}.sse")
    found = importlib.import_module(f"{folder}.{module}")
    make = next(getattr(found, name) for name in accumulators if hasattr(found, name))
    if hasattr(sse, "SSEDecoder"):
        decode = importlib.import_module(f"{folder}.decode")

        def run(chunks: list[bytes]) -> Any:
            accumulator, decoder = make(), sse.SSEDecoder()
            read, check = decode.EventReader(accumulator).read, decode.check
            for chunk in chunks:
                for name, data in decoder.feed(chunk):
                    found, event_type = read(name, data)
                    if "error" in found or not event_type or event_type == "error":
                        check(found, event_type)
                    accumulator.add(found)
            return accumulator.result(ended=True)

        return run
    parse = importlib.import_module(folder)._parse

    def run_old(chunks: list[bytes]) -> Any:
        accumulator, decoder = make(), sse.Decoder()
        for chunk in chunks:
            for name, data in decoder.feed(chunk):
                found, event_type = parse(name, data)
                assert event_type != "error"
                assert not found.get("error")
                accumulator.add(found)
        return accumulator.result(ended=True)

    return run_old


def measure(runs: tuple[Run, Run], chunks: list[bytes]) -> list[float]:
    """Return the fewest microseconds an event for each."""
    times: list[list[float]] = [[], []]
    results = [run(chunks) for run in runs]
    assert results[0] == results[1]
    for number in range(ROUNDS):
        # Whoever comes second finds the caches warm: they take turns.
        for index in (0, 1) if number % 2 else (1, 0):
            gc.collect()
            start = time.perf_counter()
            runs[index](chunks)
            times[index].append((time.perf_counter() - start) / EVENTS * 1e6)
    return [min(found) for found in times]


def main() -> int:
    """Print the table; the exit code says whether the aim is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    commit = parser.parse_args().commit
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", commit, "custom_components/openai_api"],  # noqa: S607
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)  # noqa: S607
        (Path(folder) / "custom_components").rename(Path(folder) / "earlier")
        sys.path[:0] = [folder, str(ROOT)]
        streams = {
            "response": (response_events(), ("ResponseAccumulator", "ResponseEvents")),
            "chat": (chat_events(), ("ChatCompletionAccumulator", "CompletionChunks")),
        }
        print("| stream | events a piece | before, µs | now, µs | ratio |")
        print("| --- | --- | --- | --- | --- |")
        for name, (events, accumulators) in streams.items():
            runs = (
                runner("earlier.openai_api", accumulators),
                runner("custom_components.openai_api", accumulators),
            )
            for size in (1, 3, 50):
                chunks = [b"".join(found) for found in batched(events, size, strict=False)]
                before, now = measure(runs, chunks)
                worst = max(worst, now / before)
                print(f"| {name} | {size} | {before:.2f} | {now:.2f} | {now / before:.2f} |")
    return worst > AIM


if __name__ == "__main__":
    sys.exit(main())
