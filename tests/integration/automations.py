"""Automations for tests, and what came of them."""

from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.setup import async_setup_component

RAN = "automation_ran"


async def automate(hass: HomeAssistant, *automations: dict[str, Any]) -> list[Event]:
    """Set up automations that fire an event unless they do something else; collect those."""
    ran: list[Event] = []

    @callback
    def take(event: Event) -> None:
        ran.append(event)

    hass.bus.async_listen(RAN, take)
    config = [
        {"id": str(number), "alias": f"A {number}", **automation}
        for number, automation in enumerate(automations)
    ]
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    return ran


def on(trigger: str, options: dict[str, Any] | None = None, /, **said: str) -> dict[str, Any]:
    """Return an automation that says what its trigger knows, in templates."""
    return {
        "mode": "queued",
        "max": 5000,
        "triggers": [{"trigger": f"openai_api.{trigger}", "options": options or {}}],
        "actions": [{"event": RAN, "event_data": {"n": "{{ this.attributes.id }}", **said}}],
    }


def states(hass: HomeAssistant) -> list[str]:
    """Return the states of all automations: those that were refused are unavailable."""
    return [state.state for state in hass.states.async_all("automation")]
