"""The flows that add and change subentries; their forms are in `assist`.

`assist` is not imported before a form is opened.
"""

from importlib import import_module
import time
from types import ModuleType
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntryState,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    SubentryFlowContext,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant

from .api.service_kinds import fits
from .data import OpenAIConfigEntry
from .subentries import SubentryType
from .types import ModelKind

VOICE_ASSISTANT: Final = "voice_assistant"
"""The flow that adds subentries of several types at once; there is no subentry of this type."""


def _import(name: str) -> ModuleType:
    """Import a module of forms, which only those need who open one; blocks."""
    return import_module(f".assist.{name}", __package__)


class SubentryFlow(ConfigSubentryFlow):
    """Adds or changes a subentry of any type; `assist.subentry_flow` has the forms."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a subentry."""
        return await self._async_step(user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change a subentry."""
        return await self._async_step(user_input)

    async def _async_step(self, user_input: dict[str, Any] | None) -> SubentryFlowResult:
        """Show the form until what it holds is right, then save it."""
        forms = await self.hass.async_add_import_executor_job(_import, "subentry_flow")
        result: SubentryFlowResult = await forms.async_step(self, user_input)
        return result


class VoiceAssistantFlow(ConfigSubentryFlow):
    """Adds all that a voice assistant needs; `assist.voice_assistant_flow` has the form."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the models of the voice assistant, then set it up."""
        forms = await self.hass.async_add_import_executor_job(_import, "voice_assistant_flow")
        result: SubentryFlowResult = await forms.async_step(self, user_input)
        return result


FLOWS: Final[dict[str, type[ConfigSubentryFlow]]] = {
    VOICE_ASSISTANT: VoiceAssistantFlow,
    **{kind.value: SubentryFlow for kind in SubentryType},
}
"""The flow of each type that is offered on the page of an entry."""


async def async_offer_assistant(
    hass: HomeAssistant, result: ConfigFlowResult, models: list[str]
) -> ConfigFlowResult:
    """Let a config flow go on with a voice assistant, if one of the service's models can chat.

    `models` is what the service has just listed, so that it is not asked again. The entry is
    there already: closing the form skips it.
    """
    entry: OpenAIConfigEntry = result["result"]
    if entry.state is ConfigEntryState.LOADED and any(
        fits(name, ModelKind.CHAT) for name in models
    ):
        entry.runtime_data.host.known["models"] = (time.monotonic(), models)
        offer = await hass.config_entries.subentries.async_init(
            (entry.entry_id, VOICE_ASSISTANT), context=SubentryFlowContext(source=SOURCE_USER)
        )
        result["next_flow"] = (FlowType.CONFIG_SUBENTRIES_FLOW, offer["flow_id"])
    return result
