"""Our voice assistant beside Home Assistant's own `openai_conversation`, on a service with a clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
import gc
import json
from pathlib import Path
import shutil
from statistics import median
import sys
import time
from typing import Any

from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from tests.harness.process import ROOT

from .measure import Row, memory
from .peer import child, line
from .voice_home import CORE, EARS, MP3, OURS, SOCKET, THINGS, WAV, Turn, VoiceHome, voice_home

_QUESTION = "What is it like today?"
_TURNS = 1000
_CONVERSATIONS = 100
_AT_ONCE = 8
_INSTANT = {
    "model_first_ms": 0,
    "token_ms": 0,
    "speech_first_ms": 0,
    "speech_speed": 10_000,
    "transcription_ms": 0,
}
"""A clock for what is not about time."""

type Runner = Callable[[], Awaitable[Turn]]


@asynccontextmanager
async def voice_host() -> AsyncIterator[str]:
    """Start the service with a clock; yield its address."""
    async with child(sys.executable, "-m", "tests.benchmark.voice_host") as process:
        yield f"http://127.0.0.1:{int(await line(process))}"


async def compare(rounds: int, scale: float) -> dict[str, list[Row]]:
    """Return the tables of all contests, none without what Home Assistant's own speech needs."""
    if shutil.which("ffmpeg") is None:
        print("ffmpeg is missing, which Home Assistant's own integration needs: voice is left out")
        return {}
    async with voice_host() as address, voice_home(f"{address}/v1") as home:
        contest = _Contest(home, address, rounds)
        return {
            "A written question": await contest.written(),
            "A spoken question of 3.2 s": await contest.spoken(),
            "Many at once, many turns, many things": [
                *await contest.satellites(),
                *await contest.follow_up(),
                *await contest.turns(max(100, round(_TURNS * scale))),
                *await _first_turns(f"{address}/v1", rounds),
            ],
        }


class _Contest:
    """Runs what is compared in turns."""

    def __init__(self, home: VoiceHome, address: str, rounds: int) -> None:
        self._home, self._address, self._rounds = home, address, rounds
        self._http = async_get_clientsession(home.hass)

    async def _clock(self, **changes: Any) -> None:
        """Set the service's clock."""
        async with self._http.post(f"{self._address}/clock", json=changes) as response:
            response.raise_for_status()

    async def _asked(self) -> list[dict[str, Any]]:
        """Return what the service was asked since the last time."""
        async with self._http.get(f"{self._address}/requests") as response:
            found: list[dict[str, Any]] = await response.json()
        return found

    async def _in_turns(self, *runners: Runner) -> list[list[Turn]]:
        """Run each in turn, after a round that does not count."""
        found: list[list[Turn]] = [[] for _ in runners]
        for number in range(self._rounds + 1):
            for runner, turns in zip(runners, found, strict=True):
                # Nobody is to clear away what another one left.
                gc.collect()
                turn = await runner()
                if number:
                    turns.append(turn)
        return found

    async def written(self) -> list[Row]:
        """Compare written questions: by the length of the answer, by format, with tools."""
        await self._clock()
        rows: list[Row] = []
        for question, name, output, aim, cpu in (
            ("[short]", "short answer, WAV", WAV, 1.6, 0.6),
            ("[medium]", "medium answer, WAV", WAV, 3.8, 0.6),
            ("[medium]", "medium answer, MP3", MP3, 3.6, 0.6),
            ("[long]", "long answer, WAV", WAV, 10, 0.6),
            ("[tools3] [medium]", "three tools, then a medium answer", WAV, 2.2, 0.5),
        ):
            costs = await self._in_turns(
                *(self._writer(who, f"{_QUESTION} {question}", output) for who in (CORE, OURS))
            )
            rows += _rows(name, costs, aim, cpu)
        return rows

    def _writer(self, name: str, text: str, output: dict[str, Any]) -> Runner:
        """Return what asks in writing."""
        return lambda: self._home.write(name, text, output)

    async def spoken(self) -> list[Row]:
        """Compare spoken questions: by who hears the end of speech, and with a realtime model."""
        await self._clock(say="medium")
        names = [CORE, *(f"ours, {end}" for end in EARS), "realtime, both", "realtime, host"]
        costs = await self._in_turns(*(self._speaker(name) for name in names))
        aims = {"home": 2.2, "both": 2.4, "host": 3.0}
        rows: list[Row] = []
        for name, found in zip(names[1:], costs[1:], strict=True):
            end = name.rpartition(" ")[2]
            is_realtime = name.startswith("realtime")
            aim = {"both": 4.2, "host": 4.6}[end] if is_realtime else aims[end]
            title = f"{'realtime' if is_realtime else 'ear'}, the end heard by {end}"
            rows += _rows(title, [costs[0], found], aim, 0.85)
        return rows

    def _speaker(self, name: str) -> Runner:
        """Return what asks aloud."""
        return lambda: self._home.speak(name, WAV)

    async def satellites(self) -> list[Row]:
        """Compare eight satellites at once with one.

        Who waits for a processor that something else uses waits eight times: the CPU time tells
        what there is to do.
        """
        await self._clock()
        text = f"{_QUESTION} [medium]"
        waited: list[float] = []
        spent: list[float] = []
        for number in range(self._rounds + 1):
            gc.collect()
            one = await self._home.write(SOCKET, text, WAV)
            gc.collect()
            before = time.process_time()
            turns = await asyncio.gather(
                *(self._home.write(SOCKET, text, WAV) for _ in range(_AT_ONCE))
            )
            if number:
                waited.append(median(turn.waited for turn in turns) / one.waited)
                spent.append((time.process_time() - before) / _AT_ONCE / one.cpu)
        at_once = f"{_AT_ONCE} satellites at once / one"
        return [
            Row(name=f"first sound, {at_once}", figures=waited, aim="at most 1.3"),
            Row(name=f"CPU time of a turn, {at_once}", figures=spent, aim="at most 1"),
        ]

    async def follow_up(self) -> list[Row]:
        """Compare the bytes of a second question in the same conversation."""
        await self._clock(**_INSTANT)
        hass = self._home.hass
        for number in range(THINGS):
            async_expose_entity(hass, "conversation", f"input_boolean.thing_{number}", True)
        await hass.async_block_till_done()
        sizes: dict[str, float] = {}
        for name in (CORE, SOCKET):
            first = await self._home.write(name, "One [short]", WAV)
            await self._asked()
            await self._home.write(name, "Two [short]", WAV, first.conversation_id)
            (asked,) = await self._asked()
            sizes[name] = asked["bytes"]
        for number in range(THINGS):
            async_expose_entity(hass, "conversation", f"input_boolean.thing_{number}", False)
        return [
            Row(name=f"follow-up with {THINGS} things, core", figures=[sizes[CORE]], unit="B"),
            Row(name="follow-up, ours over a WebSocket", figures=[sizes[SOCKET]], unit="B"),
            Row(
                name="bytes of a follow-up / core",
                figures=[sizes[SOCKET] / sizes[CORE]],
                aim="at most 0.3",
            ),
        ]

    async def turns(self, count: int) -> list[Row]:
        """Measure the memory that many turns leave behind."""
        await self._clock(**_INSTANT)
        hass = self._home.hass

        async def ask(number: int) -> None:
            await conversation.async_converse(
                hass,
                "How are you? [short]",
                f"conversation-{number % _CONVERSATIONS}",
                Context(),
                agent_id="conversation.clock",
            )

        for number in range(_CONVERSATIONS):
            await ask(number)
        before = memory()
        for number in range(count):
            await ask(number)
        name = f"memory of {count} more turns in {_CONVERSATIONS} conversations"
        return [Row(name=name, figures=[memory() - before], unit="MB", aim="at most 5 MB")]


def _rows(name: str, costs: Sequence[Sequence[Turn]], aim: float, cpu: float) -> list[Row]:
    """Return the lines of a contest of core and ours."""
    core, ours = costs
    return [
        Row(name=f"{name}: core", figures=[turn.waited * 1000 for turn in core], unit="ms"),
        Row(name=f"{name}: ours", figures=[turn.waited * 1000 for turn in ours], unit="ms"),
        Row(
            name=f"{name}: core / ours",
            figures=[one.waited / two.waited for one, two in zip(core, ours, strict=True)],
            unit="×",
            aim=f"at least {aim}",
        ),
        Row(
            name=f"{name}: CPU time, ours / core",
            figures=[two.cpu / one.cpu for one, two in zip(core, ours, strict=True)],
            aim=f"at most {cpu}",
        ),
        Row(
            name=f"{name}: conversion, core",
            figures=[turn.conversion * 1000 for turn in core],
            unit="ms CPU",
        ),
        Row(
            name=f"{name}: conversion, ours",
            figures=[turn.conversion * 1000 for turn in ours],
            unit="ms CPU",
            aim="none",
        ),
    ]


async def _first_turns(url: str, rounds: int) -> list[Row]:
    """Measure how the first turn after a start blocks the event loop, in fresh processes."""
    found: dict[str, list[float]] = {CORE: [], OURS: []}
    for _ in range(min(rounds, 3)):
        for name, figures in found.items():
            figures.append(await _first_turn(url, name))
    return [
        Row(
            name=f"longest piece of work on the loop in the first turn, {name}",
            figures=figures,
            unit="ms",
            aim="at most 20 ms" if name == OURS else "",
        )
        for name, figures in found.items()
    ]


async def _first_turn(url: str, name: str) -> float:
    """Return the ms of CPU time of the longest block in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmark.voice_first",
        url,
        name,
        cwd=Path(ROOT),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode())
    return float(json.loads(output)) * 1000
