"""Handlers are named by the rows, and imported with the first call."""

import importlib
import inspect
from pathlib import Path
import subprocess
import sys
from typing import get_type_hints

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
import pytest

from custom_components.openai_api.action import ActionCall, ActionDescription
from custom_components.openai_api.actions import ACTIONS

_ROOT = Path(__file__).parents[2]
_PACKAGE = "custom_components.openai_api"
_AT_START = (
    *("__init__", "binary_sensor", "condition", "config_flow", "diagnostics", "image"),
    *("logbook", "media_source", "repairs", "sensor", "system_health", "trigger"),
)
"""What Home Assistant imports for a service without Assist entities."""
_LATER = (
    *("websockets", "homeassistant.helpers.llm", "homeassistant.helpers.intent"),
    *(f"homeassistant.components.{name}" for name in ("ai_task", "conversation", "stt", "tts")),
    *(f"{_PACKAGE}.{name}" for name in ("assist", "llm_tools", "websocket.connection")),
    f"{_PACKAGE}.handlers.tool_rounds",
)


@pytest.mark.parametrize(
    "action", [action for action in ACTIONS if action.handler], ids=lambda action: action.key
)
def test_handler_name_resolves(action: ActionDescription) -> None:
    assert action.handler is not None
    module, _, function = action.handler.partition(".")
    handler = getattr(importlib.import_module(f"{_PACKAGE}.handlers.{module}"), function)
    assert inspect.iscoroutinefunction(handler)
    assert get_type_hints(handler)["request"] is ActionCall
    assert list(inspect.signature(handler).parameters) == ["request"]


def test_setup_imports_only_what_it_uses() -> None:
    modules = [_PACKAGE if name == "__init__" else f"{_PACKAGE}.{name}" for name in _AT_START]
    code = (
        "import importlib, sys\n"
        # A newer Home Assistant imports some of them for its own core.
        "import homeassistant.bootstrap\n"
        "known = set(sys.modules)\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*sorted(set({_LATER!r}) & (set(sys.modules) - known)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == ""
