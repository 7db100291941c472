"""Reports of turns: events, sensors and Activity."""

from homeassistant.const import EVENT_LOGBOOK_ENTRY
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from tests.integration.automations import automate, on
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..conftest import CANARY
from .answers import SSE, completed, says, sse, text_events
from .conftest import Ask, speech

pytestmark = pytest.mark.usefixtures("agent")


async def test_turn_ended_trigger_options(hass: HomeAssistant, standin: StandIn, ask: Ask) -> None:
    ran = await automate(
        hass,
        on("turn_ended", {}, text="{{ trigger.description }}", model="{{ trigger.model }}"),
        on("turn_ended", {"kind": "conversation", "ended": ["done", "failed"]}),
        on("turn_ended", {"entity_id": "conversation.kitchen"}),
        on("turn_ended", {"kind": "tts"}),
        on("turn_ended", {"ended": "failed"}),
        on("turn_ended", {"entity_id": "conversation.other"}),
    )
    standin.fail(says("Hello"))
    await ask()
    await hass.async_block_till_done()

    assert sorted(event.data["n"] for event in ran) == [0, 1, 2]
    (told,) = (event.data for event in ran if event.data["n"] == 0)
    assert told["text"] == "turn of conversation.kitchen ended: done"
    assert told["model"] == "gpt-5-mini"


@pytest.mark.parametrize("language", ["en", "de"])
async def test_failed_turns_in_activity(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, ask: Ask, language: str
) -> None:
    hass.config.language = language
    await hass.config_entries.async_reload(entry.entry_id)
    hass.config.components.add("logbook")
    told = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    standin.fail(says("Hello"))
    assert speech(await ask("My secret question")) == "Hello"
    assert not told
    standin.fail(Fault(path="/responses", status=403, body={"error": {"message": CANARY}}))
    await ask("My secret question", language=language)
    await hass.async_block_till_done()

    (line,) = told
    assert line.data["name"] == "Kitchen"
    assert line.data["entity_id"] == "conversation.kitchen"
    assert line.data["domain"] == "openai_api"
    assert (
        line.data["message"]
        == {
            "en": "could not answer: The key may not do this at the AI service.",
            "de": "konnte nicht antworten: Der Schlüssel darf das beim KI-Dienst nicht.",
        }[language]
    )


async def test_failed_turn_without_activity_integration(
    hass: HomeAssistant, standin: StandIn, ask: Ask
) -> None:
    told = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    standin.fail(Fault(path="/responses", status=403))
    await ask()

    assert not told


async def test_sensors_of_last_turn(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, agent: str, ask: Ask
) -> None:
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    found = {
        item.unique_id.removeprefix(f"{agent}_"): item
        for item in er.async_entries_for_config_entry(registry, entry.entry_id)
        if item.config_subentry_id == agent and item.domain == "sensor"
    }
    assert set(found) == {"first_piece", "cached_share"}
    assert all(item.disabled for item in found.values())
    assert found["first_piece"].entity_id == "sensor.kitchen_time_to_the_first_word"
    for item in found.values():
        registry.async_update_entity(item.entity_id, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    standin.fail(says("Hello"))
    await ask()
    await hass.async_block_till_done()

    share = hass.states.get("sensor.kitchen_share_of_cached_tokens")
    first = hass.states.get("sensor.kitchen_time_to_the_first_word")
    assert share is not None
    assert share.state == "33.3"
    assert first is not None
    assert 0 <= float(first.state) < 10
    # A turn that has no such figure leaves what was there.
    body = sse([*text_events("Hi"), completed(usage=None)])
    standin.fail(Fault(path="/responses", body=body, content_type=SSE))
    await ask()
    await hass.async_block_till_done()
    assert hass.states.is_state("sensor.kitchen_share_of_cached_tokens", "33.3")
