"""Options that a model rejects are left out, without an issue for a missing model."""

import asyncio
from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import chat, chunk, says
from .conftest import AddSubentry, Ask, is_error, speech

OPTIONS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "reasoning_effort": "minimal",
    "verbosity": "low",
    "service_tier": "flex",
}


@pytest.fixture
async def agent_with_options(add_subentry: AddSubentry, assist: None) -> str:
    """Return the id of a subentry with an agent that has all these options."""
    return await add_subentry("conversation", advanced=OPTIONS)


def sent(body: dict[str, Any]) -> set[str]:
    """Return which of the options a body has."""
    places = {**body, **body.get("text", {})}
    if body.get("reasoning"):
        places["reasoning_effort"] = 1
    return OPTIONS.keys() & places.keys()


@pytest.mark.parametrize(
    ("message", "param", "left_out"),
    [
        (
            "Unsupported parameter: 'temperature' is not supported with this model.",
            "temperature",
            "temperature",
        ),
        (
            "Unsupported value: 'temperature' does not support 0.5, only the default (1) value.",
            "temperature",
            "temperature",
        ),
        ("Unsupported parameter: 'top_p' is not supported with this model.", None, "top_p"),
        (
            "Unsupported value: 'minimal' is not supported with the 'gpt-5-mini' model.",
            "reasoning.effort",
            "reasoning_effort",
        ),
        ("property 'verbosity' is unsupported", None, "verbosity"),
        ("Unknown parameter: 'text.verbosity'.", "text.verbosity", "verbosity"),
        ("service_tier: Extra inputs are not permitted", None, "service_tier"),
        ("Invalid service_tier argument", "service_tier", "service_tier"),
        # As Ollama, xAI, OpenRouter, Groq, Gemini, Moonshot, Anthropic and Bedrock say it.
        ('"qwen2.5:7b" does not support thinking', None, "reasoning_effort"),
        ('invalid reasoning value: "minimal" (must be "high" or "low")', None, "reasoning_effort"),
        ("Model grok-4.20 does not support parameter reasoningEffort.", None, "reasoning_effort"),
        (
            "Reasoning is mandatory for this endpoint and cannot be disabled.",
            None,
            "reasoning_effort",
        ),
        ("`reasoning_effort` must be one of `low` or `high`", None, "reasoning_effort"),
        ("Thinking level MINIMAL is not supported for this model.", None, "reasoning_effort"),
        ("Thinking is not enabled for models/gemini-2.0-flash", None, "reasoning_effort"),
        (
            "Budget 0 is invalid. This model only works in thinking mode.",
            None,
            "reasoning_effort",
        ),
        ("invalid temperature: only 1 is allowed for this model", None, "temperature"),
        ("Model a/kimi-k2-thinking does not support temperature.", None, "temperature"),
        ("grok-4-reasoning-fast does not support parameter: top_p", None, "top_p"),
        ("invalid top_p: only 0.95 is allowed for this model", None, "top_p"),
        ("`temperature` may only be set to 1 when thinking is enabled.", None, "temperature"),
        ("`temperature` is deprecated for this model.", None, "temperature"),
        ("`temperature` and `top_p` cannot both be specified for this model.", None, "temperature"),
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_rejected_option_is_left_out(
    hass: HomeAssistant,
    standin: StandIn,
    agent_with_options: str,
    ask: Ask,
    caplog: pytest.LogCaptureFixture,
    message: str,
    param: str | None,
    left_out: str,
    is_chat: bool,
) -> None:
    path = "/chat/completions" if is_chat else "/responses"
    if is_chat:
        absent = {"error": {"message": "Not Found"}}
        standin.fail(Fault(path="/responses", status=404, body=absent))
    error = {"message": message, "param": param, "type": "invalid_request_error"}
    standin.fail(Fault(path=path, status=400, body={"error": error}))
    for _ in range(2):
        standin.fail(chat(chunk({"content": "Hi."}), chunk({}, "stop")) if is_chat else says("Hi."))
        assert speech(await ask()) == "Hi."

    asked = [sent(one.body) for one in standin.requests if one.path == path]
    rest = OPTIONS.keys() - {left_out}
    assert asked == [OPTIONS.keys(), rest, rest]
    assert caplog.text.count("does not take") == 1
    assert not [key for key in ir.async_get(hass).issues if key[0] == "openai_api"]


async def test_option_is_tried_again_with_another_model(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, agent_with_options: str, ask: Ask
) -> None:
    error = {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}
    standin.fail(Fault(path="/responses", status=400, body={"error": error}))
    standin.fail(says("Hi."))
    await ask()
    subentry = entry.subentries[agent_with_options]
    data = {**subentry.data, "model": "gpt-4.1-mini"}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    await hass.async_block_till_done()
    standin.fail(says("Hi."))
    await ask()

    assert standin.requests[-1].body["temperature"] == 0.5


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported parameter: 'seed' is not supported with this model.",
        "The following tools cannot be used with reasoning.effort 'minimal': web_search.",
        "messages.1: `tool_use` ids must be one of those before thinking",
        "Model gemma has no vision: image input is not supported",
        "Invalid value: 'user' for the parameter role of this model",
    ],
)
async def test_other_rejection_creates_no_model_issue(
    hass: HomeAssistant, standin: StandIn, agent_with_options: str, ask: Ask, message: str
) -> None:
    standin.fail(Fault(path="/responses", status=400, body={"error": {"message": message}}))
    result = await ask()

    assert is_error(result)
    assert message in speech(result)
    assert len([one for one in standin.requests if one.path == "/responses"]) == 1
    assert not [key for key in ir.async_get(hass).issues if key[0] == "openai_api"]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "model 'x' not found, try pulling it first"),
        (400, "Invalid model name passed in model=gpt-image-1. Call /v1/models"),
        (400, "The model `x` does not exist."),
        (404, "The requested model 'x' is not available"),
        (400, "openai/gpt-9 is not a valid model ID"),
    ],
)
async def test_unknown_model_creates_model_issue(
    hass: HomeAssistant,
    standin: StandIn,
    agent_with_options: str,
    ask: Ask,
    status: int,
    message: str,
) -> None:
    standin.fail(Fault(path="/responses", status=status, body={"error": {"message": message}}))
    result = await ask()

    assert speech(result).startswith("The AI service does not have the model")
    assert [key for key in ir.async_get(hass).issues if key[0] == "openai_api"]


async def test_rejected_value_keeps_other_values(
    standin: StandIn, add_subentry: AddSubentry, agent_with_options: str, ask: Ask
) -> None:
    await add_subentry("conversation", name="Garden", advanced={"reasoning_effort": "low"})
    message = "Unsupported value: 'minimal' is not supported. Supported values are: 'low'."
    error = {"message": message, "param": "reasoning.effort"}
    standin.fail(Fault(path="/responses", status=400, body={"error": error}))
    standin.fail(says("Hi."))
    assert speech(await ask()) == "Hi."
    standin.fail(says("Hello."))
    assert speech(await ask(agent="conversation.garden")) == "Hello."

    asked = [one.body.get("reasoning") for one in standin.requests if one.path == "/responses"]
    assert asked == [{"effort": "minimal"}, None, {"effort": "low"}]


async def test_option_rejected_in_concurrent_turns_is_left_out(
    standin: StandIn, agent_with_options: str, ask: Ask
) -> None:
    message = "Unsupported parameter: 'temperature' is not supported with this model."
    for _ in range(2):
        body = {"error": {"message": message, "param": "temperature"}}
        standin.fail(Fault(path="/responses", status=400, body=body, delay=0.1))
    for _ in range(2):
        standin.fail(says("Hi."))
    found = await asyncio.gather(ask(), ask())

    assert [speech(one) for one in found] == ["Hi.", "Hi."]


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ({"temperature": 2}, "Unsupported parameter: 'temperature'"),
        ({"tool_choice": "auto"}, "Unknown parameter: 'tool_choice'"),
    ],
)
async def test_rejected_extra_body_is_reported(
    standin: StandIn,
    add_subentry: AddSubentry,
    ask: Ask,
    added: dict[str, Any],
    message: str,
    assist: None,
) -> None:
    await add_subentry("conversation", advanced={"extra_body": added})
    for _ in range(5):
        standin.fail(Fault(path="/responses", status=400, body={"error": {"message": message}}))
    result = await ask()

    assert is_error(result)
    assert message in speech(result)
    assert len([one for one in standin.requests if one.path == "/responses"]) == 1


@pytest.mark.parametrize(
    "message", ["The vector store vs_1 is not supported.", "Store is not supported: 'store'"]
)
async def test_store_option_is_never_left_out(
    standin: StandIn, entry: MockConfigEntry, agent_with_options: str, ask: Ask, message: str
) -> None:
    is_about_another = "vector" in message
    if not is_about_another:
        settings = entry.runtime_data.host.settings
        openai = replace(settings, base_url="https://api.openai.com/v1")
        entry.runtime_data.host.settings = openai
    standin.fail(Fault(path="/responses", status=400, body={"error": {"message": message}}))
    result = await ask()

    assert is_error(result)
    assert [one.body["store"] for one in standin.requests if one.path == "/responses"] == [False]
