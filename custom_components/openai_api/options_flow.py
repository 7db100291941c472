"""Options flow: default models, access, webhooks, saved files and costs of a service."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlowWithReload
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.data_entry_flow import section
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from .actions.webhooks import EVENT_TYPES
from .api.config import ApiKeyNotFound, HostConfig, InvalidSettings
from .api.host import ServiceHost
from .api.request_defaults import IncludeUsage
from .api.service_kinds import OTHER, kind_of, model_ids, sort_models
from .api.validate import async_validate_host
from .connection_form import KIND_SELECTOR, dropdown
from .const import (
    CONF_ACTION_ACCESS,
    CONF_CACHED_INPUT_PRICE,
    CONF_DEFAULT_MODELS,
    CONF_INCLUDE_TEXT,
    CONF_INCLUDE_USAGE,
    CONF_INPUT_PRICE,
    CONF_IS_PREFERRED,
    CONF_KEEP_DAYS,
    CONF_KEEP_MEGABYTES,
    CONF_OUTPUT_PRICE,
    CONF_RECORD_EVENTS,
    CONF_SERVICE_KIND,
    CONF_WEBHOOK_ENDPOINT_ID,
    CONF_WEBHOOK_SECRET,
)
from .data import OpenAIConfigEntry
from .exceptions import (
    ApiError,
    AuthenticationFailed,
    ConnectionFailed,
    EntryUnloaded,
    MethodMissing,
    RequestTimedOut,
    SigningSecretMissing,
)
from .permissions import ActionAccess
from .webhooks.endpoint import async_create, async_delete, webhook_url
from .webhooks.receiver import get_webhook_id
from .webhooks.signature import is_valid_secret

_ACCESS: Final = "access"
_SECTIONS: Final = (_ACCESS, "webhooks", "saved_files", "costs")
_LIST_TIMEOUT: Final = 5.0
"""Seconds that the form may wait for the service's list of models."""
_SET_UP: Final = "set_up_webhook"
_REMOVE: Final = "remove_webhook"
_EVENT_TYPES: Final = "event_types"
_URL: Final = "webhook_url"
_WEBHOOK: Final = frozenset({CONF_WEBHOOK_ENDPOINT_ID, CONF_WEBHOOK_ID, CONF_WEBHOOK_SECRET})
_UNSUPPORTED: Final = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)

_USUAL: Final = {
    CONF_ACTION_ACCESS: ActionAccess.BY_ACTION.value,
    CONF_INCLUDE_USAGE: IncludeUsage.BY_SERVICE.value,
    CONF_IS_PREFERRED: False,
}

_EVENTS_SCHEMA: Final = vol.Schema(
    {
        vol.Required(_EVENT_TYPES): SelectSelector(
            SelectSelectorConfig(
                options=list(EVENT_TYPES),
                multiple=True,
                custom_value=True,
                mode=SelectSelectorMode.DROPDOWN,
            )
        )
    }
)


class OptionsFlow(OptionsFlowWithReload):
    """Asks for the options, those of one topic in a section of their own."""

    def __init__(self) -> None:
        self._user_input: dict[str, Any] = {}
        """What the form holds, without its sections; None for what was left blank."""
        self._event_types: list[str] = []
        self._models: list[str] | None = None
        """What the service offers; None until it was asked."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the options, and save them."""
        if self._models is None:
            self._models = await self._async_models()
        if user_input is None:
            return self._show_form()
        typed = _flatten_input(self._schema(), user_input)
        sets_up, removes = (typed.pop(key, False) for key in (_SET_UP, _REMOVE))
        # What is as it would be anyway is not saved.
        usual = {**_USUAL, CONF_SERVICE_KIND: _key_of_kind(self.config_entry.data, {})}
        typed |= {key: None for key, value in usual.items() if typed.get(key) == value}
        # It was shown to be copied.
        typed.pop(_URL, None)
        # It is not shown, so a blank field keeps the one that is saved, or was typed before.
        secret = (typed.pop(CONF_WEBHOOK_SECRET, None) or "").strip()
        self._user_input |= typed
        if removes:
            await async_delete(self.config_entry, self._host())
            return self._save(dict.fromkeys(_WEBHOOK))
        if secret and not is_valid_secret(secret):
            return self._show_form("not_a_secret")
        if secret:
            self._user_input[CONF_WEBHOOK_SECRET] = secret
        return await self.async_step_webhook() if sets_up else self._save({})

    async def async_step_webhook(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which events the server is to send, and create the webhook."""
        url = self._url
        if not url.startswith("https:"):
            return self._show_form("no_external_url")
        if user_input is None or not user_input[_EVENT_TYPES]:
            return self.async_show_form(
                step_id="webhook",
                data_schema=self.add_suggested_values_to_schema(
                    _EVENTS_SCHEMA, {_EVENT_TYPES: self._event_types}
                ),
                errors=None if user_input is None else {_EVENT_TYPES: "no_event_types"},
                description_placeholders={_URL: url},
            )
        self._event_types = user_input[_EVENT_TYPES]
        if (host := self._host()) is None:
            return self._show_form("cannot_connect")
        try:
            made = await async_create(host, url, self._event_types)
        except HomeAssistantError as err:
            return self._show_form(_error_key(err), **(err.translation_placeholders or {}))
        await async_delete(self.config_entry, host)
        return self._save(made)

    async def _async_models(self) -> list[str]:
        """Return the ids of the service's models; none if it does not list them."""
        try:
            settings = HostConfig.from_data(self.config_entry.data)
            checked = await async_validate_host(self.hass, settings, _LIST_TIMEOUT)
        except HomeAssistantError, InvalidSettings, ApiKeyNotFound:
            # What is wrong is shown elsewhere; names can be entered all the same.
            return []
        return model_ids(checked.answer)

    @property
    def _url(self) -> str:
        """Where the host finds the webhook."""
        # A URL that was copied must be the same when the form is opened again.
        return webhook_url(self.hass, get_webhook_id(self.hass, self.config_entry))

    def _host(self) -> ServiceHost | None:
        """Return the host of the entry, None if it is not loaded."""
        entry: OpenAIConfigEntry = self.config_entry
        return entry.runtime_data.host if entry.state is ConfigEntryState.LOADED else None

    def _show_form(self, error: str | None = None, **placeholders: str) -> ConfigFlowResult:
        """Show the form with what is saved, or with what was typed and what is wrong with it."""
        options = self.config_entry.options
        shown = {
            CONF_SERVICE_KIND: _key_of_kind(self.config_entry.data, options),
            **options,
            **self._user_input,
        }
        shown.pop(CONF_WEBHOOK_SECRET, None)
        if not isinstance(shown.get(CONF_DEFAULT_MODELS), Mapping):
            shown.pop(CONF_DEFAULT_MODELS, None)
        shown[_URL] = self._url
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                self._schema(), shown | dict.fromkeys(_SECTIONS, shown)
            ),
            errors={"base": error} if error else None,
            description_placeholders=placeholders,
        )

    def _save(self, changes: Mapping[str, Any]) -> ConfigFlowResult:
        """Save what the form holds, and what it does not show."""
        found = {**self.config_entry.options, **self._user_input, **changes}
        return self.async_create_entry(
            data={key: value for key, value in found.items() if value is not None}
        )

    def _schema(self) -> vol.Schema:
        """Return the form."""
        currency = self.hass.config.currency
        price = _number(0, "any", f"{currency}/1M")
        removal: dict[vol.Marker, Any] = (
            {vol.Optional(_REMOVE, default=False): BooleanSelector()}
            if CONF_WEBHOOK_SECRET in self.config_entry.options
            else {}
        )
        return vol.Schema(
            {
                vol.Optional(CONF_IS_PREFERRED, default=False): BooleanSelector(),
                vol.Required(CONF_RECORD_EVENTS, default=False): BooleanSelector(),
                vol.Optional(CONF_INCLUDE_TEXT): BooleanSelector(),
                **_section(
                    CONF_DEFAULT_MODELS,
                    {
                        vol.Optional(purpose.value): _model_selector(names)
                        for purpose, names in sort_models(self._models or ()).items()
                    },
                ),
                **_section(
                    _ACCESS,
                    {
                        vol.Optional(CONF_SERVICE_KIND): KIND_SELECTOR,
                        vol.Optional(
                            CONF_INCLUDE_USAGE, default=IncludeUsage.BY_SERVICE.value
                        ): dropdown(IncludeUsage, CONF_INCLUDE_USAGE),
                        vol.Optional(
                            CONF_ACTION_ACCESS, default=ActionAccess.BY_ACTION.value
                        ): dropdown(ActionAccess, CONF_ACTION_ACCESS),
                    },
                ),
                **_section(
                    "webhooks",
                    {
                        vol.Optional(_SET_UP, default=False): BooleanSelector(),
                        vol.Optional(_URL): TextSelector(
                            TextSelectorConfig(multiline=True, read_only=True)
                        ),
                        vol.Optional(CONF_WEBHOOK_SECRET): TextSelector(
                            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
                        ),
                        **removal,
                    },
                ),
                **_section(
                    "saved_files",
                    {
                        vol.Optional(CONF_KEEP_DAYS): _number(1, 1, "d"),
                        vol.Optional(CONF_KEEP_MEGABYTES): _number(1, 1, "MB"),
                    },
                ),
                **_section(
                    "costs",
                    {
                        vol.Optional(CONF_INPUT_PRICE): price,
                        vol.Optional(CONF_CACHED_INPUT_PRICE): price,
                        vol.Optional(CONF_OUTPUT_PRICE): price,
                    },
                ),
            }
        )


def _section(key: str, fields: dict[vol.Marker, Any]) -> dict[vol.Marker, Any]:
    """Return a collapsed section of the form."""
    # With a default of its own, the frontend would not show what is in it.
    return {vol.Optional(key): section(vol.Schema(fields), {"collapsed": True})}


def _key_of_kind(data: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Return the key of the kind of an entry's service."""
    kind = kind_of(data, options)
    return kind.key if kind else OTHER


def _model_selector(names: list[str]) -> SelectSelector:
    """Return a list of models that also takes a name that is not in it."""
    return SelectSelector(
        SelectSelectorConfig(
            options=names, custom_value=True, mode=SelectSelectorMode.DROPDOWN, sort=False
        )
    )


def _number(least: float, step: Any, unit: str) -> NumberSelector:
    """Return a box for a number."""
    return NumberSelector(
        NumberSelectorConfig(
            min=least, step=step, mode=NumberSelectorMode.BOX, unit_of_measurement=unit
        )
    )


def _flatten_input(schema: vol.Schema, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form holds without its sections, and None for what was left blank."""
    found: dict[str, Any] = {}
    for key, field in schema.schema.items():
        if not isinstance(field, section):
            value = user_input.get(key)
            found[str(key)] = None if value == "" else value
        elif key in user_input:
            inner = _flatten_input(field.schema, user_input[key])
            if key == CONF_DEFAULT_MODELS:
                # The one section that is an option itself.
                models = {name: value.strip() for name, value in inner.items() if value}
                inner = {str(key): {name: value for name, value in models.items() if value} or None}
            found |= inner
    return found


def _error_key(err: HomeAssistantError) -> str:
    """Return the key of what to say when the host does not set up the webhook."""
    match err:
        case MethodMissing() | SigningSecretMissing():
            return "webhooks_unsupported"
        case ApiError() if err.status in _UNSUPPORTED:
            return "webhooks_unsupported"
        case AuthenticationFailed():
            return "invalid_auth"
        case ConnectionFailed() | RequestTimedOut() | EntryUnloaded():
            return "cannot_connect"
        case ApiError() if err.details:
            return "webhook_refused"
    # What answers nothing that can be read does not know webhooks.
    return "webhooks_unsupported"
