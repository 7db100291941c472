"""Follows the subentries of a loaded entry: their entities come, change and go without a reload."""

import asyncio
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module
from typing import Any, Final

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
    ConfigSubentry,
)
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.setup import async_setup_component

from . import issues
from .const import LOGGER


class SubentryType(StrEnum):
    """What of Assist a service can be."""

    CONVERSATION = "conversation"
    AI_TASK = "ai_task_data"
    STT = "stt"
    TTS = "tts"
    REALTIME = "realtime"


PLATFORMS: Final[Mapping[str, tuple[Platform, ...]]] = {
    SubentryType.CONVERSATION: (Platform.CONVERSATION,),
    SubentryType.AI_TASK: (Platform.AI_TASK,),
    SubentryType.STT: (Platform.STT,),
    SubentryType.TTS: (Platform.TTS,),
    SubentryType.REALTIME: (Platform.CONVERSATION, Platform.STT, Platform.TTS),
}
"""The platforms on which a subentry of a type has an entity."""

type MakeEntity = Callable[[ConfigEntry[Any], ConfigSubentry], Entity]


class Subentries:
    """The subentries of one loaded entry, and the platforms that were set up for them."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Follow none yet."""
        self.platforms: list[Platform] = []
        """Those that could be set up."""
        self._hass = hass
        self._entry = entry
        self._known: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._adders: dict[Platform, Callable[[ConfigSubentry], None]] = {}
        self._tried: set[Platform] = set()
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._add_sensors: AddConfigEntryEntitiesCallback | None = None
        self._lock = asyncio.Lock()

    async def async_start(self) -> None:
        """Set up what the subentries need, and follow them until the entry is unloaded."""
        self._entry.async_on_unload(
            async_dispatcher_connect(self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._on_change)
        )
        self._compare()
        await self._async_forward()

    @callback
    def add_platform(
        self,
        platform: Platform,
        make: Mapping[SubentryType, MakeEntity],
        async_add_entities: AddConfigEntryEntitiesCallback,
    ) -> None:
        """Add an entity for every subentry, now and later, whose type `make` has a class for."""

        @callback
        def add(subentry: ConfigSubentry) -> None:
            if subentry.subentry_type in make:
                entity = make[SubentryType(subentry.subentry_type)](self._entry, subentry)
                async_add_entities([entity], config_subentry_id=subentry.subentry_id)

        self._adders[platform] = add
        for subentry in self._entry.subentries.values():
            add(subentry)

    @callback
    def add_sensors(self, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
        """Add the sensors of every subentry, now and later; without any, nothing is imported."""
        self._add_sensors = async_add_entities
        for subentry in self._entry.subentries.values():
            if subentry.subentry_id in self._known:
                self._start_sensors(subentry)

    @callback
    def _start_sensors(self, subentry: ConfigSubentry) -> None:
        """Add the sensors of a subentry, once their module is imported."""
        if self._add_sensors is not None and subentry.subentry_type in PLATFORMS:
            self._entry.async_create_task(
                self._hass, self._async_add_sensors(self._add_sensors, subentry), "assist sensors"
            )

    async def _async_add_sensors(
        self, async_add_entities: AddConfigEntryEntitiesCallback, subentry: ConfigSubentry
    ) -> None:
        """Import the module of the sensors, and add those of a subentry that is still there."""
        # Nothing of `assist` is imported before the first subentry needs it.
        module = await self._hass.async_add_import_executor_job(
            import_module, f"{__package__}.assist.sensor"
        )
        if subentry.subentry_id in self._entry.subentries:
            sensors = module.make_sensors(self._entry, subentry)
            async_add_entities(sensors, config_subentry_id=subentry.subentry_id)

    @callback
    def listen(self, subentry_id: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener when the options of a subentry change; returns how to stop it."""
        listeners = self._listeners.setdefault(subentry_id, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    @callback
    def _on_change(self, change: ConfigEntryChange, entry: ConfigEntry[Any]) -> None:
        """Handle a change of the entry."""
        if entry is not self._entry or change is not ConfigEntryChange.UPDATED:
            return
        self._compare()
        if entry.state is ConfigEntryState.LOADED and self._missing():
            entry.async_create_task(self._hass, self._async_forward(), "assist platforms")

    @callback
    def _compare(self) -> None:
        """Notify platforms of new subentries, and entities of changed ones.

        The entities of one that is gone are removed by Home Assistant's registry.
        """
        current = self._entry.subentries
        for gone in self._known.keys() - current.keys():
            del self._known[gone]
            issues.settle_model(self._hass, gone)
        for key, subentry in current.items():
            known, now = self._known.get(key), (subentry.title, subentry.data)
            self._known[key] = now
            if known is None:
                for platform in PLATFORMS.get(subentry.subentry_type, ()):
                    if platform in self._adders:
                        self._adders[platform](subentry)
                self._start_sensors(subentry)
            elif known != now:
                issues.settle_model(self._hass, key)
                for listener in tuple(self._listeners.get(key, ())):
                    listener()

    def _missing(self) -> list[Platform]:
        """Return the platforms that a subentry needs and that were not set up yet."""
        needed = (
            platform
            for subentry in self._entry.subentries.values()
            for platform in PLATFORMS.get(subentry.subentry_type, ())
        )
        return [platform for platform in dict.fromkeys(needed) if platform not in self._tried]

    async def _async_forward(self) -> None:
        """Set up the platforms that are missing."""
        async with self._lock:
            while missing := self._missing():
                self._tried.add(platform := missing[0])
                # Whatever is wrong with an entity, the actions go on.
                try:
                    # Its requirements must be there before our platform is imported.
                    if not await async_setup_component(self._hass, platform, {}):
                        LOGGER.error("%s is not available, which a subentry needs", platform)
                        continue
                    await self._hass.config_entries.async_forward_entry_setups(
                        self._entry, [platform]
                    )
                except Exception:  # noqa: BLE001
                    LOGGER.exception("The %s platform could not be set up", platform)
                else:
                    self.platforms.append(platform)
