"""Streamed events onto Home Assistant's bus, beside the leanest way to get them there."""

from homeassistant.core import Context
import orjson

from .calls import QUESTION
from .comparison import EVENT_PLAIN, Aims, Bench, Counter, fire_plain, run, table
from .core import DOMAIN, KEY
from .measure import Cost, Row, Stopwatch, watch_loop

NAMES = ("action", "plain aiohttp + orjson + bus", "Node SDK")
AIMS = Aims(rate="at least 0.8")


async def compare(bench: Bench) -> dict[str, list[Row]]:
    """Stream an answer of many events."""
    count = bench.amount(5000)

    async def ours() -> Cost:
        return await stream_action(bench, count)

    async def limit() -> Cost:
        return await _plain(bench, count)

    async def peer() -> Cost:
        assert bench.peer is not None
        return await bench.peer.run("stream", count=count)

    runners = (ours, limit, peer) if bench.peer else (ours, limit)
    rows = table(NAMES, "event", await run(bench.rounds, *runners), AIMS)
    stalls = []
    for _ in range(bench.rounds):
        async with watch_loop() as stall:
            await stream_action(bench, count)
        stalls.append(stall.longest * 1000)
    rows.append(Row(name="longest stall of the loop", figures=stalls, unit="ms"))
    return {f"{count} events of a stream onto the bus": rows}


async def stream_action(bench: Bench, count: int) -> Cost:
    """Have an action stream so many events."""
    counter = Counter(bench.hass, "openai_api_stream_event")
    data = {**QUESTION, "stream": True, "extra_query": {"events": count}}
    watch = Stopwatch()
    answer = await bench.hass.services.async_call(
        DOMAIN, "create_model_response", data, blocking=True, return_response=True
    )
    cost = watch.stop(count)
    counter.stop()
    assert answer
    assert answer["output_text"]
    assert counter.count == count
    return cost


async def _plain(bench: Bench, count: int) -> Cost:
    """Read the same stream and fire its events, without a thought for anything else."""
    counter = Counter(bench.hass, EVENT_PLAIN)
    context, rest = Context(), b""
    watch = Stopwatch()
    async with bench.session.post(
        f"{bench.url}/responses?events={count}",
        data=orjson.dumps({**QUESTION, "stream": True}),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    ) as response:
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b"data: "):
                    event = orjson.loads(line[6:])
                    fire_plain(bench.hass, context, event, event["type"])
    cost = watch.stop(count)
    counter.stop()
    assert counter.count == count
    return cost
