"""Lets a model use what Home Assistant offers to language models."""

import asyncio
from collections.abc import Sequence
import json
from typing import Any, Self

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import llm
from homeassistant.helpers.json import json_dumps
import probatio

from ...const import DOMAIN, LOGGER
from ...errors import refusal
from ...model import Json

_PATIENCE = 300.0
"""Seconds that a tool gets: a script behind it may take its time, but the model waits."""


class HomeTools:
    """The tools of one or several of Home Assistant's APIs for language models."""

    def __init__(self, api: llm.APIInstance) -> None:
        self._api = api
        self.names = frozenset(tool.name for tool in api.tools)

    @classmethod
    async def async_load(
        cls, hass: HomeAssistant, api_ids: Sequence[str], context: Context
    ) -> Self:
        """Return the tools of these APIs; raises a translated error if one does not exist."""
        known = {api.id for api in llm.async_get_apis(hass)}
        if missing := [api_id for api_id in api_ids if api_id not in known]:
            raise refusal(
                "llm_api_unknown", missing=", ".join(missing), known=", ".join(sorted(known))
            )
        who = llm.LLMContext(
            platform=DOMAIN,
            context=context,
            language=hass.config.language,
            assistant="conversation",
            device_id=None,
        )
        return cls(await llm.async_get_api(hass, list(api_ids), who))

    @property
    def instructions(self) -> str:
        """What the model should know of the home."""
        return self._api.api_prompt

    @property
    def definitions(self) -> list[Json]:
        """The tools as a session offers them."""
        return [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description or "",
                "parameters": probatio.to_openapi(
                    tool.parameters,
                    custom_serializer=self._api.custom_serializer or llm.selector_serializer,
                    openapi_version="3.1.0",
                ),
            }
            for tool in self._api.tools
        ]

    async def async_call(self, name: str, arguments: str) -> tuple[Any, str]:
        """Call a tool; returns what it gave and the same as JSON.

        What goes wrong is told to the model, which may try something else.
        """
        try:
            found = json.loads(arguments or "{}")
            async with asyncio.timeout(_PATIENCE):
                result = await self._api.async_call_tool(
                    llm.ToolInput(
                        tool_name=name, tool_args=found if isinstance(found, dict) else {}
                    )
                )
            answer: Any = getattr(result, "data", result)
            return answer, json_dumps(answer)
        except Exception as err:  # noqa: BLE001
            # Tools come from anywhere and raise anything, and the model waits for an answer.
            LOGGER.debug("The tool %s failed", name, exc_info=True)
            answer = {"error": type(err).__name__, "error_text": str(err)}
            return answer, json_dumps(answer)
