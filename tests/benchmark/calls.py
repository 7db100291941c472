"""One action call through Home Assistant, beside a plain request."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson

from .comparison import Aims, Bench, run, table
from .core import DOMAIN, KEY
from .measure import Cost, Row, Stopwatch

QUESTION = {"model": "gpt-5-mini", "input": "Is it a good day to hang out the laundry?"}
NAMES = ("action", "plain aiohttp", "Node SDK")


async def compare(bench: Bench) -> dict[str, list[Row]]:
    """Call one after the other, then 50 at once."""
    few, many = bench.amount(300), bench.amount(1500)
    found = {}
    for title, count, flight, aims in (
        (
            "One action call after the other (1 KB answer)",
            few,
            1,
            Aims(cpu="at most 2.0", peer_cpu="at most 1, aim 0.5"),
        ),
        (
            "Action calls, 50 in flight",
            many,
            50,
            Aims(cpu="at most 2.0", peer_cpu="at most 1, aim 0.5", peer_rate="at least 1, aim 2"),
        ),
    ):

        async def ours(count: int = count, flight: int = flight) -> Cost:
            return await spread(lambda: call_action(bench), count, flight)

        async def limit(count: int = count, flight: int = flight) -> Cost:
            return await spread(lambda: _ask(bench), count, flight)

        async def peer(count: int = count, flight: int = flight) -> Cost:
            assert bench.peer is not None
            return await bench.peer.run("call", count=count, flight=flight)

        runners = (ours, limit, peer) if bench.peer else (ours, limit)
        found[title] = table(NAMES, "call", await run(bench.rounds, *runners), aims)
    return found


async def spread(ask: Callable[[], Awaitable[None]], count: int, flight: int) -> Cost:
    """Ask so many times, with so many questions open at once."""

    async def worker() -> None:
        for _ in range(count // flight):
            await ask()

    watch = Stopwatch()
    await asyncio.gather(*(worker() for _ in range(flight)))
    return watch.stop(count // flight * flight)


async def call_action(bench: Bench) -> None:
    """Call the action."""
    answer = await bench.hass.services.async_call(
        DOMAIN, "create_model_response", dict(QUESTION), blocking=True, return_response=True
    )
    assert answer
    assert answer["output_text"]


async def _ask(bench: Bench) -> None:
    """Ask the host without any help."""
    async with bench.session.post(
        f"{bench.url}/responses",
        data=orjson.dumps(QUESTION),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    ) as response:
        assert orjson.loads(await response.read())["output"]
