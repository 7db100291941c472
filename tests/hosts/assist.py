"""A spoken question to an Assist pipeline whose parts are real servers."""

import array
import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import Final
import wave

from tests.harness import Events, HomeAssistantProcess

from .server import Json, Server
from .servers.llama_cpp import LlamaCpp
from .servers.piper import VOICE, Piper
from .servers.whisper_cpp import WhisperCpp

RATE: Final = 16000
_SUBENTRY_FLOW: Final = "/api/config/config_entries/subentries/flow"
_PARTS: Final[tuple[tuple[type[Server], str, Json], ...]] = (
    (WhisperCpp, "stt", {"name": "Ear", "model": "whisper-1"}),
    (LlamaCpp, "conversation", {"name": "Head", "model": "talker", "llm_hass_api": ["assist"]}),
    (Piper, "tts", {"name": "Mouth", "model": "tts-1", "voice": VOICE}),
)


def speech(path: Path) -> bytes:
    """Return the samples of a WAV file with 16 bits in mono, at 16 kHz."""
    with wave.open(str(path), "rb") as file:
        rate, samples = file.getframerate(), array.array("h", file.readframes(file.getnframes()))
    count = len(samples) * RATE // rate
    return array.array("h", (samples[place * rate // RATE] for place in range(count))).tobytes()


async def _add_part(home: HomeAssistantProcess, server: Server, kind: str, data: Json) -> str:
    """Add a server and its part of Assist as a person does; return the entity."""
    result = await home.add_entry({"base_url": server.base_url, **server.settings})
    entry_id = result["result"]["entry_id"]
    await home.entry_until(entry_id, "loaded", within=30)
    flow = await home.rest("POST", _SUBENTRY_FLOW, {"handler": [entry_id, kind]})
    await home.submit(flow, data, path=_SUBENTRY_FLOW)
    async with asyncio.timeout(20):
        while True:
            for item in await home.command("config/entity_registry/list"):
                if item["config_entry_id"] == entry_id and item["entity_id"].startswith(f"{kind}."):
                    return str(item["entity_id"])
            await asyncio.sleep(0.2)


async def _ask(home: HomeAssistantProcess, pipeline: str, sound: bytes) -> Events:
    """Speak to a pipeline as a satellite does, and return its events once it has ended."""
    socket = home.socket
    events = await socket.subscribe(
        "assist_pipeline/run",
        start_stage="stt",
        end_stage="tts",
        input={"sample_rate": RATE},
        pipeline=pipeline,
        timeout=120,
    )
    started = await _until(events, "run-start")
    handler = bytes([started["data"]["runner_data"]["stt_binary_handler_id"]])
    for place in range(0, len(sound), 2048):
        await socket.send_bytes(handler + sound[place : place + 2048])
    # Nothing behind the number of the handler: it was all.
    await socket.send_bytes(handler)
    await _until(events, "run-end")
    return events


async def _until(events: Events, kind: str) -> Json:
    """Return the first event of a type, once it is there."""
    async with asyncio.timeout(180):
        while not (found := [event for event in events if event["type"] == kind]):
            await asyncio.sleep(0.05)
    return found[0]


async def try_assist(home: HomeAssistantProcess, files: Path) -> str:
    """Return what came of a spoken question to whisper.cpp, llama.cpp and Piper."""
    engines: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        for kind, part, data in _PARTS:
            server = kind()
            await asyncio.to_thread(server.install)
            stack.push_async_callback(server.stop)
            await server.start()
            engines[part] = await _add_part(home, server, part, data)
        made = await home.command(
            "assist_pipeline/pipeline/create",
            name="Real servers",
            language="en",
            conversation_engine=engines["conversation"],
            conversation_language="*",
            stt_engine=engines["stt"],
            stt_language="en",
            tts_engine=engines["tts"],
            tts_language="en",
            tts_voice=None,
            wake_word_entity=None,
            wake_word_id=None,
        )
        sound = speech(files / "spoken.wav") + bytes(RATE)
        began = monotonic()
        events = await _ask(home, made["id"], sound)
        lines = [
            "## Assist: whisper.cpp, llama.cpp and Piper",
            "",
            "| Event | What it tells |",
            "| --- | --- |",
        ]
        for event in events:
            lines.append(f"| {event['type']} | {_shown(event)} |")
            if event["type"] == "tts-end":
                kind_of_sound, content = await home.download(event["data"]["tts_output"]["url"])
                lines.append(f"| sound | {kind_of_sound}, {len(content)} bytes |")
        lines.append(f"| in all | {monotonic() - began:.1f} s |")
    return "\n".join([*lines, ""])


def _shown(event: Json) -> str:
    """Return what matters of a pipeline's event."""
    data = event["data"] or {}
    match event["type"]:
        case "stt-end":
            return str(data["stt_output"]["text"])
        case "intent-end":
            answer = data["intent_output"]["response"]
            return f"{answer['response_type']}: {answer['speech']['plain']['speech']}"
        case "intent-progress":
            return str(data.get("chat_log_delta", data))
        case "error":
            return f"{data['code']}: {data['message']}"
    return ""
