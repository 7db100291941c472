"""Whole answers of a realtime session come out whole, in whatever events they are told."""

import base64
from copy import deepcopy
import itertools
import json
import re
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.openai_api.realtime.event_names import EventNames
from custom_components.openai_api.realtime.response_output import ResponseOutput
from tests.integration.fuzzing import inputs
from tests.integration.waiting import wait_for

from .driver import Json, RealtimeDriver

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ARGUMENTS = st.dictionaries(TEXTS, TEXTS | st.integers(-9, 9), max_size=3)
LABELS = ("all", "ids", "indexes", "ids, index 0", "none")
OLDER = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
}
NAMES = {"text": "output_text", "transcript": "output_audio_transcript"}


def cut[T: (str, bytes)](draw: Any, whole: T) -> list[T]:
    """Return a text or bytes in pieces, none of them empty."""
    drawn: list[int] = draw(
        st.lists(st.integers(1, max(len(whole) - 1, 1)), max_size=4, unique=True)
    )
    places = [0, *sorted(place for place in drawn if place < len(whole)), len(whole)]
    return [whole[a:b] for a, b in itertools.pairwise(places)]


def labelled(event: Json, label: str, number: int, item_id: str) -> Json:
    """Return an event with what a host tells of its item."""
    found = {"response_id": "r", "output_index": number, "item_id": item_id, **event}
    if "item" in found:
        del found["item_id"]
    match label:
        case "ids":
            found.pop("output_index")
        case "indexes":
            found.pop("item_id", None)
        case "ids, index 0":
            found["output_index"] = 0
        case "none":
            for key in ("item_id", "output_index", "content_index"):
                found.pop(key, None)
    return found


def message(draw: Any, number: int, label: str, mode: str) -> tuple[Json, list[Json]]:
    """Return a message, and the events of it."""
    key = draw(st.sampled_from(["text", "transcript"]))
    kind = "output_text" if key == "text" else "output_audio"
    # Without an index, only the end of a part tells it from the next one.
    count = 1 if label == "none" else draw(st.integers(1, 2))
    content = [{"type": kind, key: draw(TEXTS)} for _ in range(count)]
    item: Json = {"id": f"i{number}", "type": "message", "role": "assistant", "content": content}
    events: list[Json] = []
    for index, part in enumerate(content):
        place = {"content_index": index}
        if mode == "deltas":
            events += [
                {"type": f"response.{NAMES[key]}.delta", "delta": piece, **place}
                for piece in cut(draw, part[key])
            ]
        if mode == "ends" or draw(st.booleans()):
            events.append({"type": f"response.{NAMES[key]}.done", key: part[key], **place})
            if mode not in ("deltas", "ends"):
                events.pop()
    if mode == "items" or draw(st.booleans()):
        done = item if mode == "items" or draw(st.booleans()) else {**item, "content": []}
        if mode != "response":
            events.append({"type": "response.output_item.done", "item": done})
    return item, events


def call(draw: Any, number: int, mode: str) -> tuple[Json, list[Json]]:
    """Return a function call, and the events of it."""
    item: Json = {
        "id": f"i{number}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"c{number}",
        "name": "f",
        "arguments": json.dumps(draw(ARGUMENTS)),
    }
    events: list[Json] = []
    if mode in ("deltas", "ends"):
        events += [
            {"type": "response.function_call_arguments.delta", "delta": piece}
            for piece in cut(draw, item["arguments"])
        ]
    if mode == "ends":
        named = {key: item[key] for key in ("arguments", "call_id", "name")}
        events.append({"type": "response.function_call_arguments.done", **named})
    if mode == "deltas":
        events.append({"type": "response.output_item.done", "item": {**item, "arguments": ""}})
    if mode == "items":
        done = dict(item)
        if draw(st.booleans()):
            del done["status"]
        events.append({"type": "response.output_item.done", "item": done})
    return item, events


@st.composite
def answers(draw: Any) -> tuple[list[Json], list[Json], Json]:
    """Return the items of a response, the events of it, and the response at its end."""
    label = draw(st.sampled_from(LABELS))
    mode = draw(st.sampled_from(["deltas", "ends", "items", "response"]))
    items: list[Json] = []
    events: list[Json] = []
    for number in range(draw(st.integers(1, 3))):
        is_message = draw(st.booleans())
        item, own = message(draw, number, label, mode) if is_message else call(draw, number, mode)
        if mode != "response" and (label == "none" or draw(st.booleans())):
            begun = {**item, "content": []} if is_message else {**item, "arguments": ""}
            begun["status"] = "in_progress"
            own.insert(0, {"type": "response.output_item.added", "item": begun})
        events += [labelled(event, label, number, item["id"]) for event in own]
        items.append(item)
    response: Json = {"id": "r", "status": "completed", "output": items}
    if mode != "response":
        output = draw(st.sampled_from(["whole", "empty", "missing"]))
        if output == "empty":
            response["output"] = []
        elif output == "missing":
            del response["output"]
    return items, events, response


def spelled(events: list[Json], *, is_older: bool) -> list[Json]:
    """Return events with the names that they had in the beta of the API."""
    if not is_older:
        return events
    return [{**event, "type": OLDER.get(event["type"], event["type"])} for event in events]


def renamed[T](value: T, number: int) -> T:
    """Return events with ids of their own: one session has many answers."""
    text = re.sub(r'"([ric])(\d*)"', rf'"\g<1>\g<2>_{number}"', json.dumps(value))
    found: T = json.loads(text)
    return found


def content_of(item: Json) -> Any:
    """Return what an item says or does."""
    if item["type"] == "function_call":
        return item["call_id"], item["name"], item["arguments"]
    return [{key: part[key] for key in part if key != "annotations"} for part in item["content"]]


def texts_of(items: list[Json]) -> str:
    """Return all that is said in some items."""
    return "".join(
        part.get("text") or part.get("transcript") or ""
        for item in items
        for part in item.get("content", ())
    )


@inputs(60)
@given(answers(), st.booleans())
def test_response_output_fuzz(case: tuple[list[Json], list[Json], Json], is_older: bool) -> None:
    items, events, response = case
    events = spelled(events, is_older=is_older)
    sent = deepcopy((events, response))
    names, output, news = EventNames(), ResponseOutput(), []
    for event in events:
        name = names.current(event["type"])
        assert name is not None
        news += output.take(name, event)
    news += output.finish(response)
    calls = [found for found in news if isinstance(found, dict)]
    assert "".join(found for found in news if isinstance(found, str)) == texts_of(items)
    wanted = [item for item in items if item["type"] == "function_call"]
    assert sorted(map(content_of, calls)) == sorted(map(content_of, wanted))
    assert list(map(content_of, output.output(response))) == list(map(content_of, items))
    assert (events, response) == sent


@inputs(30)
@given(answers(), st.data())
def test_response_output_truncated_fuzz(
    case: tuple[list[Json], list[Json], Json], data: st.DataObject
) -> None:
    items, events, _ = case
    names, output, news = EventNames(), ResponseOutput(), []
    for event in events[: data.draw(st.integers(0, len(events)))]:
        news += output.take(names.current(event["type"]) or "", event)
    news += output.finish({"id": "r", "status": "cancelled"})
    # A call is only made if it was told as a whole.
    known = [content_of(item) for item in items]
    assert all(content_of(found) in known for found in news if isinstance(found, dict))
    said = "".join(found for found in news if isinstance(found, str))
    assert texts_of(items).startswith(said)


NUMBERS = itertools.count(1)


@pytest.mark.parametrize("is_older", [False, True])
@inputs(5, is_slow=True)
@given(case=answers(), sound=st.binary(min_size=2, max_size=60), data=st.data())
async def test_realtime_response_fuzz(
    script: RealtimeDriver,
    is_older: bool,
    case: tuple[list[Json], list[Json], Json],
    sound: bytes,
    data: st.DataObject,
) -> None:
    await script.clear()
    items, events, response = renamed(case, number := next(NUMBERS))
    place = {"response_id": f"r_{number}", "item_id": f"i0_{number}", "content_index": 0}
    pieces = [base64.b64encode(piece).decode() for piece in cut(data.draw, sound)]
    at = sorted(data.draw(st.integers(0, len(events))) for _ in pieces)
    for position, delta in reversed(list(zip(at, pieces, strict=True))):
        sent = {"type": "response.output_audio.delta", "delta": delta, **place}
        events.insert(position, sent)
    await script.server_sends(
        {"type": "response.created", "response": {"id": response["id"]}},
        *spelled(events, is_older=is_older),
        {"type": "response.done", "response": response},
    )
    (done,) = script.notices_of("turn_done")
    assert list(map(content_of, done["output"])) == list(map(content_of, items))
    made = [
        (found["call_id"], found["name"], found["arguments"])
        for found in script.notices_of("function_call")
    ]
    wanted = [content_of(item) for item in items if item["type"] == "function_call"]
    assert sorted(made) == sorted(wanted)
    assert [found["delta"] for found in script.notices_of("audio")] == pieces
    await wait_for(lambda: script.notices_of("audio_done"))
    assert script.notices_of("audio_done")[0]["size"] == 44 + len(sound) // 2 * 2


CALL: Json = {
    "type": "function_call",
    "id": "f-1",
    "call_id": "c-1",
    "name": "open_door",
    "arguments": '{"door": 1}',
}
BARE: Json = {key: value for key, value in CALL.items() if key != "arguments"}
DONE: Json = {"type": "response.done", "response": {"id": "r"}}


def at_end(**response: Any) -> Json:
    """Return the end of a response."""
    return {"type": "response.done", "response": {"id": "r", **response}}


def output_item(kind: str, item: Json) -> Json:
    """Return an event about an item of the output."""
    return {"type": f"response.output_item.{kind}", "response_id": "r", "item": item}


ARGUMENTS_DELTA: Json = {
    "type": "response.function_call_arguments.delta",
    "response_id": "r",
    "item_id": "f-1",
    "delta": '{"door": 1}',
}
TOLD: dict[str, list[Json]] = {
    "no status": [output_item("done", CALL), DONE],
    "status in progress": [output_item("done", {**CALL, "status": "in_progress"}), DONE],
    "arguments streamed": [ARGUMENTS_DELTA, output_item("done", BARE), DONE],
    "arguments streamed, an empty object at the end": [
        ARGUMENTS_DELTA,
        output_item("done", {**CALL, "arguments": "{}"}),
        at_end(status="completed", output=[{**CALL, "arguments": "{}"}]),
    ],
    "arguments that are an object": [output_item("done", {**CALL, "arguments": {"door": 1}}), DONE],
    "at the end alone": [at_end(status="completed", output=[CALL])],
    "no end of the item": [
        output_item("added", {**BARE, "status": "in_progress"}),
        ARGUMENTS_DELTA,
        DONE,
    ],
    "arguments ended alone": [
        {
            "type": "response.function_call_arguments.done",
            "response_id": "r",
            **{key: CALL[key] for key in ("call_id", "name", "arguments")},
        },
        DONE,
    ],
    "function as in chats": [
        output_item(
            "done",
            {
                **{key: CALL[key] for key in ("type", "id", "call_id")},
                "function": {key: CALL[key] for key in ("name", "arguments")},
            },
        ),
        DONE,
    ],
    "twice": [output_item("done", CALL), at_end(status="completed", output=[CALL])],
}


@pytest.mark.parametrize("case", TOLD)
async def test_function_call_of_servers(script: RealtimeDriver, case: str) -> None:
    await script.server_sends(*TOLD[case])
    (found,) = script.notices_of("function_call")
    assert (found["call_id"], found["name"]) == ("c-1", "open_door")
    assert json.loads(found["arguments"]) == {"door": 1}


OTHER: Json = {**CALL, "id": "f-9", "call_id": "c-9", "arguments": '{"door":1}'}


@pytest.mark.parametrize("before", [[], ["f-8"]])
@pytest.mark.parametrize(
    "at_the_end", [OTHER, {**OTHER, "arguments": ""}, {**OTHER, "arguments": "{}"}]
)
@pytest.mark.parametrize("count", [1, 2])
async def test_function_call_with_another_id_at_the_end_is_made_once(
    script: RealtimeDriver, before: list[str], at_the_end: Json, count: int
) -> None:
    told = [{**CALL, "id": f"f-{n}", "call_id": f"c-{n}"} for n in range(count)]
    output: list[Json] = [{"type": "reasoning", "id": name} for name in before]
    output += [{**at_the_end, "id": f"f-{n}x", "call_id": f"c-{n}x"} for n in range(count)]
    done = at_end(status="completed", output=output)
    await script.server_sends(*(output_item("done", call) for call in told), done)
    assert len(script.notices_of("function_call")) == count


def test_final_text_with_other_id_is_reported_once() -> None:
    part = {"type": "output_text", "text": "Hello you"}
    told = [{"type": "message", "id": "m-9", "role": "assistant", "content": [part]}]
    output = ResponseOutput()
    kind = "response.output_text.delta"
    news = output.take(kind, {"type": kind, "delta": "Hello", "item_id": "m-1"})
    news += output.finish({"id": "r", "status": "completed", "output": told})
    assert news == ["Hello", " you"]


@pytest.mark.parametrize("status", ["cancelled", "incomplete", "failed"])
async def test_unfinished_function_call_is_not_made(script: RealtimeDriver, status: str) -> None:
    begun = output_item("added", {**BARE, "status": "in_progress"})
    await script.server_sends(begun, ARGUMENTS_DELTA, at_end(status=status, output=[CALL]))
    assert script.notices_of("function_call") == []


async def test_function_calls_of_one_id(script: RealtimeDriver) -> None:
    for ids in ({"id": "f-1"}, {"id": None}):
        await script.clear()
        calls = [{**CALL, **ids, "call_id": f"c-{ids['id']}-{number}"} for number in range(3)]
        await script.server_sends(*(output_item("done", call) for call in calls), DONE)
        found = [notice["call_id"] for notice in script.notices_of("function_call")]
        assert found == [call["call_id"] for call in calls]


@pytest.mark.parametrize("kind", ["added", "done"])
async def test_turn_output_of_content_part(script: RealtimeDriver, kind: str) -> None:
    part = {"type": "audio", "transcript": "Hello"}
    event = {"type": f"response.content_part.{kind}", "response_id": "r", "part": part}
    await script.server_sends(event, at_end(status="completed"))
    (done,) = script.notices_of("turn_done")
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hello"}]


async def test_audio_without_padding(script: RealtimeDriver) -> None:
    place = {"response_id": "r", "item_id": "i", "content_index": 0}
    delta = {"type": "response.output_audio.delta", "delta": "AAA", **place}
    await script.server_sends(delta, delta, DONE)
    await wait_for(lambda: script.notices_of("audio_done"))
    assert script.notices_of("audio_done")[0]["size"] == 44 + 4


async def test_turn_output_of_streamed_text(script: RealtimeDriver) -> None:
    place = {"response_id": "r", "item_id": "i", "content_index": 0}
    await script.server_sends(
        {"type": "response.audio_transcript.delta", "delta": "Hel", **place},
        {"type": "response.audio_transcript.done", "transcript": "Hello", **place},
        at_end(status="completed", output=[]),
    )
    (done,) = script.notices_of("turn_done")
    (item,) = done["output"]
    assert (item["id"], item["role"], item["status"]) == ("i", "assistant", "completed")
    assert item["content"] == [{"type": "output_audio", "transcript": "Hello"}]


PLACE: Json = {"response_id": "r", "item_id": "i", "content_index": 0}
ENDS: dict[str, list[Json]] = {
    "no item": [{"type": "response.output_audio.done", "response_id": "r"}, DONE],
    "no response": [{"type": "response.output_audio.done", "item_id": "i"}, DONE],
    "nothing": [{"type": "response.output_audio.done"}, DONE],
    "none": [DONE],
}


@pytest.mark.parametrize("case", ENDS)
@pytest.mark.parametrize("left_out", ["", "response_id", "content_index"])
async def test_audio_ended_without_its_place(
    script: RealtimeDriver, case: str, left_out: str
) -> None:
    place = {key: value for key, value in PLACE.items() if key != left_out}
    await script.server_sends({"type": "response.output_audio.delta", "delta": "AAAA", **place})
    await script.server_sends(*ENDS[case])
    await wait_for(lambda: script.notices_of("audio_done"))
    (done,) = script.notices_of("audio_done")
    assert done["size"] == 44 + 2
    assert {key: done[key] for key in place} == place
