"""What the editor offers, and configurations that are refused."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.trigger import async_get_all_descriptions, async_validate_trigger_config
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.openai_api.trigger import async_get_triggers
from tests.integration.automations import automate, on, states

from .helpers import REALTIME


@pytest.mark.parametrize(
    ("trigger", "options", "message"),
    [
        ("server_event", {"config_entry_id": "nobody"}, "no OpenAI API service 'nobody'"),
        ("server_event", {"transport": "smoke"}, "value must be one of"),
        ("server_event", {"event_typ": "x"}, "event_typ"),
        ("server_event", {"event_type": [{"a": 1}]}, "should be a string"),
        ("realtime_notice", {"type": "turn_over"}, "value must be one of"),
        ("realtime_notice", {"transport": REALTIME}, "transport"),
        ("connection_state", {"to": ["connected", "open"]}, "value must be one of"),
        ("stream_event", {"action": "sing"}, "value must be one of"),
        ("progress", {"status": {"a": 1}}, "should be a string"),
        ("no_such_trigger", {}, "no_such_trigger"),
    ],
)
async def test_invalid_options_are_rejected(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    trigger: str,
    options: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(vol.Invalid, match=message):
        await async_validate_trigger_config(
            hass, [{"platform": f"openai_api.{trigger}", "options": options}]
        )
    await automate(hass, on(trigger, options))
    assert states(hass) == ["unavailable"]
    assert message in caplog.text


async def test_entry_of_other_domain_is_rejected(hass: HomeAssistant) -> None:
    stranger = MockConfigEntry(domain="sun")
    stranger.add_to_hass(hass)
    await automate(hass, on("progress", {"config_entry_id": stranger.entry_id}))
    assert states(hass) == ["unavailable"]


async def test_target_is_rejected(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with pytest.raises(vol.Invalid):
        await async_validate_trigger_config(
            hass,
            [{"platform": "openai_api.progress", "target": {"entity_id": "sensor.x"}}],
        )


async def test_editor_lists_triggers(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await automate(hass) == []
    descriptions = await async_get_all_descriptions(hass)
    for key, trigger in (await async_get_triggers(hass)).items():
        description = descriptions[f"openai_api.{key}"]
        assert description is not None
        accepted = next(iter(trigger.schema.schema.values()))  # type: ignore[attr-defined]
        assert set(description["fields"]) == {str(option) for option in accepted}
