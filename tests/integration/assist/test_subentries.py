"""Subentries are added, changed and removed without a reload."""

import asyncio
from pathlib import Path

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..conftest import Call
from .answers import says
from .conftest import AddSubentry, Ask, open_form, speech, submit

pytestmark = pytest.mark.usefixtures("assist")

ROOT = Path(__file__).parents[3]


async def test_subentry_added_without_reload(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    add_subentry: AddSubentry,
    call: Call,
    manage: Call,
    ask: Ask,
) -> None:
    host = entry.runtime_data.host
    await manage("connect")
    await standin.wait_for_socket()
    standin.fail(Fault(path="/embeddings", delay=1))
    running = asyncio.create_task(call("create_embedding", model="m", input="Hi"))
    subentry_id = await add_subentry("conversation")
    standin.fail(says("Hello"))
    assert speech(await ask()) == "Hello"

    form = await open_form(hass, entry, "conversation", subentry_id)
    await submit(hass, form, {"name": "Bath", "model": "other"})
    standin.fail(says("Changed"))
    assert speech(await ask()) == "Changed"
    assert standin.requests[-1].body["model"] == "other"
    state = hass.states.get("conversation.kitchen")
    assert state is not None
    assert state.name == "Bath"
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, subentry_id), entry.entry_id
    )
    assert device is not None
    assert (device.name, device.model) == ("Bath", "other")
    assert device.via_device_id

    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    assert hass.states.get("conversation.kitchen") is None
    assert er.async_get(hass).async_get("conversation.kitchen") is None
    assert (await running)["data"]
    assert entry.runtime_data.host is host
    assert not host.closed
    assert not standin.sockets[0].closed


async def test_subentries_after_reload(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    add_subentry: AddSubentry,
    ask: Ask,
) -> None:
    await add_subentry("conversation")
    await add_subentry("conversation", name="Second")
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()

    for agent in ("conversation.kitchen", "conversation.second"):
        standin.fail(says("Hello"))
        assert speech(await ask(agent=agent)) == "Hello"
    assert await hass.config_entries.async_unload(entry.entry_id)
    state = hass.states.get("conversation.kitchen")
    assert state is not None
    assert state.state == "unavailable"
    assert entry.state is ConfigEntryState.NOT_LOADED


async def test_entity_unavailable_while_unreachable(
    hass: HomeAssistant, standin: StandIn, add_subentry: AddSubentry, ask: Ask
) -> None:
    await add_subentry("conversation")
    standin.fail(Fault(path="/responses", drop="before", count=2))
    await ask()
    await hass.async_block_till_done()
    assert hass.states.is_state("conversation.kitchen", "unavailable")
    standin.fail(says("Back"))

    assert speech(await ask()) == "Back"
    await hass.async_block_till_done()
    assert not hass.states.is_state("conversation.kitchen", "unavailable")
