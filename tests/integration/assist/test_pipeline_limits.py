"""Long answers, many tool calls, huge results and unprintable characters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
import time
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
import pytest

from custom_components.openai_api.assist.plain_text import PlainText
from custom_components.openai_api.assist.tts_text import async_sentences
from tests.integration.waiting import wait_for

from .answers import SSE, call_event, completed, sse, text_events
from .conftest import Ask, speech
from .test_agent_websocket import AddAgent, add_agent
from .voice import AddService, speak, text_stream
from .voice_home import AddHome, refused, stream
from .voice_server import ScriptedBody, VoiceServer, mp3, wav
from .websocket_service import Service

__all__ = ["add_agent"]

SHORT = ScriptedBody(bytes(480))
"""Audio for texts that are not played to the end."""


@asynccontextmanager
async def no_longer_than(seconds: float) -> AsyncIterator[None]:
    """Fail if the event loop was held up by one piece of work for longer, in processor time."""
    longest = 0.0
    is_over = False

    async def watch() -> None:
        nonlocal longest
        while not is_over:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)
            await asyncio.sleep(0.002)

    task = asyncio.create_task(watch())
    yield
    is_over = True
    await task
    assert longest < seconds


async def test_response_of_100_000_deltas_yields_to_event_loop(
    service: VoiceServer, add_home: AddHome
) -> None:
    satellite = await add_home(patience=60)
    delta = sse([{"type": "response.output_text.delta", "delta": "word "}])
    first, *_, last = text_events()
    body = [sse([first]), *[delta * 1000] * 100, sse([last, completed()])]
    service.heads = [ScriptedBody(body, SSE)]
    service.sounds = [SHORT] * 400
    async with no_longer_than(0.5):
        await satellite.write("Tell me everything")

    assert satellite.speech == "word " * 100_000
    said = " ".join(one["input"] for one in service.speeches)
    assert said.count("word") == 100_000
    assert max(len(one["input"]) for one in service.speeches) <= 4_000
    assert satellite.kinds()[-1] == "run-end"


async def test_huge_delta_parsed_in_executor(service: VoiceServer, add_home: AddHome) -> None:
    satellite = await add_home(patience=60)
    service.heads = [stream("word. " * 150_000 + "\N{GRINNING FACE}")]
    service.sounds = [SHORT] * 1000
    async with no_longer_than(0.5):
        await satellite.write("Tell me everything")
    assert satellite.speech.endswith("word. \N{GRINNING FACE}")
    assert len(satellite.speech) == 900_001


async def test_response_size_limit(
    service: VoiceServer, add_home: AddHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.openai_api.assist.decoder._MAX_CHARACTERS", 100_000)
    satellite = await add_home()
    service.heads = [stream(*["so on " * 1000] * 20)]
    service.sounds = [SHORT] * 400
    await satellite.write("Tell me everything")
    assert service.speeches[-1]["input"].endswith("The answer of the AI service broke off.")
    service.sounds.clear()
    await satellite.write("And now?")
    assert satellite.speech == "It is sunny outside."


TEXTS = {
    "sentences": "It is sunny today. " * 13_000,
    "words": "word " * 200_000,
    "signs": "x" * 300_000,
}


@pytest.mark.parametrize("name", TEXTS)
async def test_megabyte_of_text_is_spoken(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, name: str
) -> None:
    text = TEXTS[name]
    await add_service(("tts", {}))
    service.sounds = [ScriptedBody(mp3(1, tagged=False), "audio/mpeg")] * 2000
    async with no_longer_than(0.5):
        await speak(hass, text_stream(text))
    said = [one["input"] for one in service.speeches]
    assert max(map(len, said)) <= 4_000
    assert sorted("".join("".join(said).split())) == sorted("".join(text.split()))


RUNS = ["[", " ", "\n", "*", "【", "(", "-", "| ", "> ", "[a](http://x ", "http", "<a ", "`", "1. "]


@pytest.mark.parametrize("run", RUNS)
async def test_plain_text_repeated_characters_is_fast(run: str) -> None:
    text = run * (30_000 // len(run))
    usual = "It is sunny today, is it? " * (30_000 // 26)

    async def spent(text: str, size: int) -> float:
        async def written() -> AsyncIterator[str]:
            for start in range(0, len(text), size):
                yield text[start : start + size]

        before = time.thread_time()
        async for _ in async_sentences(written(), clean=True):
            pass
        plain = PlainText()
        for start in range(0, len(text), size):
            plain.feed(text[start : start + size])
        return time.thread_time() - before

    assert await spent(text, 30_000) < 0.5 + 10 * await spent(usual, 30_000)
    assert await spent(text[:6_000], 3) < 0.5 + 10 * await spent(usual[:6_000], 3)


async def test_200_tool_calls_in_one_response(service: VoiceServer, add_home: AddHome) -> None:
    satellite = await add_home(llm_hass_api=["assist"], patience=20)
    await satellite.write("Hi")
    name = next(
        str(tool["name"])
        for tool in service.questions[0]["tools"]
        if tool["name"].endswith("GetDateTime")
    )
    calls = [call_event(name, "{}", f"call_{number}") for number in range(200)]
    service.heads = [ScriptedBody(sse([*calls, completed()]), SSE)]
    await satellite.write("What time is it?")

    assert satellite.speech == "It is sunny outside."
    items = service.questions[-1]["input"]
    outputs = [item for item in items if item["type"] == "function_call_output"]
    assert [item["call_id"] for item in outputs] == [f"call_{number}" for number in range(200)]
    # The same call, ten times: the model is told that the others were not made.
    errors = [json.loads(item["output"])["error"] for item in outputs]
    assert (errors.count(False), len(errors)) == (10, 200)


@pytest.mark.parametrize("sign", ["\0", "\x1b[31m", "\x7f", "\ufffd"])
async def test_unprintable_characters_are_removed(
    service: VoiceServer, add_home: AddHome, sign: str
) -> None:
    satellite = await add_home()
    service.texts = [f"Hel{sign}lo"]
    service.heads = [stream(f"It is{sign} s", "un", f"{sign}ny.")]
    service.texts = [f"Turn on{sign} the light"]
    await satellite.write(f"Is it{sign} sunny?")
    shown = "\ufffd" if sign == "\ufffd" else sign.strip("\x1b\0\x7f")
    assert satellite.speech == f"It is{shown} sun{shown}ny."
    assert "\0" not in json.dumps(service.speeches)
    spoken = service.speeches[-1]["input"]
    assert not any(ord(letter) < 32 or letter in "\x7f\ufffd" for letter in spoken)


@pytest.mark.parametrize("halves", [("\\ud83d", "\\ude00"), ("\\ud83d", "x"), ("x", "\\ude00")])
async def test_surrogates_over_http(
    service: VoiceServer, add_home: AddHome, halves: tuple[str, str]
) -> None:
    satellite = await add_home()
    first, *_, last = text_events()
    events = [
        f'data: {{"type": "response.output_text.delta", "delta": "{half}"}}\n\n'.encode()
        for half in ("Hi ", *halves)
    ]
    service.heads = [ScriptedBody([sse([first]), *events, sse([last, completed()])], SSE)]
    await satellite.write("Hi")
    assert satellite.speech.encode().startswith(b"Hi ")
    assert satellite.speech == {"xx": "Hi \ufffdx", "x": "Hi x\ufffd"}.get(
        halves[0], "Hi \N{GRINNING FACE}" if halves[1] != "x" else "Hi \ufffdx"
    )


async def test_surrogates_over_websocket(remote: Service, add_agent: AddAgent, ask: Ask) -> None:
    await add_agent()
    remote.raw = [
        '{"type": "response.output_text.delta", "delta": "Hi \\ud83d"}',
        '{"type": "response.output_text.delta", "delta": "\\ude00 "}',
    ]
    assert speech(await ask("A")) == "Hi \N{GRINNING FACE} Hello there"
    assert speech(await ask("B")) == "Hello there"
    assert not remote.posts


@pytest.mark.parametrize("question", ["Hi \ud83d", "Hi \0 there", "\ud83d\ude00", "Hi\n" * 50_000])
async def test_question_with_lone_surrogates(
    service: VoiceServer, add_home: AddHome, ask: Ask, question: str
) -> None:
    await add_home()
    assert speech(await ask(question)) == "It is sunny outside."
    sent = service.questions[-1]["input"][-1]["content"]
    assert "Hi" in sent or sent == "\N{GRINNING FACE}"


@pytest.mark.parametrize("text", ["Hi \ud83d there.", "Hi \0 there."])
async def test_text_with_lone_surrogates_is_spoken(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, text: str
) -> None:
    await add_service(("tts", {"clean_text": False}))
    assert await speak(hass, text_stream(text))
    assert service.speeches[0]["input"].split() == ["Hi", "there."]


async def test_tool_result_size_limit(service: VoiceServer, add_home: AddHome) -> None:
    satellite = await add_home(llm_hass_api=["assist"], patience=20)
    await satellite.write("Hi")
    name = str(service.questions[0]["tools"][0]["name"])

    async def huge(*_: Any) -> llm.ToolResult:
        return llm.ToolResult(data={"text": "\N{GRINNING FACE} word " * 500_000})

    service.heads = [ScriptedBody(sse([call_event(name, "{}"), completed()]), SSE)]
    with patch.object(llm.APIInstance, "async_call_tool", huge):
        async with no_longer_than(0.5):
            await satellite.write("Read it to me")
    assert satellite.speech == "It is sunny outside."
    output = service.questions[-1]["input"][-1]["output"]
    assert len(output) < 300_000
    assert "word" in output
    assert "cut" in output[-200:]
    service.heads = [
        refused(400, "Your input exceeds the context window", "context_length_exceeded")
    ]
    await satellite.write("And then?")
    assert satellite.speech == "It is sunny outside."
    assert [one["content"] for one in service.questions[-1]["input"]] == ["And then?"]
    await satellite.write("Still there?")
    assert satellite.speech == "It is sunny outside."


@pytest.mark.parametrize("value", [2**70, "half \ud83d", {7: "seven"}, {"inner": object()}])
async def test_tool_result_not_json(service: VoiceServer, add_home: AddHome, value: Any) -> None:
    satellite = await add_home(llm_hass_api=["assist"])
    await satellite.write("Hi")
    name = str(service.questions[0]["tools"][0]["name"])

    async def odd(*_: Any) -> llm.ToolResult:
        return llm.ToolResult(data={"value": value, "unit": "W"})

    service.heads = [ScriptedBody(sse([call_event(name, "{}"), completed()]), SSE)]
    with patch.object(llm.APIInstance, "async_call_tool", odd):
        await satellite.write("How much?")
    assert satellite.speech == "It is sunny outside."
    assert json.loads(service.questions[-1]["input"][-1]["output"])["data"]["unit"] == "W"


async def test_endless_audio_is_an_error(
    service: VoiceServer, add_home: AddHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.openai_api.assist.tts_request._MAX_AUDIO_BYTES", 200_000)
    satellite = await add_home()
    service.sounds = [ScriptedBody([bytes(20_000)] * 500)]
    with pytest.raises(HomeAssistantError):
        await satellite.write("Sing")
    assert 44 < len(satellite.sound) <= 200_044
    await wait_for(lambda: service.running == 0, 20)
    await satellite.write("And now?")
    assert len(satellite.sound) > 20_000


@pytest.mark.parametrize("size", [2, 19, 20_001])
async def test_audio_of_odd_length_is_played(
    service: VoiceServer, add_home: AddHome, size: int
) -> None:
    satellite = await add_home()
    sound = bytes(size)
    service.sounds = [ScriptedBody([sound[:1], 0.02, sound[1:]])]
    await satellite.write("Sing")
    assert len(satellite.sound) == 44 + size // 2 * 2


@pytest.mark.parametrize(
    "sound",
    [
        ScriptedBody(bytes(1)),
        ScriptedBody(wav(b""), "audio/wav"),
        ScriptedBody(wav(b"\0"), "audio/wav"),
    ],
)
async def test_audio_without_samples_is_not_cached(
    service: VoiceServer, add_home: AddHome, sound: ScriptedBody
) -> None:
    satellite = await add_home()
    service.sounds = [sound]
    with pytest.raises(HomeAssistantError):
        await satellite.write("Sing")
    # The same words are asked for again.
    await satellite.write("And now?")
    assert len(satellite.sound) > 20_000
