"""Subentries of a loaded service, made the way a person makes them."""

from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .voice import add_service, service, voice_home

__all__ = ["add_service", "service", "voice_home"]

type AddSubentry = Callable[..., Any]


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
