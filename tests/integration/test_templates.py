"""Texts that templates render: Home Assistant makes tuples, lists or numbers of some of them."""

from typing import Any

from homeassistant.components import conversation
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.script import Script
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.standin.server import StandIn

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
async def test_text_field_rendered_text_stays(
    action: str, hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn
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
async def test_messages_rendered_text_stays(
    action: str,
    field: str,
    part_type: str,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    standin: StandIn,
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


@pytest.mark.parametrize("words", ["1, 2", "...", "1, ...", "(1, 2), 3", "1,"])
async def test_values_in_objects_rendered_sentence_stays_text(
    words: str, hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn
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
async def test_mixed_field_data_stays_data(
    action: str,
    template: Any,
    expected: Any,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    standin: StandIn,
) -> None:
    body = await sent(hass, standin, action, {"model": "m", "input": template})
    assert body["input"] == expected


async def test_messages_rendered_list_stays_list(
    hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn
) -> None:
    """A template may list messages with commas alone; those are objects, and no sentence."""
    messages = "{{ {'role': 'user', 'content': '1'} }}, {{ {'role': 'user', 'content': '2'} }}"
    body = await sent(hass, standin, "create_chat_completion", {"model": "m", "messages": messages})
    assert [message["content"] for message in body["messages"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [("{{ '1, 2' }}", ["1, 2"]), ("{{ ['1', 2] }}", ["1", "2"]), (["{{ '1, 2' }}"], ["1, 2"])],
)
async def test_list_of_texts_tuple_is_one_text(
    template: Any, expected: Any, hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn
) -> None:
    data = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stop": template}
    body = await sent(hass, standin, "create_chat_completion", data)
    assert body["stop"] == expected


@pytest.mark.parametrize("question", ["1, 2", "1, 2, 3", "[1, 2]", "(3)", "55"])
async def test_sentence_trigger_rendered_text_stays(
    question: str, hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn
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
