"""Sets up a service host: where it is, and how it wants to be asked."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
)
from homeassistant.const import CONF_API_KEY, CONF_TIMEOUT, CONF_VERIFY_SSL
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.translation import async_get_translations
import voluptuous as vol

from .const import (
    CONF_API_KEY_SOURCE,
    CONF_AUTH_METHOD,
    CONF_AUTH_NAME,
    CONF_BASE_URL,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_MAX_RETRIES,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    CONF_SKIP_VALIDATION,
    DEFAULT_BASE_URL,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    DOMAIN,
    LOGGER,
)
from .errors import AuthFailed
from .options_flow import OptionsFlow
from .settings import AuthMethod, InvalidUrl, KeyNotFound, KeySource, Settings, parse_url
from .subentries import SubentryFlow, SubentryType
from .validation import async_check_host

_TEXT = TextSelector()
_KEY_FIELDS: dict[vol.Marker, Any] = {
    vol.Required(CONF_API_KEY_SOURCE, default=KeySource.STORED.value): SelectSelector(
        SelectSelectorConfig(
            options=[source.value for source in KeySource],
            translation_key=CONF_API_KEY_SOURCE,
            mode=SelectSelectorMode.LIST,
        )
    ),
    vol.Optional(CONF_API_KEY): TextSelector(
        TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
    ),
}
_HOST_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_BASE_URL, default=DEFAULT_BASE_URL): TextSelector(
            TextSelectorConfig(type=TextSelectorType.URL)
        ),
        vol.Required(CONF_AUTH_METHOD, default=AuthMethod.BEARER.value): SelectSelector(
            SelectSelectorConfig(
                options=[method.value for method in AuthMethod],
                translation_key=CONF_AUTH_METHOD,
                mode=SelectSelectorMode.DROPDOWN,
            )
        ),
        vol.Optional(CONF_AUTH_NAME): _TEXT,
        **_KEY_FIELDS,
        vol.Optional(CONF_ORGANIZATION): _TEXT,
        vol.Optional(CONF_PROJECT): _TEXT,
        vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
        vol.Required(CONF_TIMEOUT, default=DEFAULT_TIMEOUT): NumberSelector(
            NumberSelectorConfig(
                min=1, max=3600, step="any", mode=NumberSelectorMode.BOX, unit_of_measurement="s"
            )
        ),
        vol.Required(CONF_MAX_RETRIES, default=DEFAULT_MAX_RETRIES): NumberSelector(
            NumberSelectorConfig(min=0, max=10, step=1, mode=NumberSelectorMode.BOX)
        ),
        vol.Optional(CONF_EXTRA_HEADERS): ObjectSelector(),
        vol.Optional(CONF_EXTRA_QUERY): ObjectSelector(),
        vol.Required(CONF_SKIP_VALIDATION, default=False): BooleanSelector(),
    }
)
_KEY_SCHEMA = vol.Schema(_KEY_FIELDS)


class OpenAIConfigFlow(ConfigFlow, domain=DOMAIN):
    """Asks for a service host and tries it out before it is saved."""

    VERSION = 1

    def __init__(self) -> None:
        self._typed: dict[str, Any] = {}
        self._reason = ""
        """What the host said, where it does not do."""

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the flow for everything that is not the connection."""
        return OptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the flow for each part of Assist."""
        return dict.fromkeys((kind.value for kind in SubentryType), SubentryFlow)

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Add a service host."""
        return await self._async_step("user", _HOST_SCHEMA, {}, user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change any setting of a service host."""
        entry = self._get_reconfigure_entry()
        return await self._async_step("reconfigure", _HOST_SCHEMA, entry.data, user_input)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Ask for a new key, for the host has refused the one it got."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take a new key."""
        entry = self._get_reauth_entry()
        if user_input is not None:
            kept = {key: value for key, value in entry.data.items() if key != CONF_API_KEY}
            user_input = {**kept, CONF_SKIP_VALIDATION: False, **user_input}
        return await self._async_step("reauth_confirm", _KEY_SCHEMA, entry.data, user_input)

    async def _async_step(
        self,
        step_id: str,
        data_schema: vol.Schema,
        known: Mapping[str, Any],
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Show the form until what it holds works, then save it."""
        errors: dict[str, str] = {}
        if user_input is not None:
            # A key typed before stays in mind, for it is shown to nobody, not even once more.
            known = {**known, **self._typed}
            data = _clean(user_input, known)
            self._typed = {
                key: data[key] for key in (CONF_API_KEY, CONF_API_KEY_SOURCE) if key in data
            }
            if not (errors := await self._async_try(data)):
                return self._save(data)
        shown = {key: value for key, value in (user_input or known).items() if key != CONF_API_KEY}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(data_schema, shown),
            errors=errors,
            description_placeholders={"host": _title(known), "reason": self._reason},
        )

    async def _async_try(self, data: dict[str, Any]) -> dict[str, str]:
        """Return what is wrong with the settings, by field; empty if they work."""
        if data[CONF_AUTH_METHOD] in {AuthMethod.HEADER, AuthMethod.QUERY} and not data.get(
            CONF_AUTH_NAME
        ):
            return {CONF_AUTH_NAME: "auth_name_missing"}
        for key in (CONF_EXTRA_HEADERS, CONF_EXTRA_QUERY):
            if not _is_flat(data.get(key, {})):
                return {key: "not_an_object"}
        try:
            settings = Settings.from_data(data)
        except InvalidUrl:
            return {CONF_BASE_URL: "invalid_url"}
        except KeyNotFound:
            return {CONF_API_KEY: "key_not_found"}
        self._abort_if_known(data)
        if data[CONF_SKIP_VALIDATION]:
            return {}
        try:
            await async_check_host(self.hass, settings)
        except AuthFailed:
            return {"base": "invalid_auth"}
        except HomeAssistantError as err:
            is_forbidden = err.translation_key == "forbidden"
            self._reason = await self._async_text(err)
            LOGGER.debug("The service host does not answer as it should: %s", err)
            return {"base": "invalid_auth" if is_forbidden else "cannot_connect"}
        except Exception:  # noqa: BLE001
            LOGGER.exception("Trying the service host failed unexpectedly")
            return {"base": "unknown"}
        return {}

    async def _async_text(self, err: HomeAssistantError) -> str:
        """Return the text of an error, which Home Assistant has not loaded before the set-up."""
        texts = await async_get_translations(
            self.hass, self.hass.config.language, "exceptions", [DOMAIN]
        )
        text = texts[f"component.{DOMAIN}.exceptions.{err.translation_key}.message"]
        return text.format(**(err.translation_placeholders or {}))

    @callback
    def _abort_if_known(self, data: Mapping[str, Any]) -> None:
        """Abort if another entry asks the same host with the same key on the same account."""
        own = self.context.get("entry_id")
        for entry in self._async_current_entries(include_ignore=False):
            if entry.entry_id != own and _identity(entry.data) == _identity(data):
                raise AbortFlow("already_configured")

    @callback
    def _save(self, data: dict[str, Any]) -> ConfigFlowResult:
        """Create the entry, or update the one that this flow is about."""
        if self.source == SOURCE_REAUTH:
            entry = self._get_reauth_entry()
            data[CONF_SKIP_VALIDATION] = entry.data.get(CONF_SKIP_VALIDATION, False)
            return self.async_update_reload_and_abort(entry, data=data)
        if self.source == SOURCE_RECONFIGURE:
            return self.async_update_reload_and_abort(
                self._get_reconfigure_entry(), title=self._free_title(data), data=data
            )
        return self.async_create_entry(title=self._free_title(data), data=data)

    @callback
    def _free_title(self, data: Mapping[str, Any]) -> str:
        """Return the host's name, with more of its address if another entry has that name."""
        own = self.context.get("entry_id")
        taken = {entry.title for entry in self._async_current_entries() if entry.entry_id != own}
        if (title := _title(data)) not in taken:
            return title
        url = parse_url(data[CONF_BASE_URL])
        return f"{url.authority}{url.path.rstrip('/')}"


def _clean(user_input: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form holds without blanks; a key that is left blank stays as it was."""
    data = {
        key: value.strip() if isinstance(value, str) else value for key, value in user_input.items()
    }
    data = {key: value for key, value in data.items() if value not in ("", None, {})}
    data[CONF_MAX_RETRIES] = int(data.get(CONF_MAX_RETRIES, DEFAULT_MAX_RETRIES))
    same_source = data.get(CONF_API_KEY_SOURCE) == known.get(CONF_API_KEY_SOURCE)
    if data[CONF_AUTH_METHOD] == AuthMethod.NONE:
        data.pop(CONF_API_KEY, None)
    elif CONF_API_KEY not in data and same_source and CONF_API_KEY in known:
        data[CONF_API_KEY] = known[CONF_API_KEY]
    return data


def _is_flat(value: Any) -> bool:
    """Tell whether a value can be sent as headers or as a query."""
    return isinstance(value, Mapping) and all(
        isinstance(item, str | int | float) for item in value.values()
    )


def _identity(data: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells one service host from another."""
    return (
        str(parse_url(data[CONF_BASE_URL])).rstrip("/"),
        data.get(CONF_API_KEY_SOURCE),
        data.get(CONF_API_KEY),
        data.get(CONF_ORGANIZATION),
    )


def _title(data: Mapping[str, Any]) -> str:
    """Return the host's name."""
    return parse_url(data.get(CONF_BASE_URL, DEFAULT_BASE_URL)).host or ""
