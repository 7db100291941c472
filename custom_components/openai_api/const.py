"""Names and defaults that several modules share."""

import logging
from typing import Any, Final

from homeassistant.const import Platform
from homeassistant.util.signal_type import SignalType, SignalTypeFormat

DOMAIN: Final = "openai_api"
LOGGER = logging.getLogger(__package__)
PLATFORMS: Final = (Platform.BINARY_SENSOR, Platform.IMAGE, Platform.SENSOR)

CONF_ACTION_ACCESS: Final = "action_access"
CONF_API_KEY_SOURCE: Final = "api_key_source"
CONF_AUTH_METHOD: Final = "auth_method"
CONF_AUTH_NAME: Final = "auth_name"
CONF_BASE_URL: Final = "base_url"
CONF_CACHED_INPUT_PRICE: Final = "cached_input_price"
CONF_DEFAULT_MODELS: Final = "default_models"
CONF_EXTRA_HEADERS: Final = "extra_headers"
CONF_EXTRA_QUERY: Final = "extra_query"
CONF_INCLUDE_TEXT: Final = "include_text"
"""Whether the turn event has the texts of the turn."""
CONF_INCLUDE_USAGE: Final = "include_usage"
"""When streams are asked to report the tokens that they take; see `request_defaults`."""
CONF_INPUT_PRICE: Final = "input_price"
CONF_IS_PREFERRED: Final = "is_preferred"
CONF_KEEP_DAYS: Final = "keep_days"
CONF_KEEP_MEGABYTES: Final = "keep_megabytes"
CONF_MAX_RETRIES: Final = "max_retries"
CONF_ORGANIZATION: Final = "organization"
CONF_OUTPUT_PRICE: Final = "output_price"
CONF_PROJECT: Final = "project"
CONF_RECORD_EVENTS: Final = "record_events"
CONF_SERVICE_KIND: Final = "service_kind"
CONF_SKIP_VALIDATION: Final = "skip_validation"
CONF_WEBHOOK_ENDPOINT_ID: Final = "webhook_endpoint_id"
CONF_WEBHOOK_SECRET: Final = "webhook_secret"  # noqa: S105

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
DEFAULT_TIMEOUT: Final = 300.0
"""Seconds: a reasoning model may think for minutes before it answers."""
DEFAULT_MAX_RETRIES: Final = 2

EVENT_CONNECTION: Final = "openai_api_connection_event"
EVENT_PROGRESS: Final = "openai_api_progress_event"
EVENT_REALTIME: Final = "openai_api_realtime_event"
EVENT_SERVER: Final = "openai_api_server_event"
EVENT_STREAM: Final = "openai_api_stream_event"
EVENT_TURN: Final = "openai_api_turn_event"
EVENT_WEBHOOK: Final = "openai_api_webhook_event"
EVENT_TYPES: Final = (
    EVENT_CONNECTION,
    EVENT_PROGRESS,
    EVENT_REALTIME,
    EVENT_SERVER,
    EVENT_STREAM,
    EVENT_TURN,
    EVENT_WEBHOOK,
)
SIGNAL_AVAILABILITY: Final[SignalTypeFormat[()]] = SignalTypeFormat(f"{DOMAIN}_availability_{{}}")
"""With an entry's id: its host can be reached again, or no longer."""
SIGNAL_ERROR: Final[SignalTypeFormat[str]] = SignalTypeFormat(f"{DOMAIN}_error_{{}}")
"""With an entry's id: something went wrong there, in words fit to show."""
SIGNAL_FILE_SAVED: Final[SignalType[str, dict[str, Any]]] = SignalType(f"{DOMAIN}_saved")
"""With an entry's id: an action has saved a file for it, as its answer describes it."""
SIGNAL_FILES_DELETED: Final[SignalType[()]] = SignalType(f"{DOMAIN}_tidied")
"""Saved files may have been deleted."""

SPEECH_VOICES: Final = (
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
"""Those of OpenAI, whose names many other services take, too; any other can be typed in."""
