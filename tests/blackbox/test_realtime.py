"""A spoken exchange, driven and heard from outside."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
import io
import json
import shutil
from time import monotonic
from typing import Any
import wave

import pytest
import pytest_asyncio

from tests.harness import CommandError, Events, Service

from .home_assistant import RecordingHomeAssistant

pytestmark = pytest.mark.usefixtures("entry")

ID = "spoken"
SPEAKER = "media_player.speaker"
LIGHT = "light.reading_lamp"
STORY = "Once upon a time there was a house that had learned to listen and to speak."
SECONDS_PER_CHARACTER = 0.05
"""How fast the stand-in speaks."""


class Talk:
    """One conversation."""

    def __init__(
        self, home_assistant: RecordingHomeAssistant, service: Service, events: Events
    ) -> None:
        """Remember whom to ask."""
        self.home_assistant = home_assistant
        self.service = service
        self.events = events

    async def __call__(self, action: str, **fields: Any) -> dict[str, Any]:
        """Call an action on it."""
        return await self.home_assistant.call(action, {"connection_id": ID, **fields})

    async def connect(self, **fields: Any) -> dict[str, Any]:
        """Open it."""
        return await self("connect_realtime_websocket", model="gpt-realtime", **fields)

    async def until(self, kind: str, **values: Any) -> dict[str, Any]:
        """Return the first notice of a kind with these values."""
        return await self.events.wait(is_notice(kind, **values))

    async def received(self, kind: str) -> list[dict[str, Any]]:
        """Return what the host was sent of a kind."""
        frames = (await self.service.sockets())[-1]["received"]
        return [frame for frame in frames if frame["type"] == kind]


def is_notice(kind: str, connection_id: str = ID, **values: Any) -> Callable[[Any], bool]:
    """Match a notice of the conversation, or of another one."""
    return lambda data: (
        data["connection_id"] == connection_id
        and data["type"] == kind
        and all(data.get(key) == value for key, value in values.items())
    )


@pytest_asyncio.fixture(loop_scope="session")
async def talk(
    ha: RecordingHomeAssistant, service: Service, realtime_events: Events
) -> AsyncIterator[Talk]:
    """Give out a conversation that is closed after the test, with a host that takes its time."""
    await service.change(pace=0.05)
    yield Talk(ha, service, realtime_events)
    await service.change(pace=0)
    with suppress(CommandError):
        await ha.call("close_realtime_websocket", {"connection_id": ID})


def seconds_of(content: bytes) -> float:
    """Return how long a WAV file lasts, once it is sure to be one that players play."""
    with wave.open(io.BytesIO(content), "rb") as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        assert any(sound.readframes(sound.getnframes()))
        return sound.getnframes() / sound.getframerate()


async def decoded_seconds(content: bytes) -> float:
    """Return how long an audio file of any kind lasts."""
    command = ["ffmpeg", "-loglevel", "error", "-i", "pipe:0"]
    command += ["-f", "s16le", "-ac", "1", "-ar", "8000", "pipe:1"]
    pipe = asyncio.subprocess.PIPE
    decoder = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    samples, _ = await decoder.communicate(content)
    return len(samples) / 2 / 8000


def is_type(event_type: str) -> Callable[[Any], bool]:
    """Match a server event."""
    return lambda data: data["connection_id"] == ID and data["event_type"] == event_type


async def played(home_assistant: RecordingHomeAssistant, media: dict[str, Any]) -> str:
    """Let the speaker play something and return what it was given."""
    data = {key: media[key] for key in ("media_content_id", "media_content_type")}
    await home_assistant.call(
        "media_player.play_media", {"entity_id": SPEAKER, **data}, return_response=False
    )
    return str((await home_assistant.states())["input_text.played"]["state"])


def said(events: Events) -> str:
    """Return what the model said, as the transcripts tell."""
    return "".join(
        event["data"]["delta"]
        for event in events
        if event["data"]["type"] == "audio_transcript_delta"
    )


async def test_audio_turn_and_interruption(
    ha: RecordingHomeAssistant,
    talk: Talk,
    service: Service,
    entry: str,
    realtime_events: Events,
    server_events: Events,
) -> None:
    """Hear, answer, play, be interrupted, and part."""
    answer = await talk.connect(session={"voice": "marin"})
    assert answer["url"] == service.url().replace("http", "ws") + "/realtime"
    await talk.until("connection_change", status="connected")

    # The connection is open, and the server transcribes the audio.
    sent = await talk("send_realtime_audio", audio=str(ha.folder / "files" / "sound.wav"))
    heard = b"".join(
        base64.b64decode(frame["audio"])
        for frame in await talk.received("input_audio_buffer.append")
    )
    assert sent["size"] == len(heard) == pytest.approx(24000, abs=4)
    await talk("send_realtime_event", event={"type": "input_audio_buffer.commit"})
    question = await realtime_events.wait(
        lambda data: data["type"] == "item_update" and data["item"]["content"][0].get("transcript")
    )
    assert question["item"]["content"][0]["transcript"] == "0.50 seconds of audio"

    # The model answers aloud, and the answer can be played.
    await talk("send_realtime_event", event={"type": "response.create"})
    done = await talk.until("audio_done")
    turn = await talk.until("turn_done")
    assert done["config_entry_id"] == entry
    first = turn["output"][0]["content"][0]["transcript"]
    assert first.startswith("You said:")
    assert said(realtime_events) == first
    seconds = len(first) * SECONDS_PER_CHARACTER
    assert seconds_of((await ha.download(done["url"]))[1]) == pytest.approx(seconds)
    found = await ha.command(
        "media_source/resolve_media", media_content_id=done["media_content_id"]
    )
    assert found["mime_type"] == "audio/wav"
    kind, content = await ha.download(found["url"])
    assert kind == "audio/wav"
    assert seconds_of(content) == pytest.approx(seconds)
    assert await played(ha, done) == done["media_content_id"]

    # The next answer is interrupted while it is still being heard.
    realtime_events.clear()
    await talk("send_realtime_message", message=STORY)
    await talk.until("audio")
    began = monotonic()
    done = await talk.until("audio_done")
    await talk.until("turn_done")
    seconds = (len("You said: ") + len(STORY)) * SECONDS_PER_CHARACTER
    assert monotonic() - began < seconds
    realtime_events.clear()
    before = (monotonic() - began) * 1000
    await talk("interrupt_realtime_response")
    after = (monotonic() - began) * 1000
    await talk.until("audio_interrupted", item_id=done["item_id"])
    (truncation,) = await talk.received("conversation.item.truncate")
    # The first sound was played a little before this end received it.
    assert before - 1 <= truncation["audio_end_ms"] <= after + 250
    assert not await talk.received("response.cancel")
    truncated = await server_events.wait(is_type("conversation.item.truncated"))
    assert truncated["event"]["audio_end_ms"] == truncation["audio_end_ms"]
    await talk.until("item_update")

    status = await talk("get_realtime_status")
    assert (status["status"], status["muted"], status["model"]) == (
        "connected",
        None,
        "gpt-realtime",
    )
    assert status["session"]["audio"]["output"]["voice"] == "marin"
    # Servers forget the text of what was interrupted; the history keeps it.
    roles = [item["role"] for item in status["history"]]
    assert roles == ["user", "assistant"] * 2
    assert status["history"][-1]["content"][0]["transcript"] == f"You said: {STORY}"
    closed = await talk("close_realtime_websocket", reason="Good night")
    assert (closed["code"], closed["reason"]) == (1000, "Good night")
    await talk.until("connection_change", status="disconnected")
    assert (await talk("get_realtime_status"))["status"] == "disconnected"
    assert (await service.sockets())[-1]["close_code"] == 1000
    errors = [event for event in realtime_events if event["data"]["type"] == "error"]
    assert errors == []


async def test_interrupt_cancels_and_truncates_response(talk: Talk) -> None:
    """An answer that is interrupted is cancelled, cut, and over."""
    await talk.connect()
    await talk("send_realtime_message", message=STORY)
    await talk.until("audio")
    await talk("interrupt_realtime_response")
    done = await talk.until("turn_done")
    assert done["status"] == "cancelled"
    assert len(await talk.received("response.cancel")) == 1
    assert len(await talk.received("conversation.item.truncate")) == 1
    # What was said until then can be heard all the same.
    assert (await talk.until("audio_done"))["size"] > 44


async def test_llm_tool_turns_light_on(
    ha: RecordingHomeAssistant, talk: Talk, service: Service
) -> None:
    """The model asks for a tool of the home, and the home uses it."""
    await ha.call("light.turn_off", {"entity_id": LIGHT}, return_response=False)
    await talk.connect(llm_hass_api=["assist"])
    (update, *_) = await talk.received("session.update")
    assert "Reading Lamp" in update["session"]["instructions"]
    name = next(tool["name"] for tool in update["session"]["tools"] if "HassTurnOn" in tool["name"])
    item = {
        "id": "item_call",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": name,
        "arguments": json.dumps({"name": "Reading Lamp"}),
    }
    number = len(await service.sockets()) - 1
    event = {"type": "response.output_item.done", "response_id": "resp_1", "item": item}
    await service.pull(number, "send", event=event)

    result = await talk.until("tool_result", call_id="call_1")

    assert "error" not in result["result"], result
    assert (await ha.states())[LIGHT]["state"] == "on"
    # The host is told, and goes on talking of it.
    await talk.until("turn_done")
    outputs = [
        frame["item"]
        for frame in await talk.received("conversation.item.create")
        if frame["item"]["type"] == "function_call_output"
    ]
    assert [item["call_id"] for item in outputs] == ["call_1"]
    assert json.loads(outputs[0]["output"]) == result["result"]
    assert said(talk.events).startswith("You said: the tool answered")


async def test_concurrent_connections_are_isolated(
    ha: RecordingHomeAssistant, service: Service, realtime_events: Events
) -> None:
    """Several conversations at once know nothing of each other."""
    names = [f"room {number}" for number in range(5)]
    for name in names:
        await ha.call(
            "connect_realtime_websocket",
            {
                "connection_id": name,
                "model": "gpt-realtime",
                "session": {"output_modalities": ["text"]},
            },
        )
    for name in names:
        message = {"connection_id": name, "message": f"I am {name}"}
        await ha.call("send_realtime_message", message)
    for name in names:
        turn = await realtime_events.wait(is_notice("turn_done", name))
        assert turn["output"][0]["content"][0]["text"] == f"You said: I am {name}"
        await ha.call("close_realtime_websocket", {"connection_id": name})


async def test_live_stream_available_before_response_done(
    ha: RecordingHomeAssistant, talk: Talk
) -> None:
    """A stream names the answer before it is over."""
    await talk.connect()
    await talk("send_realtime_message", message=STORY)
    started = await talk.until("audio_started")
    assert started["media_content_id"].startswith("media-source://tts/")
    assert started["media_content_type"] == "audio/mpeg"
    found = await ha.command(
        "media_source/resolve_media", media_content_id=started["media_content_id"]
    )
    assert found["url"]
    assert await played(ha, started) == started["media_content_id"]
    if shutil.which("ffmpeg") is None:
        pytest.skip("Home Assistant plays streams with ffmpeg, which is not installed here")
    assert not [event for event in talk.events if event["data"]["type"] == "audio_done"]
    kind, content = await ha.download(started["url"])
    assert kind == "audio/mpeg"
    done = await talk.until("audio_done")
    whole = seconds_of((await ha.download(done["url"]))[1])
    assert await decoded_seconds(content) == pytest.approx(whole, abs=0.2)
