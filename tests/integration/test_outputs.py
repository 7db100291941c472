"""What came against what was asked for: JSON in fences, ignored forms, calls that break off."""

import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer, answer

from .conftest import Call, raises_key
from .streaming.conftest import raw as raw  # noqa: PLC0414
from .streaming.host import ASK, CHAT, ITEM, RESPONSE, Json, named, stream

SCHEMA: Json = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "room": {"enum": ["kitchen", "hall"]}},
    "required": ["n"],
}
FORM: Json = {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}
CHAT_FORM: Json = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
VALUE = {"n": 1, "room": "kitchen"}
PLAIN = json.dumps(VALUE)
TEXTS = {
    "plain": PLAIN,
    "fence": f"```json\n{PLAIN}\n```",
    "fence without a name": f"```\n{PLAIN}\n```",
    "fence in capitals": f"```JSON\n{json.dumps(VALUE, indent=2)}\n```\n",
    "fence on one line": f"```json {PLAIN}```",
    "fence without an end": f"```json\n{PLAIN}\n",
    "fence of tildes": f"~~~json\n{PLAIN}\n~~~",
    "fence with a blank": f"``` json\n{PLAIN}\n```",
    "fence of four": f"````json\n{PLAIN}\n````",
    "fence of four behind words": f"Here:\n````\n{PLAIN}\n````\nBye",
    "backticks on one line": f"`{PLAIN}`",
    "thoughts in other brackets": f"◁think▷What {{n}}?◁/think▷{PLAIN}",
    "fence behind many fences": "```\nx\n```\n" * 5 + f"```json\n{PLAIN}\n```",
    "byte order mark": f"\ufeff{PLAIN}",
    "mark of an end": f"{PLAIN}<|im_end|>\n",
    "thoughts in brackets": f"[THINK]What {{n}}?[/THINK]{PLAIN}",
    "thoughts with a prefix": f"<seed:think>What {{n}}?</seed:think>{PLAIN}",
    "thoughts in a channel": (
        f"<|channel|>analysis<|message|>Hm<|end|><|channel|>final<|message|>{PLAIN}"
    ),
    "fence behind words": f"Here it is:\n\n```json\n{PLAIN}\n```\nAnything else?",
    "thoughts": f"<think>\nWhat {{n}} is it?\n</think>\n\n{PLAIN}",
    "thoughts and a fence": f"<think>```json\n[]\n```</think>```json\n{PLAIN}\n```",
    "thoughts that the template began": f"So it is one.</think>\n{PLAIN}",
    "blanks": f"\n  {PLAIN}\n",
}


def response(text: Any, **more: Any) -> Json:
    """Return a response with a text."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {**RESPONSE, "output": [{**ITEM, "content": content}], **more}


def completion(message: Json, finish_reason: str | None = "stop") -> Json:
    """Return a completion with a message."""
    choice = {"index": 0, "message": {"role": "assistant", **message}}
    return {
        "id": "c",
        "object": "chat.completion",
        "choices": [{**choice, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    }


async def test_parsed_json_in_text(raw: RawServer, call: Call, subtests: pytest.Subtests) -> None:
    for case, text in TEXTS.items():
        with subtests.test(case):
            raw.play([answer(response(text))], [answer(completion({"content": text}))])
            found = await call("parse_model_response", text=FORM, **ASK)
            assert found["output_parsed"] == VALUE
            assert found["output_text"] == text
            found = await call("parse_chat_completion", response_format=CHAT_FORM, **CHAT)
            assert found["choices"][0]["message"]["parsed"] == VALUE


async def test_parsed_json_in_parts_and_objects(raw: RawServer, call: Call) -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": PLAIN}]
    tool_call = {"id": "x", "function": {"name": "f", "arguments": VALUE}}
    raw.play([answer(completion({"content": parts, "tool_calls": [tool_call]}))])
    found = await call("parse_chat_completion", **CHAT)
    message = found["choices"][0]["message"]
    assert message["parsed"] == VALUE
    assert message["tool_calls"][0]["function"]["parsed_arguments"] == VALUE
    item = {"type": "function_call", "name": "f", "arguments": VALUE, "status": "completed"}
    raw.play([answer({**RESPONSE, "output": [item]})])
    found = await call("parse_model_response", **ASK)
    assert found["output"][0]["parsed_arguments"] == VALUE


OTHERS = {
    "prose": ("media item The key stays", "$"),
    "another object": ('{"x": 1}', "$.n"),
    "another type": ('{"n": "one"}', "$.n"),
    "a value that is none": ('{"n": 1, "room": "attic"}', "$.room"),
    "a list": ("[1]", "$"),
    "half of it": ('{"n": 1', "$"),
}


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("case", OTHERS)
async def test_structure_ignored_raises(
    hass: HomeAssistant, raw: RawServer, call: Call, case: str, is_stream: bool
) -> None:
    text, place = OTHERS[case]
    usage = {"input_tokens": 5, "output_tokens": 3}
    whole = response(text, usage=usage)
    done = stream(named("response.completed", response=whole), done=False)
    raw.play(done if is_stream else [answer(whole)])
    with raises_key("form_ignored") as caught:
        await call("parse_model_response", text=FORM, stream=is_stream, **ASK)
    assert f"at {place}. " in str(caught.value)
    assert str(caught.value).endswith(f": {text}")
    raw.play([answer(completion({"content": text}))])
    with raises_key("form_ignored"):
        await call("parse_chat_completion", response_format=CHAT_FORM, **CHAT)
    entry = hass.config_entries.async_entries("openai_api")[0]
    # It was paid for all the same.
    assert entry.runtime_data.host.usage.values["output_tokens"] == 5


ROOM: Json = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
PLACES: dict[str, tuple[Json, Any, str | None]] = {
    "reference": ({"$ref": "#/$defs/room", "$defs": {"room": ROOM}}, {"name": 5}, "$.name"),
    "reference to nothing": ({"$ref": "#/$defs/a/b", "$defs": {"a": 1}}, {"name": 5}, None),
    "reference to itself": ({"$ref": "#"}, 1, None),
    "nullable": ({"type": "string", "nullable": True}, None, None),
    "several types": ({"type": ["string", "null"]}, 5, "$"),
    "unknown type": ({"type": "colour"}, 5, None),
    "boolean is no integer": ({"type": "integer"}, True, "$"),
    "whole number": ({"type": "integer"}, 5.0, None),
    "broken number": ({"type": "integer"}, 5.5, "$"),
    "const": ({"const": "on"}, "off", "$"),
    "const that is met": ({"const": "on"}, "on", None),
    "item": ({"items": ROOM}, [{"name": "a"}, {}], "$[1].name"),
    "items that fit": ({"items": ROOM}, [{"name": "a"}], None),
    "none of any": ({"anyOf": [{"type": "string"}, ROOM]}, 5, "$"),
    "one of any": ({"anyOf": [{"type": "string"}, ROOM]}, {"name": "a"}, None),
    "none of one": ({"oneOf": [{"type": "string"}, {"type": "null"}]}, 5, "$"),
    "not all": ({"allOf": [ROOM, {"required": ["floor"]}]}, {"name": "a"}, "$.floor"),
    "all": ({"allOf": [ROOM, {"type": "object"}]}, {"name": "a"}, None),
    "more than is known": (
        {"properties": {"a": {}}, "additionalProperties": False},
        {"a": 1, "b": 2},
        "$.b",
    ),
    "more than is named": ({"properties": {"a": True}}, {"a": 1, "b": 2}, None),
    "schema without sense": (
        {"required": "a", "properties": 5, "anyOf": [], "allOf": 5, "items": 5},
        [{}],
        None,
    ),
}


async def test_structure_mismatch_path(raw: RawServer, call: Call) -> None:
    places: dict[str, str | None] = {}
    for name, (schema, value, _) in PLACES.items():
        raw.play([answer(response(json.dumps(value)))])
        form = {"format": {"type": "json_schema", "name": "a", "schema": schema}}
        places[name] = None
        try:
            await call("parse_model_response", text=form, **ASK)
        except HomeAssistantError as err:
            places[name] = (err.translation_placeholders or {})["reason"]
    assert places == {name: place for name, (*_, place) in PLACES.items()}


async def test_structure_not_required(raw: RawServer, call: Call) -> None:
    refusal = [{"type": "refusal", "refusal": "No"}]
    calls = [{"type": "function_call", "name": "f", "arguments": "{}", "status": "completed"}]
    for whole in (
        {**RESPONSE, "output": [{**ITEM, "content": refusal}]},
        {**RESPONSE, "output": calls},
        response('{"n":', status="incomplete"),
        {**RESPONSE, "output": [], "status": "failed"},
        {**RESPONSE, "output": [], "status": "queued"},
    ):
        raw.play([answer(whole)])
        assert (await call("parse_model_response", text=FORM, **ASK))["output_parsed"] is None
    raw.play([answer(response("words"))])
    assert (await call("parse_model_response", **ASK))["output_parsed"] is None
    raw.play([answer(response("words"))])
    assert (await call("create_model_response", text=FORM, **ASK))["output_text"] == "words"
    for message, reason in (
        ({"content": None, "refusal": "No"}, "stop"),
        ({"content": '{"n":'}, "length"),
        ({"content": "x"}, "content_filter"),
    ):
        raw.play([answer(completion(message, reason))])
        found = await call("parse_chat_completion", response_format=CHAT_FORM, **CHAT)
        assert found["choices"][0]["message"]["parsed"] is None


BROKEN = '{ "room": "kitchen", "on": true'


@pytest.mark.parametrize("action", ["create_model_response", "parse_model_response"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_function_call_truncated_raises(
    raw: RawServer, call: Call, action: str, is_stream: bool
) -> None:
    item = {"type": "function_call", "name": "switch", "arguments": BROKEN, "status": "completed"}
    whole = {**RESPONSE, "output": [item]}
    done = stream(named("response.completed", response=whole), done=False)
    raw.play(done if is_stream else [answer(whole)])
    with raises_key("call_cut") as caught:
        await call(action, stream=is_stream, **ASK)
    assert "the tool switch" in str(caught.value)


@pytest.mark.parametrize("action", ["create_chat_completion", "parse_chat_completion"])
@pytest.mark.parametrize(
    "reason", ["stop", "tool_calls", "tool_use", "TOOL_CALLS", "end_turn", "eos_token"]
)
async def test_chat_tool_call_truncated_raises(
    raw: RawServer, call: Call, action: str, reason: str
) -> None:
    tool_call = {"id": "x", "function": {"name": "switch", "arguments": BROKEN}}
    raw.play([answer(completion({"content": None, "tool_calls": [tool_call]}, reason))])
    with raises_key("call_cut"):
        await call(action, **CHAT)
    # A host that says that it was cut tells the truth.
    for cut in ("length", "max_tokens", "MAX_TOKENS", "abort"):
        raw.play([answer(completion({"content": None, "tool_calls": [tool_call]}, cut))])
        assert (await call(action, **CHAT))["choices"][0]["finish_reason"] == cut


@pytest.mark.parametrize("reason", ["eos_token", "end_turn", "STOP", "COMPLETE", "", None])
async def test_structure_ignored_with_finish_reason_of_servers(
    raw: RawServer, call: Call, reason: str | None
) -> None:
    raw.play([answer(completion({"content": "In the kitchen."}, reason))])
    with raises_key("form_ignored"):
        await call("parse_chat_completion", response_format=CHAT_FORM, **CHAT)
    for cut in ("max_tokens", "SAFETY", "abort"):
        raw.play([answer(completion({"content": "In the"}, cut))])
        found = await call("parse_chat_completion", response_format=CHAT_FORM, **CHAT)
        assert found["choices"][0]["message"]["parsed"] is None


async def test_tool_call_without_arguments_is_complete(raw: RawServer, call: Call) -> None:
    for arguments in ("", " ", "{}", None, {"a": 1}):
        tool_call = {"id": "x", "function": {"name": "f", "arguments": arguments}}
        raw.play([answer(completion({"tool_calls": [tool_call]}, "tool_calls"))])
        assert (await call("create_chat_completion", **CHAT))["id"] == "c"


PARTS: dict[str, Any] = {
    "a list of texts": ['{"n": 1,', ' "room": "kitchen"}'],
    "parts without a type": [{"text": PLAIN}],
    "parts of the other API": [{"type": "output_text", "text": PLAIN}],
    "a text in an object": [{"type": "text", "text": {"value": PLAIN}}],
    "behind thoughts": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": PLAIN}],
}


@pytest.mark.parametrize("case", PARTS)
async def test_parsed_json_in_parts_of_servers(raw: RawServer, call: Call, case: str) -> None:
    raw.play([answer(completion({"content": PARTS[case]}))])
    found = await call("parse_chat_completion", response_format=CHAT_FORM, **CHAT)
    assert found["choices"][0]["message"]["parsed"] == VALUE
    raw.play([answer({**RESPONSE, "output": [{**ITEM, "content": PARTS[case]}]})])
    found = await call("parse_model_response", text=FORM, **ASK)
    assert json.loads(found["output_text"]) == found["output_parsed"] == VALUE
