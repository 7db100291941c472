"""Streamed answers on the bus of Home Assistant."""

import asyncio
from typing import Any

import pytest

from tests.harness import CommandError, Events, Service

from .home_assistant import RecordingHomeAssistant

pytestmark = pytest.mark.usefixtures("entry")

ASK = {"model": "gpt-5-mini", "input": "Tell me a story of seven words, please", "stream": True}
CHAT = {
    "model": "gpt-5-mini",
    "messages": [{"role": "user", "content": "Tell me a story"}],
    "stream": True,
}


def of(events: Events, stream_id: str) -> list[dict[str, Any]]:
    """Return what belongs to one stream."""
    return [event["data"] for event in events if event["data"]["stream_id"] == stream_id]


async def settled(events: Events, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a stream that has ended, all of which are on their way."""
    await events.wait(lambda data: data["stream_id"] == answer["stream_id"])
    await asyncio.sleep(0.2)
    return of(events, answer["stream_id"])


async def test_stream_model_response(
    ha: RecordingHomeAssistant, entry: str, stream_events: Events
) -> None:
    """A streamed response arrives in pieces, and as a whole in the end."""
    answer = await ha.call("create_model_response", ASK)
    stream = await settled(stream_events, answer)
    assert [data["sequence"] for data in stream] == list(range(len(stream)))
    assert {(data["config_entry_id"], data["action"]) for data in stream} == {
        (entry, "create_model_response")
    }
    types = [data["event_type"] for data in stream]
    assert types == [data["event"]["type"] for data in stream]
    assert (types[0], types[-1]) == ("response.created", "response.completed")
    deltas = [
        data["event"]["delta"]
        for data in stream
        if data["event_type"] == "response.output_text.delta"
    ]
    assert len(deltas) > 3
    assert "".join(deltas) == answer["output_text"]
    final = stream[-1]["event"]["response"]
    assert {key: answer[key] for key in final if key != "output_text"} == final


async def test_stream_chat_completion(ha: RecordingHomeAssistant, stream_events: Events) -> None:
    """A streamed chat completion is put together from its chunks."""
    answer = await ha.call("create_chat_completion", CHAT)
    stream = await settled(stream_events, answer)
    text = "".join(
        choice["delta"].get("content") or ""
        for data in stream
        for choice in data["event"]["choices"]
    )
    assert text
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == text
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_stream_image(ha: RecordingHomeAssistant, stream_events: Events) -> None:
    """A streamed image shows what it is going to be before it is done."""
    data = {"model": "gpt-image-1", "prompt": "A red ball", "stream": True, "partial_images": 2}
    answer = await ha.call("create_image", data)
    types = [data["event_type"] for data in await settled(stream_events, answer)]
    assert "image_generation.partial_image" in types
    assert types[-1] == "image_generation.completed"


async def test_stream_transcription(ha: RecordingHomeAssistant, stream_events: Events) -> None:
    """A streamed transcription arrives word by word."""
    path = str(ha.folder / "files" / "sound.wav")
    answer = await ha.call(
        "create_transcription", {"model": "gpt-4o-transcribe", "file": path, "stream": True}
    )
    stream = await settled(stream_events, answer)
    deltas = [
        data["event"]["delta"] for data in stream if data["event_type"] == "transcript.text.delta"
    ]
    assert "".join(deltas) == answer["text"]


async def test_stream_two_concurrently(ha: RecordingHomeAssistant, stream_events: Events) -> None:
    """Two streams at the same time do not mix."""
    topics = ("apples", "pears")
    answers = await asyncio.gather(
        *(ha.call("create_model_response", {**ASK, "input": topic}) for topic in topics)
    )
    assert answers[0]["stream_id"] != answers[1]["stream_id"]
    for topic, answer in zip(topics, answers, strict=True):
        stream = await settled(stream_events, answer)
        assert [data["sequence"] for data in stream] == list(range(len(stream)))
        text = "".join(
            data["event"]["delta"]
            for data in stream
            if data["event_type"] == "response.output_text.delta"
        )
        assert topic in text


@pytest.mark.parametrize(
    "fault", [{"cut_after": 1200}, {"drop": "body", "cut_after": 1200}], ids=["cut", "dropped"]
)
async def test_stream_ended_early_raises(
    ha: RecordingHomeAssistant, service: Service, stream_events: Events, fault: dict[str, Any]
) -> None:
    """A stream that ends too early is an error, after the events that did arrive."""
    await service.fail(path="^/responses$", count=None, **fault)
    with pytest.raises(CommandError) as refused:
        await ha.call("create_model_response", ASK)
    assert refused.value.code == "home_assistant_error"
    first = await stream_events.wait()
    assert first["event_type"] == "response.created"


async def test_events_recorded_only_with_option(
    ha: RecordingHomeAssistant, entry: str, stream_events: Events
) -> None:
    """Events stay out of the recorder's database unless the option says otherwise."""
    for number, wanted in enumerate((False, True, False)):
        await ha.set_options(entry, {"record_events": wanted})
        await ha.entry_until(entry, "loaded")
        before = ha.recorded("openai_api_stream_event")
        await settled(stream_events, await ha.call("create_model_response", ASK))
        # What is fired later is recorded later.
        await ha.rest("POST", f"/api/events/fired_later_{number}", {})
        async with asyncio.timeout(10):
            while not ha.recorded(f"fired_later_{number}"):
                await asyncio.sleep(0.1)
        assert (ha.recorded("openai_api_stream_event") > before) is wanted
