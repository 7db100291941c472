"""Very many requests at the same moment, and what else there is to do meanwhile."""

import asyncio
import time

from custom_components.openai_api.api.turn import LoopTurn

REQUESTS = 60
WORK = 0.002
"""Seconds that one of them holds the event loop."""


async def test_loop_turn_lets_others_run_between_many_requests() -> None:
    turn, loop = LoopTurn(), asyncio.get_running_loop()
    done: list[int] = []
    in_a_row = [0]
    longest = 0

    def tick() -> None:
        nonlocal longest
        longest = max(longest, in_a_row[0])
        in_a_row[0] = 0
        if len(done) < REQUESTS:
            loop.call_soon(tick)

    async def request(number: int) -> None:
        await turn.async_take()
        ends = time.monotonic() + WORK
        while time.monotonic() < ends:
            pass
        done.append(number)
        in_a_row[0] += 1

    tasks = [asyncio.create_task(request(number)) for number in range(REQUESTS)]
    tick()
    await asyncio.gather(*tasks)
    # First come, first served, and what else there is waits for 10 ms and one request at most.
    assert done == list(range(REQUESTS))
    assert 1 <= longest <= 6


async def test_loop_turn_alone_does_not_wait() -> None:
    turn = LoopTurn()
    coroutine = turn.async_take()
    # It ends without having given way to anything.
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError
