"""Whole answers, cut and labelled at random, come out whole."""

from copy import deepcopy
import itertools
import json
from typing import Any

from hypothesis import given, strategies as st

from custom_components.openai_api.assist.decoder_chat import ChatDecoder
from custom_components.openai_api.assist.decoder_responses import ResponsesDecoder
from custom_components.openai_api.streaming.chat import ChatCompletionAccumulator
from custom_components.openai_api.streaming.decode import EventReader
from custom_components.openai_api.streaming.responses import ResponseAccumulator
from custom_components.openai_api.streaming.sse import SSEDecoder
from tests.integration.fuzzing import inputs

from .host import Json, chunk

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4)
NAMES = st.sampled_from(["turn_on", "turn_off", "get", "get_state"])
DIALECTS = (
    "openai",
    "zeros",
    "no index",
    "null index",
    "zeros, ids on all",
    "no index, ids on all",
    "pieces counted",
    "words repeated",
    "new ids",
    "whole calls",
)


def cut(draw: Any, text: str) -> list[str]:
    """Return a text in pieces, none of them empty."""
    places = draw(st.lists(st.integers(1, max(len(text) - 1, 1)), max_size=6, unique=True))
    places = [0, *sorted(place for place in places if place < len(text)), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(places)]


def content_chunks(draw: Any, content: str) -> tuple[str | list[Json], list[Json]]:
    """Return the content that a message has, and the chunks of a text in one of its forms."""
    form = draw(st.sampled_from(["texts", "parts", "so far"]))
    pieces, chunks = cut(draw, content), []
    for number, piece in enumerate(pieces):
        match form:
            case "parts" if draw(st.booleans()) or not number:
                # As Mistral sends them, with bare texts in between.
                chunks.append(chunk({"content": [{"type": "text", "text": piece}]}))
            case "so far":
                # As Perplexity sends it.
                choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
                so_far = {"role": "assistant", "content": "".join(pieces[: number + 1])}
                chunks.append(chunk(choices=[{**choice, "message": so_far}]))
            case _:
                chunks.append(chunk({"content": piece}))
    return [{"type": "text", "text": content}] if form == "parts" else content, chunks


def call_pieces(draw: Any, dialect: str, calls: list[Json]) -> list[Json]:
    """Return the pieces of tool calls in a dialect."""
    groups: list[Json] = []
    for number, call in enumerate(calls):
        arguments = call["function"]["arguments"]
        pieces = [arguments] if dialect == "whole calls" else cut(draw, arguments)
        if dialect not in ("whole calls", "new ids", "words repeated") and draw(st.booleans()):
            pieces.insert(0, "")
        for position, text in enumerate(pieces):
            function: Json = {"arguments": text}
            item: Json = {"index": number, "function": function}
            if position == 0 or dialect == "words repeated":
                function["name"] = call["function"]["name"]
                item |= {"id": call["id"], "type": "function"}
            match dialect:
                case "zeros" | "whole calls":
                    item["index"] = 0
                case "no index":
                    del item["index"]
                case "null index":
                    item["index"] = None
                case "zeros, ids on all":
                    item |= {"index": 0, "id": call["id"]}
                case "no index, ids on all":
                    item["id"] = call["id"]
                    del item["index"]
                case "pieces counted":
                    item["index"] = len(groups)
                case "new ids" if position:
                    item["id"] = f"new_{len(groups)}"
            groups.append(item)
    return groups


@st.composite
def completions(draw: Any) -> tuple[Json, list[Json], str]:
    """Return a message, the chunks of a stream that makes it, and their dialect."""
    dialect = draw(st.sampled_from(DIALECTS))
    calls: list[Json] = [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": draw(NAMES), "arguments": json.dumps(draw(ARGUMENTS))},
        }
        for n in range(draw(st.integers(0, 3)))
    ]
    thoughts = cut(draw, draw(TEXTS.filter(bool))) if draw(st.booleans()) else []
    detail: Json = {"type": "reasoning.text", "index": 0, "format": "x"}
    content, content_pieces = content_chunks(draw, draw(TEXTS.filter(bool)))
    chunks = [
        chunk({"role": "assistant"}),
        *(chunk({"reasoning_details": [{**detail, "text": piece}]}) for piece in thoughts),
        *content_pieces,
    ]
    groups = call_pieces(draw, dialect, calls)
    while groups:
        size = draw(st.integers(1, 3))
        chunks.append(chunk({"tool_calls": groups[:size]}))
        groups = groups[size:]
    if draw(st.booleans()):
        for item in chunks:
            item["choices"][0]["finish_reason"] = ""
    if draw(st.booleans()):
        # As Azure says what it looked for.
        filtered: Json = {"index": 0, "finish_reason": None, "content_filter_results": {}}
        place = draw(st.integers(0, len(chunks)))
        chunks.insert(place, chunk(id="", model="", created=0, object="", choices=[filtered]))
    chunks.append(chunk({}, "tool_calls" if calls else "stop"))
    message: Json = {"role": "assistant", "content": content}
    if thoughts:
        message["reasoning_details"] = [{**detail, "text": "".join(thoughts)}]
    if calls:
        message["tool_calls"] = calls
    return message, chunks, dialect


def through_bytes(draw_sizes: list[int], events: list[Json], *, ascii_only: bool) -> list[Json]:
    """Return the events after they went over the line in pieces of some sizes."""
    body = b"".join(
        b"data: " + json.dumps(event, ensure_ascii=ascii_only).encode() + b"\n\n"
        for event in events
    )
    decoder, reader = SSEDecoder(), EventReader(None)
    found = []
    for size in [*draw_sizes, len(body)]:
        found += [reader.read(name, data)[0] for name, data in decoder.feed(body[:size])]
        body = body[size:]
    return found


@inputs(60)
@given(completions(), st.lists(st.integers(1, 200), max_size=20), st.booleans())
def test_completion_fuzz(
    case: tuple[Json, list[Json], str], sizes: list[int], ascii_only: bool
) -> None:
    message, chunks, _ = case
    events = through_bytes(sizes, chunks, ascii_only=ascii_only)
    assert events == chunks
    before = deepcopy(events)
    accumulator = ChatCompletionAccumulator()
    for event in events:
        accumulator.add(event)
    whole = accumulator.result(ended=False)
    assert events == before
    assert whole is not None
    assert whole["choices"][0]["message"] == message
    assert (whole["id"], whole["model"], whole["object"]) == ("chatcmpl-1", "m", "chat.completion")


@inputs(40)
@given(completions(), st.data())
def test_completion_truncated_fuzz(case: tuple[Json, list[Json], str], data: st.DataObject) -> None:
    _, chunks, _ = case
    count = data.draw(st.integers(0, len(chunks) - 1))
    accumulator = ChatCompletionAccumulator()
    for event in chunks[:count]:
        accumulator.add(event)
    assert accumulator.result(ended=False) is None


@st.composite
def responses(draw: Any) -> tuple[list[Json], list[Json]]:
    """Return the items of a response, and the events of a stream that makes them."""
    items: list[Json] = []
    for number in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            content = [
                {"type": "output_text", "text": draw(TEXTS.filter(bool)), "annotations": []}
                for _ in range(draw(st.integers(1, 2)))
            ]
            items.append({"type": "message", "id": f"i{number}", "content": content})
        else:
            arguments = json.dumps(draw(ARGUMENTS))
            items.append({"type": "function_call", "id": f"i{number}", "arguments": arguments})
    events: list[Json] = [{"type": "response.created", "response": {"id": "r", "output": []}}]
    for number, item in enumerate(items):
        start = {**item, "content": []} if "content" in item else {**item, "arguments": ""}
        bare = draw(st.booleans())
        label = {"output_index": number, "item_id": item["id"]}
        if draw(st.booleans()):
            events.append({"type": "response.output_item.added", "item": start, **label})
        for part, content in enumerate(item.get("content", ())):
            events.extend(
                {
                    "type": "response.output_text.delta",
                    "delta": piece,
                    "content_index": part,
                    **label,
                }
                for piece in cut(draw, content["text"])
            )
        if "arguments" in item:
            events.extend(
                {"type": "response.function_call_arguments.delta", "delta": piece, **label}
                for piece in cut(draw, item["arguments"])
            )
        done = start if bare else item
        events.append({"type": "response.output_item.done", "item": done, **label})
    match draw(st.sampled_from(["whole", "empty", "missing", "nothing"])):
        case "whole":
            response = {"id": "r", "status": "completed", "output": items}
            events.append({"type": "response.completed", "response": response})
        case "empty":
            response = {"id": "r", "status": "completed", "output": []}
            events.append({"type": "response.done", "response": response})
        case "missing":
            events.append({"type": "response.completed", "response": {"id": "r"}})
    return items, events


@inputs(60)
@given(responses(), st.lists(st.integers(1, 200), max_size=20), st.booleans())
def test_response_fuzz(
    case: tuple[list[Json], list[Json]], sizes: list[int], ascii_only: bool
) -> None:
    items, sent = case
    events = through_bytes(sizes, sent, ascii_only=ascii_only)
    before = deepcopy(events)
    accumulator = ResponseAccumulator()
    for event in events:
        accumulator.add(event)
    whole = accumulator.result(ended=False)
    assert events == before
    assert whole is not None
    assert whole["output"] == items


def told(deltas: list[Json]) -> tuple[str, list[tuple[str, Json]]]:
    """Return the text in the deltas of an agent, and the names and arguments of its calls."""
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    text = "".join(delta.get("content", "") for delta in deltas)
    return text.strip(), [(call.tool_name, call.tool_args) for call in calls]


def plain(text: str) -> bool:
    """Return whether an agent says a text as it is: it leaves out thoughts and controls."""
    return text.isprintable() and not {"<", "["} & set(text)


@inputs(30)
@given(completions())
def test_agent_completion_fuzz(case: tuple[Json, list[Json], str]) -> None:
    message, chunks, _ = case
    decoder, deltas = ChatDecoder(), list[Json]()
    for event in chunks:
        deltas += decoder.feed(event)
    deltas += decoder.finish()
    text, calls = told(deltas)
    functions = [call["function"] for call in message.get("tool_calls", ())]
    wanted = [(found["name"], json.loads(found["arguments"])) for found in functions]
    content = message["content"]
    said = content if isinstance(content, str) else content[0]["text"]
    assert calls == wanted
    assert text == said.strip() or not plain(said)
    assert decoder.is_done


@inputs(30)
@given(completions(), st.data())
def test_agent_completion_truncated_fuzz(
    case: tuple[Json, list[Json], str], data: st.DataObject
) -> None:
    """No call is made of which a part may be missing."""
    message, chunks, _ = case
    decoder, deltas = ChatDecoder(), list[Json]()
    for event in chunks[: data.draw(st.integers(0, len(chunks) - 1))]:
        deltas += decoder.feed(event)
    deltas += decoder.finish()
    functions = [call["function"] for call in message.get("tool_calls", ())]
    wanted = [(found["name"], json.loads(found["arguments"])) for found in functions]
    _, calls = told(deltas)
    assert calls == wanted[: len(calls)]
    assert not decoder.is_done


@inputs(30)
@given(responses())
def test_agent_response_fuzz(case: tuple[list[Json], list[Json]]) -> None:
    items, events = case
    named = [
        *items,
        *(event["item"] for event in events if "item" in event),
        *(item for event in events for item in event.get("response", {}).get("output", ())),
    ]
    for item in named:
        if item["type"] == "function_call":
            item |= {"name": f"f_{item['id']}", "call_id": f"c_{item['id']}"}
    decoder, deltas = ResponsesDecoder({}), list[Json]()  # type: ignore[arg-type]
    for event in events:
        deltas += decoder.feed(event)
    deltas += decoder.finish()
    text, calls = told(deltas)
    wanted = [
        (item["name"], json.loads(item["arguments"]))
        for item in items
        if item["type"] == "function_call"
    ]
    said = "".join(part["text"] for item in items for part in item.get("content", ()))
    assert calls == wanted
    assert text == said.strip() or not plain(said)
    assert decoder.is_done
