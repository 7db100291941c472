"""Automations in pairs: one that should run, and one that should not."""

from typing import Any

from tests.integration.automations import on

RESPONSES, REALTIME = "responses.websocket", "realtime.websocket"
MADE_UP = {"type": "made.up", "text": "Hello"}


def who(ran: list[Any]) -> list[int]:
    """Return which automations ran, each once."""
    return sorted({int(event.data["n"]) for event in ran})


def pairs(trigger: str, options: dict[str, tuple[Any, Any]], **said: str) -> list[dict[str, Any]]:
    """Return for every option an automation that should run, and one that should not."""
    return [
        on(trigger, {option: value}, **said)
        for option, values in options.items()
        for value in values
    ]


def evens(options: dict[str, Any]) -> list[int]:
    """Return which of such automations should have run."""
    return list(range(0, 2 * len(options), 2))
