"""The options as a person fills them in."""

import base64
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import section
from openai import AsyncOpenAI
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

SECRET = f"whsec_{base64.b64encode(b'a signing secret of 24 B').decode()}"
HOME = "https://home.example.com"
EXISTS = hasattr(AsyncOpenAI(api_key="unused").webhooks, "create")
PRICES = {"input_price": 1.25, "output_price": 10}


class Form:
    """The options as a person fills them in."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Remember whose options they are."""
        self.hass = hass
        self.entry = entry
        self.said: list[str] = []
        """All that was shown, as text."""
        self._flow_id = ""

    async def open(self) -> dict[str, Any]:
        """Open the form."""
        return self._keep(await self.hass.config_entries.options.async_init(self.entry.entry_id))

    async def submit(self, **user_input: Any) -> dict[str, Any]:
        """Fill it in."""
        manager = self.hass.config_entries.options
        result = self._keep(await manager.async_configure(self._flow_id, user_input))
        await self.hass.async_block_till_done()
        return result

    def _keep(self, result: Any) -> dict[str, Any]:
        """Keep what is shown; what is saved is no part of that."""
        self._flow_id = result["flow_id"]
        shown = {key: value for key, value in result.items() if key != "data"}
        self.said.append(f"{shown} {suggested(shown.get('data_schema') or vol.Schema({}))}")
        return dict(result)


def suggested(schema: vol.Schema) -> dict[str, Any]:
    """Return what a form is filled with, that of its sections below their names."""
    return {
        str(key): suggested(field.schema)
        if isinstance(field, section)
        else (key.description or {}).get("suggested_value")
        for key, field in schema.schema.items()
    }


def url(entry: MockConfigEntry) -> str:
    """Return the address of an entry's webhook."""
    return f"{HOME}/api/webhook/{entry.options['webhook_id']}"


def address(form: dict[str, Any]) -> str:
    """Return the address that a form shows."""
    return str(suggested(form["data_schema"])["webhooks"]["webhook_url"])


def kept(entry: MockConfigEntry) -> dict[str, Any]:
    """Return the options of an entry, but for the random one."""
    return {key: value for key, value in entry.options.items() if key != "webhook_id"}
