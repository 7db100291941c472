"""Triggers on the integration's events."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, override

from homeassistant.const import CONF_OPTIONS
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import (
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .actions import ACTIONS
from .automation_options import CONF_CONFIG_ENTRY_ID, async_validate, one_or_more
from .const import (
    EVENT_CONNECTION,
    EVENT_PROGRESS,
    EVENT_REALTIME,
    EVENT_SERVER,
    EVENT_STREAM,
    EVENT_TURN,
    EVENT_WEBHOOK,
)
from .events import EventTexts
from .realtime.notices import RealtimeNotice
from .types import Json
from .websocket.state import State, Transport

TRANSPORTS: Final = tuple(transport.value for transport in Transport)
NOTICES: Final = tuple(notice.value for notice in RealtimeNotice)
TURN_KINDS: Final = ("conversation", "ai_task", "stt", "tts", "realtime")
TURN_ENDS: Final = ("done", "cancelled", "failed", "fallback")
# The key of the event where it differs from the option.
_OPTION_TO_EVENT_KEY: Final = {"to": "state"}
# `trigger.id` is the id that the automation gives to the trigger.
_EVENT_TO_TRIGGER_KEY: Final = {"id": "object_id"}


def _schema(**validators: Any) -> vol.Schema:
    """Return the check of a trigger: each option takes one value or several, or is left out."""
    options = {CONF_CONFIG_ENTRY_ID: cv.string, **validators}
    return vol.Schema(
        {
            vol.Required(CONF_OPTIONS, default=dict): {
                vol.Optional(key): one_or_more(check) for key, check in options.items()
            }
        }
    )


class EventTrigger(Trigger):
    """A trigger on events whose values are all among those that its options name."""

    event_type: ClassVar[str]
    schema: ClassVar[vol.Schema]
    description: ClassVar[str]
    """With the event's keys in braces."""

    @override
    @classmethod
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        return async_validate(hass, config, cls.schema)

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Initialize the trigger; an option left empty is like one left out."""
        super().__init__(hass, config)
        self._criteria = {
            _OPTION_TO_EVENT_KEY.get(option, option): values
            for option, values in (config.options or {}).items()
            if values
        }

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        @callback
        def handle_event(event: Event[Json]) -> None:
            data = event.data
            payload = {_EVENT_TO_TRIGGER_KEY.get(key, key): value for key, value in data.items()}
            run_action(payload, self.description.format_map(EventTexts(data)), event.context)

        return self._hass.bus.async_listen(self.event_type, handle_event, event_filter=self.matches)

    @callback
    def matches(self, event: Mapping[str, Any]) -> bool:
        """Return whether an event has a value that the options name, for each option."""
        return all(event.get(key) in values for key, values in self._criteria.items())


class ServerEventTrigger(EventTrigger):
    """A service has sent an event over a WebSocket."""

    event_type = EVENT_SERVER
    schema = _schema(connection_id=cv.string, event_type=cv.string, transport=vol.In(TRANSPORTS))
    description = "server event {event_type} on connection {connection_id}"


class RealtimeNoticeTrigger(EventTrigger):
    """A realtime connection has fired a notice."""

    event_type = EVENT_REALTIME
    schema = _schema(connection_id=cv.string, type=vol.In(NOTICES))
    description = "realtime notice {type} on connection {connection_id}"


class ConnectionStateTrigger(EventTrigger):
    """A connection has changed its state."""

    event_type = EVENT_CONNECTION
    schema = _schema(
        connection_id=cv.string,
        to=vol.In([state.value for state in State]),
        transport=vol.In(TRANSPORTS),
    )
    description = "connection {connection_id} {state}"

    @override
    @callback
    def matches(self, event: Mapping[str, Any]) -> bool:
        # A message that is not JSON is reported by the same event, with the state unchanged.
        is_change = event.get("state") != State.CONNECTED or not event.get("error")
        return is_change and super().matches(event)


class StreamEventTrigger(EventTrigger):
    """An event of a streamed answer has arrived."""

    event_type = EVENT_STREAM
    schema = _schema(action=vol.In([action.key for action in ACTIONS]), event_type=cv.string)
    description = "stream event {event_type} of {action}"


class ProgressTrigger(EventTrigger):
    """The server has reported the progress of its work."""

    event_type = EVENT_PROGRESS
    schema = _schema(
        action=vol.In([action.key for action in ACTIONS]),
        done=cv.boolean,
        id=cv.string,
        status=cv.string,
    )
    description = "progress of {action}: {id} is {status}"


class WebhookEventTrigger(EventTrigger):
    """The server has sent a webhook event."""

    event_type = EVENT_WEBHOOK
    schema = _schema(event_type=cv.string)
    description = "webhook event {event_type}"


class TurnEndedTrigger(EventTrigger):
    """A turn of an Assist entity has ended."""

    event_type = EVENT_TURN
    schema = _schema(kind=vol.In(TURN_KINDS), ended=vol.In(TURN_ENDS), entity_id=cv.entity_id)
    description = "turn of {entity_id} ended: {ended}"


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers as `{key: class}`."""
    return {
        "server_event": ServerEventTrigger,
        "realtime_notice": RealtimeNoticeTrigger,
        "connection_state": ConnectionStateTrigger,
        "stream_event": StreamEventTrigger,
        "progress": ProgressTrigger,
        "turn_ended": TurnEndedTrigger,
        "webhook_event": WebhookEventTrigger,
    }
