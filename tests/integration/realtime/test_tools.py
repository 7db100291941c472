"""The home does what the model asks for, and says what came of it."""

import json
from typing import Any, override
from unittest.mock import patch

from homeassistant.const import Platform
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from tests.integration.conftest import raises_key
from tests.integration.llm_api import add_api
from tests.integration.waiting import wait_for

from .driver import Json, RealtimeDriver

pytestmark = pytest.mark.usefixtures("bell")

LIGHT = "light.bed_light"


class Bell(llm.Tool):
    """Rings, or fails to."""

    name = "ring"
    description = "Rings the bell."
    parameters = vol.Schema({vol.Optional("times"): int})
    integration = "openai_api"

    def __init__(self) -> None:
        """Fail with nothing yet."""
        self.error: Exception | None = None
        self.result: Any = {"rung": True}
        self.calls: list[tuple[Json, llm.LLMContext]] = []

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> llm.ToolResult:
        """Ring."""
        self.calls.append((tool_input.tool_args, llm_context))
        if self.error:
            raise self.error
        return llm.ToolResult(data=self.result)


@pytest.fixture
async def bell(hass: HomeAssistant) -> Bell:
    """Return a tool of an API named hall."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    found = Bell()
    add_api(hass, "hall", found, prompt="There is a bell.")
    return found


@pytest.fixture
async def light(hass: HomeAssistant, bell: Bell) -> str:
    """Return a light that is off and may be used."""
    with patch(
        "homeassistant.components.demo.COMPONENTS_WITH_CONFIG_ENTRY_DEMO_PLATFORM",
        [Platform.LIGHT],
    ):
        demo = MockConfigEntry(domain="demo")
        demo.add_to_hass(hass)
        assert await hass.config_entries.async_setup(demo.entry_id)
        await hass.async_block_till_done()
    await hass.services.async_call("light", "turn_off", {"entity_id": LIGHT}, blocking=True)
    return LIGHT


def call_event(name: str, arguments: str, call_id: str = "f-1") -> Json:
    """Return the event by which a model asks for a tool."""
    item = {
        "id": f"i-{call_id}",
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }
    return {"type": "response.output_item.done", "response_id": "r-1", "item": item}


async def connected(talk: RealtimeDriver, *apis: str, **data: Any) -> Json:
    """Connect with these APIs, and return the session that the host is sent."""
    await talk.connect(llm_hass_api=list(apis), **data)
    session: Json = talk.session.received[0]["session"]
    return session


async def used(talk: RealtimeDriver) -> tuple[Json, Json]:
    """Return the notice of a tool's result and what the host is told of it."""
    await wait_for(lambda: talk.notices_of("tool_result"))
    frames = await talk.sent()
    assert [frame["type"] for frame in frames] == ["conversation.item.create", "response.create"]
    return talk.notices_of("tool_result")[0], frames[0]["item"]


async def test_tool_turns_light_on(
    hass: HomeAssistant, silent: None, talk: RealtimeDriver, light: str
) -> None:
    context = Context()
    await hass.services.async_call(
        "openai_api",
        "connect_realtime_websocket",
        {
            "connection_id": "c",
            "model": "m-1",
            "llm_hass_api": ["assist"],
            "session": {
                "instructions": "Be kind.",
                "tools": [{"type": "function", "name": "mine", "parameters": {}}],
            },
        },
        blocking=True,
        return_response=True,
        context=context,
    )
    opened = await talk.standin.wait_for_socket()
    session = (await opened.wait_for(1))["session"]
    assert session["instructions"].startswith("Be kind.\n\n")
    assert "Bed Light" in session["instructions"]
    tools = {tool["name"]: tool for tool in session["tools"]}
    assert tools["mine"] == {"type": "function", "name": "mine", "parameters": {}}
    (name,) = (name for name in tools if name.endswith("HassTurnOn"))
    assert set(tools[name]) == {"type", "name", "description", "parameters"}
    assert tools[name]["parameters"]["properties"]["name"]["type"] == "string"
    await opened.wait_for(2)
    await talk.clear()
    arguments = json.dumps({"name": "Bed Light", "domain": ["light"]})

    await talk.server_sends(call_event(name, arguments))

    notice, item = await used(talk)
    state = hass.states.get(light)
    assert state is not None
    assert state.state == "on"
    assert context.id in (state.context.id, state.context.parent_id)
    assert (item["type"], item["call_id"]) == ("function_call_output", "f-1")
    assert json.loads(item["output"])["data"]["success"]
    assert {key: notice[key] for key in ("call_id", "name", "arguments")} == {
        "call_id": "f-1",
        "name": name,
        "arguments": arguments,
    }
    assert notice["result"]["data"]["success"]
    assert [kind for kind in talk.notice_types() if kind != "item_update"] == [
        "function_call",
        "tool_result",
    ]
    updates = [notice["item"]["status"] for notice in talk.notices_of("item_update")]
    assert updates == ["in_progress", "completed"]


async def test_tool_hides_unexposed_entities(
    hass: HomeAssistant, silent: None, talk: RealtimeDriver, light: str
) -> None:
    from homeassistant.components.homeassistant.exposed_entities import async_expose_entity

    async_expose_entity(hass, "conversation", light, False)
    session = await connected(talk, "assist")
    assert "Bed Light" not in session["instructions"]
    name = next(tool["name"] for tool in session["tools"] if "HassTurnOn" in tool["name"])
    await talk.server_sends(call_event(name, '{"name": "Bed Light"}'))
    _, item = await used(talk)
    assert "error" in json.loads(item["output"])
    state = hass.states.get(light)
    assert state is not None
    assert state.state == "off"


async def test_tool_response_waits_for_response_done(silent: None, talk: RealtimeDriver) -> None:
    await connected(talk, "hall")
    await talk.server_sends(
        {"type": "response.created", "response": {"id": "r-1"}},
        call_event("ring", "{}", "f-1"),
        call_event("ring", "{}", "f-2"),
    )
    await wait_for(lambda: len(talk.notices_of("tool_result")) == 2)
    frames = await talk.sent()
    assert [frame["item"]["call_id"] for frame in frames] == ["f-1", "f-2"]
    await talk.server_sends({"type": "response.done", "response": {"id": "r-1"}})
    assert [frame["type"] for frame in await talk.sent()] == ["response.create"]


async def test_tool_llm_context(silent: None, talk: RealtimeDriver, bell: Bell) -> None:
    session = await connected(talk, "hall")
    assert session["instructions"] == "There is a bell."
    assert [tool["name"] for tool in session["tools"]] == ["ring"]
    await talk.server_sends(call_event("ring", '{"times": 2}'))
    await used(talk)
    ((arguments, context),) = bell.calls
    assert arguments == {"times": 2}
    assert (context.platform, context.assistant) == ("openai_api", "conversation")
    assert context.language == "en"


@pytest.mark.parametrize(
    "error",
    [
        HomeAssistantError("The bell is broken"),
        vol.Invalid("Wrong"),
        ValueError("Odd"),
        KeyError("rope"),
        TimeoutError("Slow"),
    ],
)
async def test_tool_failure_is_sent_as_output(
    silent: None, talk: RealtimeDriver, bell: Bell, error: Exception
) -> None:
    await connected(talk, "hall")
    bell.error = error
    await talk.server_sends(call_event("ring", "{}"))
    notice, item = await used(talk)
    answer = {"error": type(error).__name__, "error_text": str(error)}
    assert json.loads(item["output"]) == answer
    assert notice["result"] == answer


async def test_tool_result_not_json(silent: None, talk: RealtimeDriver, bell: Bell) -> None:
    await connected(talk, "hall")
    bell.result = {"odd": object()}
    await talk.server_sends(call_event("ring", "{}"))
    notice, item = await used(talk)
    assert "error" in json.loads(item["output"])
    assert notice["result"]["error"]


@pytest.mark.parametrize("arguments", ["", "[1]", "null"])
async def test_tool_call_without_arguments(
    silent: None, talk: RealtimeDriver, bell: Bell, arguments: str
) -> None:
    await connected(talk, "hall")
    await talk.server_sends(call_event("ring", arguments))
    await used(talk)
    assert bell.calls[0][0] == {}


async def test_tool_call_malformed_arguments(
    silent: None, talk: RealtimeDriver, bell: Bell
) -> None:
    await connected(talk, "hall")
    await talk.server_sends(call_event("ring", "{ times"))
    _, item = await used(talk)
    assert json.loads(item["output"])["error"] == "JSONDecodeError"
    assert not bell.calls


async def test_unknown_tool_is_not_answered(silent: None, talk: RealtimeDriver) -> None:
    await connected(talk, "hall")
    await talk.server_sends(call_event("sing", "{}"))
    assert await talk.sent() == []
    assert talk.notice_types() == ["item_update", "function_call"]
    await talk.call("send_realtime_function_call_output", call_id="f-1", output="La")
    assert (await talk.sent())[0]["item"]["output"] == "La"


async def test_tool_call_without_llm_api(script: RealtimeDriver, bell: Bell) -> None:
    await script.server_sends(call_event("ring", "{}"))
    assert await script.sent() == []
    assert not bell.calls


async def test_tools_of_several_llm_apis(
    silent: None, talk: RealtimeDriver, bell: Bell, light: str
) -> None:
    session = await connected(talk, "assist", "hall")
    names = [tool["name"] for tool in session["tools"]]
    (ring,) = (name for name in names if name.endswith("ring"))
    assert any(name.endswith("HassTurnOn") for name in names)
    assert "There is a bell." in session["instructions"]
    await talk.server_sends(call_event(ring, "{}"))
    await used(talk)
    assert len(bell.calls) == 1


async def test_unknown_llm_api_raises(talk: RealtimeDriver) -> None:
    with raises_key("llm_api_unknown", ServiceValidationError) as caught:
        await talk.call("connect_realtime_websocket", model="m", llm_hass_api=["hall", "x", "y"])
    placeholders = caught.value.translation_placeholders or {}
    assert placeholders["missing"] == "x, y"
    assert "hall" in placeholders["known"]
    assert not talk.standin.sockets


async def test_tools_kept_by_session_update(silent: None, talk: RealtimeDriver) -> None:
    await connected(talk, "hall", session={"instructions": "Be kind."})
    await talk.call("update_realtime_session_config", session={"instructions": "Be brief."})
    (frame,) = await talk.sent()
    assert frame["session"]["instructions"] == "Be brief.\n\nThere is a bell."
    assert [tool["name"] for tool in frame["session"]["tools"]] == ["ring"]


async def test_tool_result_dropped_after_connection_lost(
    silent: None, talk: RealtimeDriver, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected(talk, "hall")

    async def slow(hass: HomeAssistant, *_: Any) -> llm.ToolResult:
        talk.session.abort()
        await talk.standin.wait_for_socket(2)
        await wait_for(lambda: talk.states[-1:] and talk.states[-1]["state"] == "connected")
        return llm.ToolResult(data={})

    monkeypatch.setattr(bell, "async_call", slow)
    await talk.server_sends()
    await talk.session.send(call_event("ring", "{}"))
    await wait_for(lambda: talk.notices_of("tool_result"))
    talk.reopened()
    await talk.session.wait_for(2)
    assert [frame["type"] for frame in await talk.sent()] == ["session.update"] * 2


async def test_tool_call_from_standin_server(talk: RealtimeDriver, light: str) -> None:
    session = await connected(talk, "assist", session={"output_modalities": ["text"]})
    name = next(tool["name"] for tool in session["tools"] if "HassTurnOn" in tool["name"])
    await talk.call("send_realtime_message", message=f"Please {name} now")
    await wait_for(lambda: talk.notice_types().count("turn_done") == 2)
    assert talk.notices_of("tool_result")
    text = "".join(notice["delta"] for notice in talk.notices_of("output_text_delta"))
    assert text.startswith("You said: the tool answered")
