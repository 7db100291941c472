"""An API for language models that offers a test's own tools."""

from typing import override

from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm


class ToolsApi(llm.API):
    """Offers these tools to everybody."""

    def __init__(
        self, hass: HomeAssistant, api_id: str, tools: list[llm.Tool], prompt: str
    ) -> None:
        super().__init__(hass=hass, id=api_id, name=api_id.title())
        self._tools, self._prompt = tools, prompt

    @override
    async def async_get_api_instance(self, llm_context: llm.LLMContext) -> llm.APIInstance:
        return llm.APIInstance(self, self._prompt, llm_context, tools=self._tools)


class BrokenApi(ToolsApi):
    """Raises what Home Assistant does not expect, such as that its server is away."""

    @override
    async def async_get_api_instance(self, llm_context: llm.LLMContext) -> llm.APIInstance:
        raise ConnectionResetError("The server of the tools is away")


def add_api(
    hass: HomeAssistant,
    api_id: str,
    *tools: llm.Tool,
    prompt: str = "Use the tools.",
    kind: type[ToolsApi] = ToolsApi,
) -> None:
    """Let Home Assistant have an API of this id."""
    llm.async_register_api(hass, kind(hass, api_id, list(tools), prompt))
