"""The issue of a missing model, which opens the form to choose another one."""

from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..test_repairs import fix
from .conftest import Ask

__all__ = ["fix"]


@pytest.fixture
async def notice(hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask) -> str:
    """Return the id of the notice that the model of an agent is gone."""
    body = {"error": {"message": "The model does not exist", "code": "model_not_found"}}
    standin.fail(Fault(path="/responses", status=404, body=body))
    await ask()
    return f"model_gone_{agent}"


async def test_model_issue_opens_reconfigure(
    hass: HomeAssistant, notice: str, agent: str, fix: Callable[..., Any]
) -> None:
    shown = await fix(notice)
    assert (shown["type"], shown["step_id"]) == ("form", "confirm")
    done = await fix(flow_id=shown["flow_id"])
    assert done["type"] == "create_entry"
    kind, flow_id = done["next_flow"]
    assert kind == "config_subentries_flow"
    (flow,) = hass.config_entries.subentries.async_progress()
    assert flow["flow_id"] == flow_id
    assert flow["context"]["source"] == SOURCE_RECONFIGURE
    assert flow["context"]["subentry_id"] == agent


@pytest.mark.parametrize("end", ["async_unload", "async_remove"])
async def test_model_issue_entry_gone_aborts(
    hass: HomeAssistant, entry: MockConfigEntry, notice: str, fix: Callable[..., Any], end: str
) -> None:
    shown = await fix(notice)
    await getattr(hass.config_entries, end)(entry.entry_id)
    done = await fix(flow_id=shown["flow_id"])
    assert (done["type"], done["reason"]) == ("abort", "not_loaded")


async def test_model_issue_subentry_removed(
    hass: HomeAssistant, entry: MockConfigEntry, notice: str, agent: str, fix: Callable[..., Any]
) -> None:
    shown = await fix(notice)
    hass.config_entries.async_remove_subentry(entry, agent)
    assert (await fix(flow_id=shown["flow_id"]))["type"] == "create_entry"
    assert not hass.config_entries.subentries.async_progress()
