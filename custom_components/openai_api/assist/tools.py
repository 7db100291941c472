"""Describes Home Assistant's tools to a model, and reads the calls that it makes."""

import asyncio
from dataclasses import fields
from typing import Any, Final, override
import weakref

from homeassistant.components.conversation import ChatLog
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from lru import LRU
import probatio

from ..const import LOGGER
from ..streaming.text import load_json
from ..types import Json

_TIMEOUT: Final = 300.0
"""Seconds: a script behind a tool may take its time, but the model waits."""
_NOT_AT_THE_ROOT: Final = frozenset({"oneOf", "anyOf", "allOf", "enum", "not"})
"""Keywords that strict services refuse at the root of a schema."""

_SCHEMAS: LRU[tuple[object, ...], tuple[object, Json]] = LRU(512)
"""What became of the schemas of tools, by the identity of what they are made of, which is kept."""
_CACHE: LRU[int, tuple[weakref.ref[llm.APIInstance], list[Json]]] = LRU(32)


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
        chat_log.llm_api = GuardedTools(
            **{item.name: getattr(api, item.name) for item in fields(api)}
        )


def functions(api: llm.APIInstance | None) -> list[Json]:
    """Return the tools, sorted by name: `[{"name": …, "description": …, "parameters": {…}}]`.

    The parameters are a JSON Schema. They are made once for an instance: services keep what they have read of an unchanged prefix.
    """
    if api is None:
        return []
    known = _CACHE.get(id(api))
    if known is not None and known[0]() is api:
        return known[1]
    found = [
        {
            "name": tool.name,
            "description": tool.description or "",
            "parameters": _parameters(tool, api),
        }
        for tool in sorted(api.tools, key=lambda tool: tool.name)
    ]
    _CACHE[id(api)] = (weakref.ref(api), found)
    return found


def _parameters(tool: llm.Tool, api: llm.APIInstance) -> Json:
    """Return the schema of a tool's arguments.

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
    schema: Json = probatio.to_openapi(
        tool.parameters, custom_serializer=serializer, openapi_version="3.1.0"
    )
    if _NOT_AT_THE_ROOT & schema.keys():
        schema = {key: value for key, value in schema.items() if key not in _NOT_AT_THE_ROOT}
    if key is not None:
        _SCHEMAS[key] = ((serializer, parts), schema)
    return schema


def arguments(text: Any) -> dict[str, Any] | None:
    """Return the arguments of a call, `{name: value}`; None where they are no JSON object."""
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
