"""A real Home Assistant core in this process, with the integration and nothing it can do without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from homeassistant import bootstrap, loader
from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntries,
    ConfigEntry,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant
from homeassistant.core_config import async_process_ha_core_config
from homeassistant.setup import async_setup_component

from tests.harness.config_dir import prepare
from tests.harness.process import free_port

DOMAIN = "openai_api"
KEY = "sk-benchmark-0123456789"


@asynccontextmanager
async def core() -> AsyncIterator[HomeAssistant]:
    """Start Home Assistant in a new folder, and stop it."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        prepare(Path(folder), free_port())
        hass = HomeAssistant(folder)
        hass.config.skip_pip = True
        loader.async_setup(hass)
        hass.config_entries = ConfigEntries(hass, {})
        await loader.async_get_custom_components(hass)
        assert await bootstrap.async_load_base_functionality(hass)
        await async_process_ha_core_config(hass, {"media_dirs": {"local": f"{folder}/media"}})
        for component in ("homeassistant", "http", "media_source"):
            assert await async_setup_component(hass, component, {})
        await hass.async_start()
        try:
            yield hass
        finally:
            await hass.async_stop(force=True)


def new_entry(base_url: str, **changes: Any) -> ConfigEntry:
    """Return the entry of a service."""
    data = {"base_url": base_url, "api_key": KEY, "timeout": 60.0, "max_retries": 0, **changes}
    return ConfigEntry(
        data=data,
        discovery_keys=MappingProxyType({}),
        domain=DOMAIN,
        minor_version=1,
        options={},
        source=SOURCE_USER,
        subentries_data=None,
        title="Benchmark",
        unique_id=None,
        version=1,
    )


@asynccontextmanager
async def loaded_core(base_url: str, **changes: Any) -> AsyncIterator[HomeAssistant]:
    """Start Home Assistant with a service."""
    async with core() as hass:
        entry = new_entry(base_url, **changes)
        await hass.config_entries.async_add(entry)
        assert entry.state is ConfigEntryState.LOADED, entry.state
        yield hass
