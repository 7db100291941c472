"""Describes Home Assistant's tools to a model, and reads the calls that it makes."""

import asyncio
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, Final, override
import weakref

from homeassistant.components.conversation import ChatLog
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from lru import LRU
import probatio

from ..const import LOGGER
from ..llm_tools import (
    MAX_FUNCTIONS,
    describe_parameters,
    function_name,
    is_valid_name,
    shorten_description,
)
from ..streaming.text import load_json
from ..types import Json

_TIMEOUT: Final = 300.0
"""Seconds: a script behind a tool may take its time, but the model waits."""
_SCHEMAS: LRU[tuple[object, ...], tuple[object, tuple[Json, str]]] = LRU(512)
"""What became of the schemas of tools, by the identity of what they are made of, which is kept."""
_NOT_OFFERED: LRU[str, str] = LRU(512)
"""Why tools are not offered, by their names; each is logged once."""
_CACHE: LRU[int, tuple[weakref.ref[llm.APIInstance], list[Json]]] = LRU(32)


class RenamedTool(llm.Tool):
    """A tool under a name that services accept."""

    def __init__(self, tool: llm.Tool, name: str) -> None:
        """Take the tool, and the name of its function."""
        self.name, self.tool = name, tool
        # Not all of these are there in every version of Home Assistant.
        for key in ("title", "description", "parameters", "annotations", "integration"):
            if hasattr(tool, key):
                setattr(self, key, getattr(tool, key))

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> Any:
        """Call the tool under its own name."""
        own = replace(tool_input, tool_name=self.tool.name)
        return await self.tool.async_call(hass, own, llm_context)


class GuardedTools(llm.APIInstance):
    """Tools whose failures are told to the model, whatever they raise and however long they take.

    The chat log expects Home Assistant's own errors alone: any other would end the turn.
    """

    @override
    async def async_call_tool(self, tool_input: llm.ToolInput) -> llm.ToolResult:
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await super().async_call_tool(tool_input)
        except HomeAssistantError, probatio.Invalid:
            raise
        except TimeoutError:
            raise HomeAssistantError(f"The tool did not finish within {_TIMEOUT:g} s") from None
        except Exception as err:
            LOGGER.debug("The tool %s failed", tool_input.tool_name, exc_info=True)
            raise HomeAssistantError(f"{type(err).__name__}: {err}") from err


def guard(chat_log: ChatLog) -> None:
    """Let the chat log call its tools through `GuardedTools`."""
    api = chat_log.llm_api
    if api is not None and not isinstance(api, GuardedTools):
        values = {item.name: getattr(api, item.name) for item in fields(api)}
        chat_log.llm_api = GuardedTools(**{**values, "tools": _acceptable(api.tools)})


def _acceptable(offered: Iterable[llm.Tool]) -> list[llm.Tool]:
    """Return the tools, those whose names OpenAI would refuse under other ones."""
    found = list(offered)
    taken = {tool.name for tool in found if is_valid_name(tool.name)}
    for position, tool in enumerate(found):
        if not is_valid_name(tool.name):
            taken.add(name := function_name(tool.name, taken))
            found[position] = RenamedTool(tool, name)
    return found


def functions(api: llm.APIInstance | None) -> list[Json]:
    """Return the name, description and parameters (JSON Schema) of each tool, sorted by name.

    They are made once for an instance: services keep what they have read of an unchanged prefix.
    A tool that cannot be described to OpenAI is left out and logged, as one that is refused would
    take the whole request with it.
    """
    if api is None:
        return []
    known = _CACHE.get(id(api))
    if known is not None and known[0]() is api:
        return known[1]
    found: list[Json] = []
    for tool in sorted(api.tools, key=lambda tool: tool.name):
        if len(found) == MAX_FUNCTIONS:
            _warn(tool, f"there are more than {MAX_FUNCTIONS} functions")
            continue
        try:
            parameters, hint = _parameters(tool, api)
        except Exception as err:  # noqa: BLE001
            # Tools come from any integration, and one must not end the turn.
            _warn(tool, str(err) or type(err).__name__)
            continue
        description = shorten_description(tool.description or "", hint)
        found.append({"name": tool.name, "description": description, "parameters": parameters})
    _CACHE[id(api)] = (weakref.ref(api), found)
    return found


def _warn(tool: llm.Tool, reason: str) -> None:
    """Log once why a tool is not offered."""
    if tool.name not in _NOT_OFFERED:
        _NOT_OFFERED[tool.name] = reason
        LOGGER.warning("The tool %s cannot be offered to the model: %s", tool.name, reason)


def _parameters(tool: llm.Tool, api: llm.APIInstance) -> tuple[Json, str]:
    """Return the schema of a tool's arguments, and what it cannot say.

    Home Assistant makes its tools anew for each turn, but of the same fields and validators.
    """
    serializer = api.custom_serializer or llm.selector_serializer
    fields_of = tool.parameters.schema
    key: tuple[object, ...] | None = None
    if isinstance(fields_of, dict):
        parts = [part for item in fields_of.items() for part in item]
        shape = (getattr(tool.parameters, name, None) for name in ("required", "extra"))
        key = (id(serializer), *shape, *map(id, parts))
        if (known := _SCHEMAS.get(key)) is not None:
            return known[1]
    described = describe_parameters(tool, serializer)
    if key is not None:
        _SCHEMAS[key] = ((serializer, parts), described)
    return described


def arguments(text: Any) -> dict[str, Any] | None:
    """Return the arguments of a call, None where they are no JSON object."""
    if isinstance(text, dict):
        # Some services send the object itself.
        return text
    if not isinstance(text, str) or not text.strip():
        return {}
    try:
        found = load_json(text.encode(errors="replace"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
