"""A voice assistant of subentries: set up by the forms, asked in writing and by voice."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
import json
from typing import Any

import pytest_asyncio

from tests.harness import Events, Service
from tests.harness.client import Json
from tests.harness.synthetic_speech import speak

from .home_assistant import RecordingHomeAssistant

SSE = "text/event-stream"
SUBENTRIES: dict[str, Json] = {
    "conversation": {
        "name": "Butler",
        "model": "gpt-5-mini",
        "llm_hass_api": ["assist"],
        "api": "responses",
    },
    "stt": {"name": "Butler", "model": "whisper-1", "transport": "upload"},
    "tts": {"name": "Butler", "model": "gpt-4o-mini-tts", "voice": "coral"},
    "ai_task_data": {"name": "Butler", "model": "gpt-5-mini"},
}
PIECE = 3_200


@dataclass(frozen=True)
class Assistant:
    """A pipeline of the subentries."""

    ha: RecordingHomeAssistant
    service: Service
    pipeline: str

    async def run(
        self, start_stage: str, conversation_id: str | None = None, **given: Any
    ) -> Events:
        """Run the pipeline to the end of the stage that speaks."""
        return await self.ha.socket.subscribe(
            "assist_pipeline/run",
            start_stage=start_stage,
            end_stage="tts",
            pipeline=self.pipeline,
            conversation_id=conversation_id,
            input=given,
        )

    async def bodies(self, path: str) -> list[Any]:
        """Return the bodies of the requests to a path."""
        return [item["body"] for item in await self.service.requests() if item["path"] == path]


async def until(events: Events, kind: str) -> Any:
    """Return the data of the first event of a type; an error ends it sooner."""
    async with asyncio.timeout(30):
        while True:
            for event in events:
                assert event["type"] != "error", event
                if event["type"] == kind:
                    return event["data"]
            await asyncio.sleep(0.02)


def sse(events: Iterable[Json]) -> str:
    """Return events as the text of a stream."""
    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)


def says(text: str) -> str:
    """Return the stream of an answer."""
    item = {"type": "message", "id": "msg_1", "role": "assistant"}
    return sse(
        [
            {"type": "response.output_item.added", "item": item},
            {"type": "response.output_text.delta", "delta": text},
            {"type": "response.completed", "response": {"id": "resp_1", "usage": {}}},
        ]
    )


def calls(tool: str, /, **arguments: Any) -> str:
    """Return the stream of an answer that calls a tool."""
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": tool}
    return sse(
        [
            {
                "type": "response.output_item.done",
                "item": {**item, "arguments": json.dumps(arguments)},
            },
            {"type": "response.completed", "response": {"id": "resp_1", "usage": {}}},
        ]
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pipeline(ha: RecordingHomeAssistant, first_entry: str) -> str:
    """Add the subentries with their forms and return the id of a pipeline of them."""
    for kind, data in SUBENTRIES.items():
        result = await ha.add_subentry(first_entry, kind, data)
        assert result["type"] == "create_entry", result
    wanted = {f"{domain}.butler" for domain in ("conversation", "stt", "tts", "ai_task")}
    async with asyncio.timeout(60):
        while not wanted <= (await ha.states()).keys():
            await asyncio.sleep(0.1)
    made = await ha.command(
        "assist_pipeline/pipeline/create",
        name="Butler",
        language="en",
        conversation_engine="conversation.butler",
        conversation_language="*",
        stt_engine="stt.butler",
        stt_language="en",
        tts_engine="tts.butler",
        tts_language="en",
        tts_voice=None,
        wake_word_entity=None,
        wake_word_id=None,
    )
    await ha.command(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=["light.reading_lamp"],
        should_expose=True,
    )
    found: str = made["id"]
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def assistant(
    ha: RecordingHomeAssistant, service: Service, entry: str, pipeline: str
) -> Assistant:
    """Return the assistant, whose service has forgotten the last test."""
    return Assistant(ha, service, pipeline)


async def test_text_pipeline(assistant: Assistant) -> None:
    events = await assistant.run("intent", text="Is it warm outside?")
    output = (await until(events, "intent-end"))["intent_output"]
    answer = output["response"]["speech"]["plain"]["speech"]
    assert "Is it warm outside?" in answer
    spoken = (await until(events, "tts-end"))["tts_output"]
    kind, sound = await assistant.ha.download(spoken["url"])
    await until(events, "run-end")

    assert kind == "audio/mpeg"
    assert len(sound) > 1000
    (body,) = await assistant.bodies("/responses")
    assert body["model"] == "gpt-5-mini"
    assert {tool["name"] for tool in body["tools"]} > {"homeassistant__GetLiveContext"}
    speeches = await assistant.bodies("/audio/speech")
    assert {speech["voice"] for speech in speeches} == {"coral"}
    assert " ".join(speech["input"] for speech in speeches) == answer


async def test_voice_pipeline(assistant: Assistant) -> None:
    await assistant.service.fail(path="/audio/transcriptions", body={"text": "What is new?"})
    events = await assistant.run("stt", sample_rate=16_000)
    handler = bytes([(await until(events, "run-start"))["runner_data"]["stt_binary_handler_id"]])
    sound = speak(1.6, silence=2)
    for start in range(0, len(sound), PIECE):
        await assistant.ha.socket.send_bytes(handler + sound[start : start + PIECE])
    await assistant.ha.socket.send_bytes(handler)

    assert (await until(events, "stt-end"))["stt_output"]["text"] == "What is new?"
    output = (await until(events, "intent-end"))["intent_output"]
    assert "What is new?" in output["response"]["speech"]["plain"]["speech"]
    spoken = (await until(events, "tts-end"))["tts_output"]
    _, answer = await assistant.ha.download(spoken["url"])
    assert len(answer) > 1000
    (upload,) = await assistant.bodies("/audio/transcriptions")
    fields = {part["name"]: part for part in upload}
    assert fields["file"]["filename"].endswith(".wav")


async def test_llm_tool_called(assistant: Assistant) -> None:
    ha, service = assistant.ha, assistant.service
    await ha.call("light.turn_off", {"entity_id": "light.reading_lamp"}, return_response=False)
    stream = calls("intent__HassTurnOn", name="Reading Lamp", domain=["light"])
    await service.fail(path="/responses", body=stream, content_type=SSE)
    await service.fail(path="/responses", body=says("It is on."), content_type=SSE)
    events = await assistant.run("intent", text="Turn on the reading lamp")
    output = (await until(events, "intent-end"))["intent_output"]
    await until(events, "run-end")

    assert output["response"]["speech"]["plain"]["speech"] == "It is on."
    assert (await ha.states())["light.reading_lamp"]["state"] == "on"
    _, second = await assistant.bodies("/responses")
    kinds = [item.get("type") for item in second["input"]]
    assert kinds[-2:] == ["function_call", "function_call_output"]


async def test_habits_of_services(assistant: Assistant) -> None:
    ha, service = assistant.ha, assistant.service
    await ha.call("light.turn_off", {"entity_id": "light.reading_lamp"}, return_response=False)
    item = {"type": "message", "id": "msg_0", "role": "assistant", "phase": "commentary"}
    commentary = sse(
        [
            {"type": "response.output_item.added", "item": item},
            {"type": "response.output_text.delta", "delta": "Let me see."},
        ]
    )
    call = calls(
        "functions.intent__HassTurnOn<|channel|>json", name=["Reading Lamp"], domain='["light"]'
    )
    stream = f"{commentary}data: null\n\nevent: ping\ndata: alive\n\n{call}"
    await service.fail(path="/responses", body=stream, content_type=SSE)
    await service.fail(path="/responses", body=says("It is on."), content_type=SSE)
    events = await assistant.run("intent", text="Turn on the reading lamp")
    output = (await until(events, "intent-end"))["intent_output"]
    await until(events, "run-end")

    assert output["response"]["speech"]["plain"]["speech"] == "It is on."
    assert (await ha.states())["light.reading_lamp"]["state"] == "on"
    second = (await assistant.bodies("/responses"))[-1]
    assert [one.get("phase") for one in second["input"]] == [None, "commentary", None, None]

    # What was said before is too long for the model.
    error = {"error": {"message": "Too long", "code": "context_length_exceeded"}}
    await service.fail(path="/responses", status=400, body=error)
    await service.fail(path="/responses", body=says("Shall I? \U0001f642"), content_type=SSE)
    events = await assistant.run("intent", output["conversation_id"], text="And now?")
    output = (await until(events, "intent-end"))["intent_output"]
    await until(events, "run-end")
    assert output["continue_conversation"] is True
    last = (await assistant.bodies("/responses"))[-1]
    assert [one["content"] for one in last["input"]] == ["And now?"]


async def test_turns_at_once_in_one_conversation(assistant: Assistant) -> None:
    service = assistant.service
    output = await until(await assistant.run("intent", text="Hello"), "intent-end")
    conversation_id = output["intent_output"]["conversation_id"]
    count = len(await assistant.bodies("/responses"))
    answer = says("To the first.")
    await service.fail(path="/responses", body=answer, content_type=SSE, delay=1)
    first = await assistant.run("intent", conversation_id, text="A")
    async with asyncio.timeout(10):
        while len(await assistant.bodies("/responses")) == count:
            await asyncio.sleep(0.02)
    second = await assistant.run("intent", conversation_id, text="B")
    async with asyncio.timeout(20):
        while not any(event["type"] == "run-end" for event in second):
            await asyncio.sleep(0.02)

    # Home Assistant 2026.11 lets a conversation have one turn at a time.
    codes = [event["data"]["code"] for event in second if event["type"] == "error"]
    assert codes in ([], ["intent-busy"])
    output = (await until(first, "intent-end"))["intent_output"]
    assert output["response"]["speech"]["plain"]["speech"] == "To the first."
    await until(first, "run-end")
    third = await assistant.run("intent", conversation_id, text="C")
    output = (await until(third, "intent-end"))["intent_output"]
    assert "C" in output["response"]["speech"]["plain"]["speech"]
    await until(third, "run-end")


async def test_cut_answer_is_reported_in_one_sentence(assistant: Assistant) -> None:
    begun = says("It is").partition("event: response.completed")[0]
    await assistant.service.fail(path="/responses", body=begun, content_type=SSE)
    events = await assistant.run("intent", text="Is it warm?")
    output = (await until(events, "intent-end"))["intent_output"]
    sentence = "The answer of the AI service broke off."
    assert output["response"]["speech"]["plain"]["speech"] == sentence
    spoken = (await until(events, "tts-end"))["tts_output"]
    _, sound = await assistant.ha.download(spoken["url"])
    await until(events, "run-end")
    assert len(sound) > 1000
    speeches = await assistant.bodies("/audio/speech")
    assert [speech["input"] for speech in speeches] == [sentence]


async def test_ai_task_structure(assistant: Assistant) -> None:
    answer = json.dumps({"mood": "calm", "score": 7})
    await assistant.service.fail(path="/responses", body=says(answer), content_type=SSE)
    found = await assistant.ha.call(
        "ai_task.generate_data",
        {
            "task_name": "mood",
            "entity_id": "ai_task.butler",
            "instructions": "How does the house feel?",
            "structure": {
                "mood": {"selector": {"text": {}}, "required": True},
                "score": {"selector": {"number": {"min": 0, "max": 10}}},
            },
        },
    )

    assert found["data"] == {"mood": "calm", "score": 7}
    (body,) = await assistant.bodies("/responses")
    assert set(body["text"]["format"]["schema"]["properties"]) == {"mood", "score"}


async def test_turn_event_without_text(assistant: Assistant) -> None:
    turns = await assistant.ha.subscribe_events("openai_api_turn_event")
    events = await assistant.run("intent", text="A secret question")
    await until(events, "run-end")
    told = await turns.wait(lambda data: data["kind"] == "conversation")

    assert told["entity_id"] == "conversation.butler"
    assert told["ended"] == "done"
    assert told["transport"] == "responses"
    assert told["first_piece_ms"] <= told["whole_ms"]
    assert "secret" not in json.dumps(turns)
