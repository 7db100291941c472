"""Options of the subentries in requests, and in diagnostics without secrets."""

import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import JSONEncoder
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.standin.server import StandIn

from ..conftest import CANARY
from .answers import chat, chunk, says
from .conftest import AddSubentry, Ask, speech

pytestmark = pytest.mark.usefixtures("assist")


SEARCH = {"type": "web_search"}
OPTIONS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    # By option: what is chosen, and what Responses and chat completions are sent.
    "max_output_tokens": (500, {"max_output_tokens": 500}, {"max_completion_tokens": 500}),
    "temperature": (0.5, {"temperature": 0.5}, {"temperature": 0.5}),
    "top_p": (0.25, {"top_p": 0.25}, {"top_p": 0.25}),
    "reasoning_effort": ("low", {"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
    "verbosity": ("high", {"text": {"verbosity": "high"}}, {"verbosity": "high"}),
    "service_tier": ("flex", {"service_tier": "flex"}, {"service_tier": "flex"}),
    "store": (True, {"store": True}, {"store": True}),
    "host_tools": ([SEARCH], {"tools": [SEARCH]}, {"tools": [SEARCH]}),
    "extra_body": ({"top_k": 40}, {"top_k": 40}, {"top_k": 40}),
}
KEYS = {
    "responses": {"model", "input", "instructions", "stream", "store"},
    "chat_completions": {"model", "messages", "stream", "stream_options"},
}


@pytest.mark.parametrize("api", KEYS)
@pytest.mark.parametrize("option", ["", *OPTIONS])
async def test_option_is_sent(
    standin: StandIn, add_subentry: AddSubentry, ask: Ask, option: str, api: str
) -> None:
    value, *sent = OPTIONS.get(option, (None, {}, {}))
    advanced = {"api": api, **({option: value} if option else {})}
    await add_subentry("conversation", prompt="Be kind.", advanced=advanced)
    if api == "responses":
        standin.fail(says("Hello"))
    else:
        standin.fail(chat(chunk({"content": "Hello"}, "stop")))
    assert speech(await ask()) == "Hello"

    body = standin.requests[-1].body
    expected = sent[list(KEYS).index(api)]
    assert {key: body[key] for key in expected} == expected
    assert set(body) == KEYS[api] | set(expected)


async def test_websocket_requires_option(
    standin: StandIn, add_subentry: AddSubentry, ask: Ask
) -> None:
    await add_subentry("conversation")
    standin.fail(says("Hello"))
    assert speech(await ask()) == "Hello"
    assert not standin.sockets


SECRETS: dict[str, dict[str, Any]] = {
    "conversation": {
        "prompt": f"My secret is {CANARY}.",
        "advanced": {
            "extra_body": {"authorization": CANARY},
            "host_tools": [{"type": "mcp", "headers": {"x-key": CANARY}}],
        },
    },
    "ai_task_data": {"advanced": {"extra_body": {"key": CANARY}}},
    "stt": {"advanced": {"prompt": f"{CANARY} is a name."}},
    "tts": {"instructions": f"Whisper {CANARY}.", "advanced": {"extra_body": {"key": CANARY}}},
    "realtime": {
        "prompt": f"My secret is {CANARY}.",
        "advanced": {"extra_session": {"key": CANARY}},
    },
}


@pytest.mark.parametrize("is_loaded", [True, False])
async def test_diagnostics_subentries_redacted(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    voice_home: None,
    add_subentry: AddSubentry,
    ask: Ask,
    hass_client: ClientSessionGenerator,
    is_loaded: bool,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    for kind, options in SECRETS.items():
        await add_subentry(kind, **options)
    standin.fail(says(f"The secret is {CANARY}."))
    await ask(f"What is {CANARY}?")
    if not is_loaded:
        assert await hass.config_entries.async_unload(entry.entry_id)
    found = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    assert CANARY not in json.dumps(found, cls=JSONEncoder)
    shown: Any = found["subentries"]
    assert [item["type"] for item in shown] == list(SECRETS)
    assert [item["options"]["model"] for item in shown] == ["gpt-5-mini"] * 5
    assert shown[0]["options"]["prompt"] == len(str(SECRETS["conversation"]["prompt"]))
    if is_loaded:
        assert shown[0]["last_turn"]["ended"] == "done"
