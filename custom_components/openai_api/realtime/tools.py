"""Runs the tools of Home Assistant's LLM APIs for a model."""

import asyncio
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
import json
from typing import Any, Self

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import llm
from homeassistant.helpers.json import json_dumps

from ..const import DOMAIN, LOGGER
from ..exceptions import validation_error
from ..llm_tools import MAX_CALLS, FunctionTools, ToolCallLimit, build_function_tools
from ..types import Json
from ..websocket.access import async_is_admin

_PATIENCE = 300.0
"""Seconds for a tool call, which may run a long script."""


class HomeTools:
    """The tools of one or several of Home Assistant's LLM APIs."""

    def __init__(
        self, hass: HomeAssistant, api: llm.APIInstance, context: Context, *, is_admin_only: bool
    ) -> None:
        """Initialize the tools; they are used with the rights of `context`."""
        self.is_admin_only = is_admin_only
        self.functions = FunctionTools()
        """As `offer` returned them last."""
        self._hass = hass
        self._api = api
        self._context = context

    @classmethod
    async def async_load(
        cls, hass: HomeAssistant, api_ids: Sequence[str], context: Context
    ) -> Self:
        """Return the tools of LLM APIs.

        Raises ServiceValidationError "llm_api_unknown" if one does not exist, and
        "llm_api_admin_only" if one is for administrators and `context` is not of an administrator.
        """
        known = {api.id: api for api in llm.async_get_apis(hass)}
        if missing := [api_id for api_id in api_ids if api_id not in known]:
            raise validation_error(
                "llm_api_unknown", missing=", ".join(missing), known=", ".join(sorted(known))
            )
        # Home Assistant knows such APIs since 2026.11.
        reserved = [api_id for api_id in api_ids if getattr(known[api_id], "requires_admin", False)]
        if reserved and not await async_is_admin(hass, context):
            raise validation_error("llm_api_admin_only", apis=", ".join(reserved))
        llm_context = llm.LLMContext(
            platform=DOMAIN,
            context=context,
            language=hass.config.language,
            assistant="conversation",
            device_id=None,
        )
        api = await llm.async_get_api(hass, list(api_ids), llm_context)
        return cls(hass, api, context, is_admin_only=bool(reserved))

    @property
    def instructions(self) -> str:
        """The prompt of the LLM APIs."""
        return self.functions.rename_in(self._api.api_prompt)

    def offer(self, reserved_names: Collection[str]) -> list[Json]:
        """Return the tools as functions of a session, beside functions with the reserved names.

        Returns `[{"type": "function", "name": …, "description": …, "parameters": …}]`. Tools that
        OpenAI does not accept are left out and logged.
        """
        before = self.functions.excluded
        self.functions = build_function_tools(
            self._api.tools, self._api.custom_serializer, reserved_names=reserved_names
        )
        for name, reason in self.functions.excluded.items():
            if name not in before:
                LOGGER.warning("The tool %s cannot be offered to the model: %s", name, reason)
        return [{"type": "function", **definition} for definition in self.functions.definitions]

    def call_limit(self, most: int = MAX_CALLS) -> ToolCallLimit:
        """Return a limit for the calls of these tools; `most` is how many there may be."""
        return ToolCallLimit(self._api, most)

    def check_names(self, patterns: Sequence[str]) -> None:
        """Check that each of these names or patterns is of a tool.

        Raises ServiceValidationError "tool_unknown".
        """
        names = [tool.name for tool in self._api.tools]
        missing = [item for item in patterns if not any(is_named(name, [item]) for name in names)]
        if missing:
            raise validation_error(
                "tool_unknown", missing=", ".join(missing), known=", ".join(names)
            )

    async def async_call(self, function_name: str, arguments: str) -> tuple[Any, str]:
        """Call the tool of a function with `arguments`, a JSON object as text.

        Returns `(result, the result as JSON)`. An error is returned to the model, which may try
        something else, as `error_output` does.
        """
        try:
            await self._async_check_user()
            tool_args = json.loads(arguments or "{}")
            async with asyncio.timeout(_PATIENCE):
                result = await self._api.async_call_tool(
                    llm.ToolInput(
                        tool_name=self.functions.tool_names[function_name],
                        tool_args=tool_args if isinstance(tool_args, dict) else {},
                    )
                )
            answer: Any = getattr(result, "data", result)
            return answer, json_dumps(answer)
        except Exception as err:  # noqa: BLE001
            # Tools come from anywhere and raise anything, and the model waits for an answer.
            LOGGER.debug("The tool %s failed", function_name, exc_info=True)
            return error_output(type(err).__name__, str(err))

    async def _async_check_user(self) -> None:
        """Raise Unauthorized if the user of the context has lost the rights that the tools need."""
        if (user_id := self._context.user_id) is None:
            return
        user = await self._hass.auth.async_get_user(user_id)
        if user is None or not user.is_active or (self.is_admin_only and not user.is_admin):
            raise Unauthorized(context=self._context, user_id=user_id)


def error_output(error: str, text: str) -> tuple[Json, str]:
    """Return the output of a tool call that failed.

    Returns `({"error": …, "error_text": …}, the same as JSON)`.
    """
    answer = {"error": error, "error_text": text}
    return answer, json_dumps(answer)


def is_named(tool_name: str, patterns: Sequence[str]) -> bool:
    """Return whether a tool is among these names or patterns such as `lock__*`.

    The integration in front of a name may be left out: `HassTurnOn` is `intent__HassTurnOn`.
    """
    short = tool_name.rpartition("__")[2]
    return any(
        fnmatchcase(tool_name, pattern) or fnmatchcase(short, pattern) for pattern in patterns
    )
