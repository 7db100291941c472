"""Diagnostic sensors of the last turn of a subentry, disabled by default."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime
from homeassistant.core import callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..data import OpenAIConfigEntry
from ..subentries import SubentryType
from ..types import Json
from .entity import device_info_of
from .turns import SIGNAL_TURN


@dataclass(frozen=True, kw_only=True)
class TurnSensorDescription(SensorEntityDescription):
    """A value of a turn."""

    value: Callable[[Json], float | None]
    """Returns the value from the data of a turn; None if the turn has none."""


def _cached_share(turn: Json) -> float | None:
    """Return the percentage of the input tokens that came from the cache of the service."""
    sent = turn["input_tokens"]
    return round(100 * turn["cached_tokens"] / sent, 1) if sent else None


def _duration(key: str) -> TurnSensorDescription:
    """Return the description of a time that a turn has under `key` + `_ms`."""
    return TurnSensorDescription(
        key=key,
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        suggested_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=2,
        value=lambda turn: turn[f"{key}_ms"],
    )


_FIRST_PIECE: Final = _duration("first_piece")
_FIRST_SOUND: Final = _duration("first_sound")
_CACHED_SHARE: Final = TurnSensorDescription(
    key="cached_share",
    native_unit_of_measurement=PERCENTAGE,
    suggested_display_precision=0,
    value=_cached_share,
)
_DESCRIPTIONS: Final = {
    SubentryType.CONVERSATION: (_FIRST_PIECE, _CACHED_SHARE),
    SubentryType.AI_TASK: (_FIRST_PIECE, _CACHED_SHARE),
    SubentryType.TTS: (_FIRST_SOUND,),
    SubentryType.REALTIME: (_FIRST_PIECE, _FIRST_SOUND, _CACHED_SHARE),
}


class TurnSensor(SensorEntity):
    """A value of the last turn that had it."""

    entity_description: TurnSensorDescription
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
    _attr_has_entity_name = True
    _attr_should_poll = False
    _attr_state_class = SensorStateClass.MEASUREMENT

    def __init__(
        self, entry: OpenAIConfigEntry, subentry: ConfigSubentry, description: TurnSensorDescription
    ) -> None:
        """Initialize the sensor."""
        self.entity_description = description
        self._turns = entry.runtime_data.turns
        self._subentry_id = subentry.subentry_id
        self._attr_translation_key = description.key
        self._attr_unique_id = f"{subentry.subentry_id}_{description.key}"
        self._attr_device_info = device_info_of(entry, subentry)

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        signal = SIGNAL_TURN.format(self._subentry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._on_turn))

    @callback
    def _on_turn(self) -> None:
        """Update the value from the turn that has just ended."""
        turn: Any = self._turns[self._subentry_id]
        value = self.entity_description.value(turn)
        if value is not None:
            self._attr_native_value = value
            self.async_write_ha_state()


@callback
def make_sensors(entry: OpenAIConfigEntry, subentry: ConfigSubentry) -> list[TurnSensor]:
    """Return the sensors of a subentry."""
    if subentry.subentry_type not in _DESCRIPTIONS:
        return []
    kind = SubentryType(subentry.subentry_type)
    return [TurnSensor(entry, subentry, description) for description in _DESCRIPTIONS[kind]]
