"""Texts that templates render: Home Assistant makes tuples, lists or numbers of some of them."""

from typing import Any

from homeassistant.components import conversation
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.script import Script
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
import pytest
import voluptuous as vol

from tests.standin.server import StandIn

pytestmark = pytest.mark.usefixtures("entry")

TEXTS = (
    "1, 2, 3",
    "1,",
    "(1, 2), 3",
    "[1, 2]",
    "[[1], [2]]",
    "(1, 2)",
    "{1, 2}",
    "{'a': 1}",
    '[{"temperature": 21}, {"temperature": 22}]',
    "...",
    "1, ...",
    "42",
    "0.00001",
    "2500000000000000000000.0",
    "True",
    "b'x'",
    "'a', 'b'",
    "'a',",
    "{'a'}",
    "Say 1, 2",
)
FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "create_embedding": ({"model": "m"}, "input"),
    "create_moderation": ({}, "input"),
    "create_model_response": ({"model": "m"}, "input"),
    "parse_model_response": ({"model": "m", "input": "x"}, "instructions"),
    "create_completion": ({"model": "m"}, "prompt"),
    "create_speech": ({"model": "tts-1", "voice": "alloy"}, "input"),
    "create_image": ({"model": "gpt-image-1"}, "prompt"),
    "search_vector_store": ({"vector_store_id": "vs_1"}, "query"),
}


async def run(hass: HomeAssistant, action: str, data: dict[str, Any], **variables: Any) -> None:
    """Run a script of one step, whose data are templates."""
    step = {"action": f"openai_api.{action}", "data": data, "response_variable": "answer"}
    script = Script(hass, cv.SCRIPT_SCHEMA([step]), "Test", "script")
    await script.async_run({**variables}, Context())


async def sent(
    hass: HomeAssistant, standin: StandIn, action: str, data: dict[str, Any], **variables: Any
) -> Any:
    """Return the body of the request that the script brought about.

    Whether the host likes what it holds is another matter.
    """
    standin.requests.clear()
    try:
        await run(hass, action, data, **variables)
    except HomeAssistantError:
        if not standin.requests:
            raise
    body = standin.requests[-1].body
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("action", FIELDS)
async def test_text_field_rendered_text_is_unchanged(
    action: str, hass: HomeAssistant, standin: StandIn
) -> None:
    data, key = FIELDS[action]
    for words in TEXTS:
        body = await sent(hass, standin, action, {**data, key: "{{ words }}"}, words=words)
        assert body[key] == words


@pytest.mark.parametrize(
    ("action", "field", "part_type"),
    [
        ("create_chat_completion", "messages", "text"),
        ("create_model_response", "input", "input_text"),
    ],
)
async def test_messages_rendered_text_is_unchanged(
    action: str, field: str, part_type: str, hass: HomeAssistant, standin: StandIn
) -> None:
    messages = [
        {"role": "system", "content": "{{ words }}"},
        {"role": "user", "content": [{"type": part_type, "text": "{{ words }}"}]},
    ]
    for words in TEXTS:
        body = await sent(hass, standin, action, {"model": "m", field: messages}, words=words)
        first, second = body[field]
        assert first["content"] == words
        assert second["content"][0]["text"] == words


NUMBERS = {
    "21.50": "21.5",
    "+4917612345": "4917612345",
    "-0": "0",
    "-0.0": "-0.0",
    "5.": "5.0",
    ".5": "0.5",
    "+1.5": "1.5",
    "0.1234567890123456789": "0.12345678901234568",
}
"""Texts of which Home Assistant keeps the number alone, with what is left of them."""
EXACT = (
    "007",
    "1e5",
    "1_000",
    "0x1F",
    "1j",
    "12345678901234567890123",
    "00.5",
    "inf",
    "nan",
    "1 000",
    "2026-11-28",
    "10:30",
    "False",
    '"x"',
    "{'a', 'b'}",
    "(1+2j)",
    "[1, {'a': '+49'}, ...]",
)
"""Texts that look like something else and come as they are."""


@pytest.mark.parametrize("action", ["create_model_response", "create_speech", "create_embedding"])
async def test_text_field_rendered_number_is_string(
    action: str, hass: HomeAssistant, standin: StandIn
) -> None:
    data, key = FIELDS[action]
    for words, left in {**NUMBERS, **{text: text for text in EXACT}}.items():
        body = await sent(hass, standin, action, {**data, key: "{{ words }}"}, words=words)
        assert body[key] == left, words


async def test_rendered_number_with_text_is_unchanged(
    hass: HomeAssistant, standin: StandIn
) -> None:
    """What the docs advise: with a word beside it, or within an object, a number is whole."""
    for words in NUMBERS:
        data = {"model": "m", "input": "Call {{ words }}", "metadata": "{{ {'to': words} }}"}
        body = await sent(hass, standin, "create_model_response", data, words=words)
        assert body["input"] == f"Call {words}"
        assert body["metadata"] == {"to": words}


async def test_string_maps_rendered_values_are_strings(
    hass: HomeAssistant, standin: StandIn
) -> None:
    """The API takes nothing but texts in these."""
    for words, left in {**NUMBERS, **{text: text for text in (*EXACT, *TEXTS)}}.items():
        data = {
            "model": "m",
            "input": "x",
            "metadata": {"note": "{{ words }}"},
            "prompt": {"id": "pmpt_1", "variables": {"city": "{{ words }}"}},
        }
        body = await sent(hass, standin, "create_model_response", data, words=words)
        assert body["metadata"] == {"note": left}
        assert body["prompt"]["variables"] == {"city": left}


async def test_string_maps_yaml_values_are_unchanged(hass: HomeAssistant, standin: StandIn) -> None:
    """Some hosts take more than texts; parts of a prompt are objects."""
    part = {"type": "input_text", "text": "{{ 5 }}"}
    data = {
        "model": "m",
        "input": "x",
        "metadata": {"tags": ["a"], "deep": {"n": 5}},
        "prompt": {"id": "pmpt_1", "variables": {"city": part}},
    }
    body = await sent(hass, standin, "create_model_response", data)
    assert body["metadata"] == data["metadata"]
    assert body["prompt"]["variables"] == {"city": {"type": "input_text", "text": "5"}}


async def test_attributes_numbers_are_unchanged(hass: HomeAssistant, standin: StandIn) -> None:
    """Files are found by the size of these, too."""
    data = {"vector_store_id": "vs_1", "file_id": "file-1", "attributes": {"n": 5, "x": True}}
    body = await sent(hass, standin, "create_vector_store_file", data)
    assert body["attributes"] == {"n": 5, "x": True}


async def test_lists_rendered_numbers_are_strings(hass: HomeAssistant, standin: StandIn) -> None:
    for action, key, data, given, expected in (
        ("create_embedding", "input", {"model": "m"}, ["{{ 5 }}", "x"], ["5", "x"]),
        ("create_embedding", "input", {"model": "m"}, [5, 6], [5, 6]),
        ("create_embedding", "input", {"model": "m"}, [[5], [6]], [[5], [6]]),
        ("create_completion", "prompt", {"model": "m"}, ["{{ 2.5 }}", "x"], ["2.5", "x"]),
        ("create_moderation", "input", {}, ["{{ 5 }}", "{{ '1, 2' }}"], ["5", "1, 2"]),
        ("search_vector_store", "query", {"vector_store_id": "vs_1"}, ["{{ 5 }}"], ["5"]),
        ("create_embedding", "input", {"model": "m"}, ["{{ True }}", "x"], ["True", "x"]),
        *(
            (action, key, data, [f"{{{{ {words!r} }}}}", "x"], [words, "x"])
            for action, key, data in (
                ("create_embedding", "input", {"model": "m"}),
                ("create_completion", "prompt", {"model": "m"}),
                ("create_moderation", "input", {}),
                ("search_vector_store", "query", {"vector_store_id": "vs_1"}),
            )
            for words in ("[1, 2]", "{}", "{'a': 1}", "(1, 2)", "{1}", "b'x'", "'a', 'b'", "...")
        ),
        ("create_embedding", "input", {"model": "m"}, ["{{ '[1, 2]' }}"], ["[1, 2]"]),
    ):
        body = await sent(hass, standin, action, {**data, key: given})
        assert body[key] == expected


async def test_tool_calls_rendered_text_is_unchanged(hass: HomeAssistant, standin: StandIn) -> None:
    """Results and arguments of calls, and the ids of hosts that use digits alone, are texts."""
    for words in ('{"id": 5}', "[1, 2]", "1, 2", "512", "True"):
        items = [
            {
                "type": "function_call",
                "name": "f",
                "call_id": "{{ '512' }}",
                "arguments": "{{ words }}",
            },
            {"type": "function_call_output", "call_id": "{{ '512' }}", "output": "{{ words }}"},
        ]
        data: dict[str, Any] = {"model": "m", "input": items}
        body = await sent(hass, standin, "create_model_response", data, words=words)
        assert body["input"] == [
            {"type": "function_call", "name": "f", "call_id": "512", "arguments": words},
            {"type": "function_call_output", "call_id": "512", "output": words},
        ]
        call: dict[str, Any] = {"id": "{{ '512' }}", "type": "function"}
        messages: list[dict[str, Any]] = [
            {
                "role": "assistant",
                "tool_calls": [{**call, "function": {"name": "f", "arguments": "{{ words }}"}}],
            },
            {"role": "tool", "tool_call_id": "{{ '512' }}", "content": "{{ words }}"},
        ]
        chat = {"model": "m", "messages": messages}
        body = await sent(hass, standin, "create_chat_completion", chat, words=words)
        assert body["messages"] == [
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "512",
                        "type": "function",
                        "function": {"name": "f", "arguments": words},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "512", "content": words},
        ]


@pytest.mark.parametrize("words", ["1, 2", "...", "1, ...", "(1, 2), 3", "1,", "b'x'", "'a', 'b'"])
async def test_object_values_rendered_text_is_string(
    words: str, hass: HomeAssistant, standin: StandIn
) -> None:
    data = {
        "model": "m",
        "input": "x",
        "metadata": {"note": "{{ words }}"},
        "prompt": {"id": "pmpt_1", "variables": {"city": "{{ words }}"}},
        "extra_body": {"deep": [{"list": ["{{ words }}"]}], "instructions": "{{ words }}"},
    }
    body = await sent(hass, standin, "create_model_response", data, words=words)
    assert body["metadata"] == {"note": words}
    assert body["prompt"]["variables"] == {"city": words}
    assert body["deep"] == [{"list": [words]}]
    assert body["instructions"] == words


@pytest.mark.parametrize(
    ("action", "template", "expected"),
    [
        ("create_embedding", "{{ ['a', 'b'] }}", ["a", "b"]),
        ("create_embedding", "{{ ('a', 'b') }}", ["a", "b"]),
        ("create_embedding", [1, 2], [1, 2]),
        (
            "create_moderation",
            [{"type": "text", "text": "{{ 'a' }}"}],
            [{"type": "text", "text": "a"}],
        ),
        (
            "create_moderation",
            "{{ [{'type': 'text', 'text': 'a'}] }}",
            [{"type": "text", "text": "a"}],
        ),
        (
            "create_model_response",
            "{{ [{'role': 'user', 'content': 'a'}] | to_json }}",
            [{"role": "user", "content": "a"}],
        ),
        (
            "create_model_response",
            "{{ {'role': 'user', 'content': '1, 2'} }}",
            [{"role": "user", "content": "1, 2"}],
        ),
    ],
)
async def test_mixed_field_rendered_data_is_unchanged(
    action: str, template: Any, expected: Any, hass: HomeAssistant, standin: StandIn
) -> None:
    body = await sent(hass, standin, action, {"model": "m", "input": template})
    assert body["input"] == expected


async def test_messages_rendered_list_is_unchanged(hass: HomeAssistant, standin: StandIn) -> None:
    """A template may list messages with commas alone; those are objects, and no sentence."""
    messages = "{{ {'role': 'user', 'content': '1'} }}, {{ {'role': 'user', 'content': '2'} }}"
    body = await sent(hass, standin, "create_chat_completion", {"model": "m", "messages": messages})
    assert [message["content"] for message in body["messages"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [("{{ '1, 2' }}", ["1, 2"]), ("{{ ['1', 2] }}", ["1", "2"]), (["{{ '1, 2' }}"], ["1, 2"])],
)
async def test_string_list_rendered_tuple_is_string(
    template: Any, expected: Any, hass: HomeAssistant, standin: StandIn
) -> None:
    data = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stop": template}
    body = await sent(hass, standin, "create_chat_completion", data)
    assert body["stop"] == expected


@pytest.mark.parametrize("question", ["1, 2", "1, 2, 3", "[1, 2]", "(3)", "55"])
async def test_sentence_trigger_text_is_unchanged(
    question: str, hass: HomeAssistant, standin: StandIn
) -> None:
    """What somebody says goes to the model as it was said."""
    for component in ("homeassistant", "conversation"):
        assert await async_setup_component(hass, component, {})
    automation = {
        "alias": "Ask",
        "triggers": [{"trigger": "conversation", "command": ["ask the computer {question}"]}],
        "actions": [
            {
                "action": "openai_api.create_model_response",
                "data": {
                    "model": "m",
                    "input": "{{ trigger.sentence | replace('ask the computer ', '') }}",
                },
                "response_variable": "answer",
            },
            {"set_conversation_response": "{{ answer.output_text }}"},
        ],
    }
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    sentence = f"ask the computer {question}"
    result = await conversation.async_converse(hass, sentence, None, Context(), language="en")
    await hass.async_block_till_done()
    body = standin.requests[-1].body
    assert isinstance(body, dict)
    assert body["input"] == question
    assert result.response.speech["plain"]["speech"] == f"You said: {question}"


YAML = {
    "0123": "83",
    "1_000": "1000",
    "0x1F": "31",
    "12:30": "750",
    "on": "True",
    "No": "False",
    "2026-11-28": "2026-11-28",
    "2026-11-28 10:30:00": "2026-11-28 10:30:00",
    "1.50": "1.5",
    "1e3": "1e3",
    "0o17": "0o17",
    "+4917612345": "4917612345",
    '"0123"': "0123",
    "'on'": "on",
    "'12:30'": "12:30",
    "|-\n  007": "007",
}


@pytest.mark.parametrize("written", YAML)
async def test_text_field_of_yaml(hass: HomeAssistant, standin: StandIn, written: str) -> None:
    """What YAML has made of a bare word is the text that Home Assistant makes of it."""
    data = parse_yaml(f"input: {written}\nmodel: {written}")
    assert isinstance(data, dict)
    body = await sent(hass, standin, "create_moderation", data)
    assert body["input"] == body["model"] == YAML[written] == cv.string(data["input"])


@pytest.mark.parametrize("rendered", ["{{ none }}", "{{ 'None' }}", None])
async def test_text_field_of_none(
    hass: HomeAssistant, standin: StandIn, rendered: str | None
) -> None:
    body = await sent(hass, standin, "create_moderation", {"input": "x", "model": rendered})
    assert "model" not in body
    before = len(standin.requests)
    with pytest.raises(vol.Invalid, match="expected a text"):
        await run(hass, "create_speech", {"model": "m", "voice": "alloy", "input": rendered})
    assert len(standin.requests) == before


@pytest.mark.parametrize("name", ["on", "off", "yes", "No", "null", "~"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
async def test_yaml_name_that_is_a_value(
    name: str, quote: str, hass: HomeAssistant, standin: StandIn
) -> None:
    """YAML makes values of these names, and a tool would get a parameter called True."""
    schema = f"{{type: object, properties: {{{quote}{name}{quote}: {{type: boolean}}}}}}"
    for action, written in (
        ("create_model_response", f"tools: [{{type: function, name: f, parameters: {schema}}}]"),
        ("create_model_response", f"metadata: {{{quote}{name}{quote}: a}}"),
        ("create_model_response", f"extra_body: {{deep: [{{{quote}{name}{quote}: a}}]}}"),
    ):
        more: Any = parse_yaml(written)
        data = {"model": "m", "input": "x", **more}
        if quote:
            assert f"'{name}'" in str(await sent(hass, standin, action, data))
        else:
            standin.requests.clear()
            with pytest.raises(vol.Invalid, match="in quotes"):
                await run(hass, action, data)
            assert not standin.requests


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[1]", ["[1]"]),
        ("[1, 2]", ["[1, 2]"]),
        ("[[]]", ["[[]]"]),
        ("[END]", ["[END]"]),
        ('["a", "b"]', ["a", "b"]),
        ("[]", []),
        (["[1]", "x"], ["[1]", "x"]),
        ([1, 2], ["1", "2"]),
    ],
    ids=str,
)
async def test_string_list_of_quoted_text(
    written: Any, expected: Any, hass: HomeAssistant, standin: StandIn
) -> None:
    data = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stop": written}
    body = await sent(hass, standin, "create_chat_completion", data)
    assert body["stop"] == expected
