"""Very many requests that are answered at the same moment, and what else there is to do."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from custom_components.openai_api.api.pacing import PER_TURN, LoopPacer
from custom_components.openai_api.api.transport import _async_wait

REQUESTS = 100


async def test_pacer_serves_in_order_over_several_turns() -> None:
    pacer = LoopPacer()
    served: list[int] = []
    in_a_turn: list[int] = []

    async def request(number: int) -> None:
        if (turn := pacer.take()) is not None:
            await turn
        served.append(number)
        in_a_turn[-1] += 1

    async def beat() -> None:
        while len(served) < REQUESTS:
            in_a_turn.append(0)
            await asyncio.sleep(0)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(beat())
        for number in range(REQUESTS):
            group.create_task(request(number))
    assert served == list(range(REQUESTS))
    # Those of one turn, and those that come while it begins.
    assert max(in_a_turn) <= 2 * PER_TURN


async def test_pacer_newcomers_wait_behind_others() -> None:
    pacer = LoopPacer()
    served: list[int] = []

    async def caller(number: int) -> None:
        for _ in range(4):
            if (turn := pacer.take()) is not None:
                await turn
            served.append(number)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for number in range(3 * PER_TURN):
            group.create_task(caller(number))
    # Nobody has its second turn of waiting before everybody had the first.
    waited = [number for number in served if number >= PER_TURN]
    first = waited[: 2 * PER_TURN]
    assert sorted(set(first)) == list(range(PER_TURN, 3 * PER_TURN))


async def test_pacer_skips_the_cancelled() -> None:
    pacer = LoopPacer()
    taken = [pacer.take() for _ in range(3 * PER_TURN)]
    waiting = [turn for turn in taken if turn is not None]
    assert len(waiting) == 2 * PER_TURN
    for turn in waiting[:PER_TURN]:
        turn.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting[PER_TURN:])
    # Once all is quiet, nobody waits.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert pacer.take() is None


async def test_pacer_alone_does_not_wait() -> None:
    pacer = LoopPacer()
    for _ in range(3):
        assert pacer.take() is None


async def test_cancelled_request_closes_its_response() -> None:
    """Nobody else has it, and its connection would stay taken."""
    closed: list[bool] = []
    response: Any = SimpleNamespace(close=lambda: closed.append(True))
    turn = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(_async_wait(turn, response))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [True]
