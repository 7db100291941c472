"""Subentries of a loaded service, added with their forms."""

from collections.abc import Awaitable, Callable, Coroutine
from importlib.machinery import ModuleSpec
import importlib.util
import sys
from types import ModuleType
from typing import Any

from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER
from homeassistant.core import Context, Event, HomeAssistant, ServiceCall
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import intent
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_mock_service,
)

from tests.standin.server import StandIn

from . import absent
from .answers import says
from .voice import add_service, service, voice_home
from .voice_home import add_home
from .websocket_service import loaded, remote

__all__ = ["absent", "add_home", "add_service", "loaded", "remote", "service", "voice_home"]

if importlib.util.find_spec("turbojpeg") is None:
    # AI Task imports cameras, which import this only to scale pictures.
    sys.modules["turbojpeg"] = ModuleType("turbojpeg")
    sys.modules["turbojpeg"].__spec__ = ModuleSpec("turbojpeg", None)
    sys.modules["turbojpeg"].TurboJPEG = object  # type: ignore[attr-defined]

type AddSubentry = Callable[..., Awaitable[str]]


async def open_form(
    hass: HomeAssistant, entry: MockConfigEntry, kind: str, subentry_id: str | None = None
) -> Any:
    """Return the form for a new subentry, or for one that is to be changed."""
    context: Any = {"source": SOURCE_USER}
    if subentry_id:
        context = {"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id}
    return await hass.config_entries.subentries.async_init((entry.entry_id, kind), context=context)


async def submit(hass: HomeAssistant, form: Any, data: dict[str, Any]) -> Any:
    """Fill in a form."""
    assert form["type"] is FlowResultType.FORM
    result = await hass.config_entries.subentries.async_configure(form["flow_id"], data)
    await hass.async_block_till_done()
    return result


@pytest.fixture
def add_subentry(hass: HomeAssistant, entry: MockConfigEntry) -> AddSubentry:
    """Return a function that adds a subentry and returns its id."""

    async def add(kind: str, **options: Any) -> str:
        before = set(entry.subentries)
        advanced = options.pop("advanced", None)
        data = {"name": "Kitchen", "model": "gpt-5-mini", **options}
        if kind == "tts":
            data.setdefault("voice", "alloy")
        if advanced is not None:
            data["advanced"] = advanced
        result = await submit(hass, await open_form(hass, entry, kind), data)
        assert result["type"] is FlowResultType.CREATE_ENTRY, result
        (added,) = set(entry.subentries) - before
        return added

    return add


type Ask = Callable[..., Coroutine[Any, Any, conversation.ConversationResult]]


@pytest.fixture
def ask(hass: HomeAssistant) -> Ask:
    """Return a function that asks an agent the way a person does, and returns the result."""

    async def async_ask(
        text: str = "Hi",
        *,
        agent: str = "conversation.kitchen",
        conversation_id: str | None = None,
        satellite_id: str | None = None,
        language: str = "en",
        context: Context | None = None,
    ) -> conversation.ConversationResult:
        return await conversation.async_converse(
            hass,
            text,
            conversation_id,
            context or Context(),
            language=language,
            agent_id=agent,
            satellite_id=satellite_id,
        )

    return async_ask


def speech(result: conversation.ConversationResult) -> str:
    """Return what is spoken."""
    found: str = result.response.speech["plain"]["speech"]
    return found


def is_error(result: conversation.ConversationResult) -> bool:
    """Tell whether a turn has ended in an error."""
    return result.response.response_type is intent.IntentResponseType.ERROR


@pytest.fixture
def turns(hass: HomeAssistant) -> list[Event]:
    """Return the turns that are fired."""
    return async_capture_events(hass, "openai_api_turn_event")


@pytest.fixture
async def assist(hass: HomeAssistant) -> None:
    """Set up what agents need, as a real Home Assistant has done before."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})


@pytest.fixture
async def agent(assist: None, add_subentry: AddSubentry) -> str:
    """Return the id of a subentry with an agent that may use Assist."""
    return await add_subentry("conversation", llm_hass_api=["assist"])


@pytest.fixture
async def kitchen(hass: HomeAssistant) -> list[ServiceCall]:
    """Return the calls of a light that Assist may switch."""
    hass.states.async_set("light.kitchen", "off", {"friendly_name": "Kitchen light"})
    async_expose_entity(hass, "conversation", "light.kitchen", should_expose=True)
    assert await async_setup_component(hass, "light", {})
    return async_mock_service(hass, "light", "turn_on")


def tool_named(standin: StandIn, end: str) -> str:
    """Return the name of a tool that the agent has offered, by how it ends."""
    names = [str(tool["name"]) for tool in standin.requests[-1].body["tools"]]
    return next(name for name in names if name.endswith(end))


async def first_tool(standin: StandIn, ask: Ask) -> str:
    """Return the name of the tool that switches on, after a first turn."""
    standin.fail(says("ok"))
    await ask()
    return tool_named(standin, "HassTurnOn")


@pytest.fixture
async def impatient_agent(assist: None, add_subentry: AddSubentry) -> str:
    """Return the id of a subentry with an agent that waits a second and has no tools."""
    return await add_subentry("conversation", advanced={"patience": 1})
