"""Activity entries of connections and webhooks."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import Event, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import EVENT_CONNECTION, EVENT_WEBHOOK
from custom_components.openai_api.events import fire
from custom_components.openai_api.logbook import Describe, async_describe_events

from .conftest import Call

LINES = {
    "en": [
        "is opening the connection c",
        "has opened the connection c",
        "has closed the connection c: enough",
        "has reported batch.completed",
    ],
    "de": [
        "öffnet die Verbindung c",
        "hat die Verbindung c geöffnet",
        "hat die Verbindung c geschlossen: enough",
        "hat batch.completed gemeldet",
    ],
}


@pytest.mark.parametrize("language", LINES)
async def test_logbook_entries(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    call: Call,
    events: Callable[[str], list[Event]],
    language: str,
) -> None:
    """The frontend is not installed here, and with it the logbook, so its part is played."""
    hass.config.language = language
    await hass.config_entries.async_reload(entry.entry_id)
    connection, webhook = events(EVENT_CONNECTION), events(EVENT_WEBHOOK)
    words: dict[str, Describe] = {}

    def learn(domain: str, event_type: str, describe: Describe) -> None:
        words[event_type] = describe

    async_describe_events(hass, learn)
    manage: dict[str, Any] = {"connection_id": "c"}
    await call("manage_model_response_websocket", action="connect", **manage)
    await call(
        "manage_model_response_websocket", action="close", code=3001, reason="enough", **manage
    )
    data = {"webhook_event_id": "e", "event_type": "batch.completed", "event": {}}
    fire(hass, EVENT_WEBHOOK, {"config_entry_id": entry.entry_id, **data}, None)

    told = [words[str(event.event_type)](event) for event in (*connection, *webhook)]
    assert [line["message"] for line in told] == LINES[language]
    assert {line["name"] for line in told} == {entry.title}


async def test_logbook_removed_config_entry(
    hass: HomeAssistant, entry: MockConfigEntry, events: Callable[[str], list[Event]]
) -> None:
    found = events(EVENT_WEBHOOK)
    data = {"webhook_event_id": "e", "event_type": "batch.completed", "event": {}}
    fire(hass, EVENT_WEBHOOK, {"config_entry_id": "gone", **data}, None)
    words: dict[str, Describe] = {}
    async_describe_events(
        hass, lambda _, event_type, describe: words.update({event_type: describe})
    )
    assert words[EVENT_WEBHOOK](found[0])["name"] == "OpenAI API"


@pytest.mark.parametrize("event_type", [EVENT_CONNECTION, EVENT_WEBHOOK])
@pytest.mark.parametrize("data", [{}, {"state": "made up", "event_type": 5}], ids=str)
@pytest.mark.usefixtures("entry")
def test_logbook_event_fired_by_hand(
    hass: HomeAssistant, event_type: str, data: dict[str, Any]
) -> None:
    words: dict[str, Describe] = {}
    async_describe_events(hass, lambda _, key, describe: words.update({key: describe}))
    assert words[event_type](Event(event_type, data))["name"] == "OpenAI API"
