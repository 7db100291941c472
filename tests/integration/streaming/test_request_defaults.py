"""What is added to a request because the service needs it and the caller left it out."""

import json
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.openai_api.api.request_defaults import response_format
from tests.resilience.raw_server import RawServer, answer

from ..conftest import Call
from .host import ASK, CHAT, chunk, stream

type Json = dict[str, Any]

USAGE = {"include_usage": True}
COUNTS = {"completion_tokens": 5, "prompt_tokens": 21, "total_tokens": 26}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORMAT = {"type": "json_schema", "name": "number", "schema": SCHEMA}
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "number", "schema": SCHEMA}}
# llama.cpp 0.7.0, its times and ids shortened.
LAST_CHUNK = (
    b'data: {"choices":[],"created":1795856197,"id":"chatcmpl-R","model":"talker",'
    b'"object":"chat.completion.chunk","usage":{"completion_tokens":5,"prompt_tokens":21,'
    b'"total_tokens":26},"timings":{"cache_n":6,"prompt_n":15,"prompt_ms":4.573}}\n\n'
)
OBEYED = (
    b'{"completed_at":1795856197,"created_at":1795856197,"id":"resp_1","model":"talker",'
    b'"object":"response","output":[{"content":[{"type":"output_text","annotations":[],'
    b'"logprobs":[],"text":"{\\"n\\":0}"}],"id":"msg_F","role":"assistant","status":"completed",'
    b'"type":"message"}],"status":"completed","usage":{"input_tokens":20,"output_tokens":21,'
    b'"total_tokens":41,"input_tokens_details":{"cached_tokens":0}}}'
)


def set_options(hass: HomeAssistant, **options: Any) -> None:
    """Change the options of the one entry."""
    (entry,) = hass.config_entries.async_entries("openai_api")
    hass.config_entries.async_update_entry(entry, options={**entry.options, **options})


def sent(raw: RawServer) -> Json:
    """Return the body of the last request."""
    body: Json = json.loads(raw.requests[-1].body)
    return body


@pytest.mark.parametrize(
    ("options", "given", "expected"),
    [
        ({"service_kind": "llama_cpp"}, {}, USAGE),
        ({"service_kind": "llama_cpp"}, {"stream_options": {"include_usage": False}}, None),
        ({"service_kind": "llama_cpp"}, {"extra_body": {"stream_options": {"x": 1}}}, {"x": 1}),
        ({"service_kind": "llama_cpp", "include_usage": "never"}, {}, None),
        ({"include_usage": "always"}, {}, USAGE),
        ({"service_kind": "localai"}, {}, None),
        ({}, {}, None),
    ],
)
async def test_chat_stream_includes_usage(
    hass: HomeAssistant,
    raw: RawServer,
    call: Call,
    options: Json,
    given: Json,
    expected: Json | None,
) -> None:
    set_options(hass, **options)
    raw.play(stream(chunk({"content": "Hi"}, "stop"), LAST_CHUNK))
    result = await call("create_chat_completion", stream=True, **CHAT, **given)
    if expected is None:
        expected = given.get("stream_options")
    assert sent(raw).get("stream_options") == expected
    assert result["usage"] == COUNTS


async def test_completion_stream_includes_usage(
    hass: HomeAssistant, raw: RawServer, call: Call
) -> None:
    set_options(hass, service_kind="litellm")
    piece = {"object": "text_completion", "choices": [{"index": 0, "text": "a"}]}
    last = {
        "object": "text_completion",
        "choices": [{"index": 0, "text": "", "finish_reason": "stop"}],
    }
    raw.play(stream(piece, last))
    await call("create_completion", model="m", prompt="Hi", stream=True)
    assert sent(raw)["stream_options"] == USAGE


async def test_usage_not_included_without_stream(
    hass: HomeAssistant, raw: RawServer, call: Call
) -> None:
    set_options(hass, service_kind="llama_cpp", include_usage="always")
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}}
    raw.play([answer({"object": "chat.completion", "choices": [choice]})])
    await call("create_chat_completion", **CHAT)
    assert "stream_options" not in sent(raw)


async def test_llama_cpp_response_format(hass: HomeAssistant, raw: RawServer, call: Call) -> None:
    set_options(hass, service_kind="llama_cpp")
    raw.play([answer(OBEYED)])
    result = await call("parse_model_response", text={"format": FORMAT}, **ASK)
    assert sent(raw)["response_format"] == RESPONSE_FORMAT
    assert result["output_parsed"] == {"n": 0}


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("vllm", {"text": {"format": FORMAT}}, None),
        ("llama_cpp", {"text": {"verbosity": "low"}}, None),
        ("llama_cpp", {"text": {"format": {"type": "text"}}}, None),
        ("llama_cpp", {}, None),
        (
            "llama_cpp",
            {"text": {"format": FORMAT}, "extra_body": {"response_format": {"type": "text"}}},
            {"type": "text"},
        ),
    ],
)
async def test_text_format_unchanged(
    hass: HomeAssistant, raw: RawServer, call: Call, kind: str, given: Json, expected: Json | None
) -> None:
    set_options(hass, service_kind=kind)
    raw.play([answer(OBEYED)])
    await call("create_model_response", **ASK, **given)
    assert sent(raw).get("response_format") == expected


def test_response_format() -> None:
    assert response_format({"type": "json_object"}) == {"type": "json_object"}
    assert response_format({**FORMAT, "strict": True}) == {
        "type": "json_schema",
        "json_schema": {"name": "number", "schema": SCHEMA, "strict": True},
    }
    assert response_format(None) is None


async def test_usage_of_zeros_is_none(raw: RawServer, call: Call) -> None:
    """LiteLLM 1.108.7 sends zeros with every chunk where it does not count."""
    zeros = {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 0}
    raw.play(stream(chunk({"content": "Hi"}, usage=zeros), chunk({}, "stop", usage=zeros)))
    result = await call("create_chat_completion", stream=True, **CHAT)
    assert result["usage"] is None
