"""Config flow: adds a service, changes its connection, and takes a new API key."""

from collections.abc import Mapping
from typing import Any, Final, Self, override

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
)
from homeassistant.const import CONF_API_KEY, CONF_VERIFY_SSL
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from .api.config import ApiKeyNotFound, AuthMethod, HostConfig, InvalidUrl, parse_url, url_of
from .api.service_kinds import (
    OTHER,
    ServiceKind,
    is_model_list,
    kind_of,
    model_ids,
    recognize,
    suggest_models,
)
from .api.validate import Checked, async_find_url, async_validate_host, likely_urls
from .connection_form import (
    KEY_SCHEMA,
    add_defaults,
    clean,
    error_of_fields,
    error_place,
    flatten,
    host_of,
    identity,
    location,
    schema,
    title_of,
    to_show,
)
from .const import (
    CONF_API_KEY_SOURCE,
    CONF_AUTH_METHOD,
    CONF_BASE_URL,
    CONF_DEFAULT_MODELS,
    CONF_SERVICE_KIND,
    CONF_SKIP_VALIDATION,
    DEFAULT_BASE_URL,
    DOMAIN,
    LOGGER,
)
from .discovery import DiscoveredService, async_end_offer_when_added, from_add_on, from_zeroconf
from .error_bodies import as_text
from .exceptions import (
    AuthenticationFailed,
    ConnectionFailed,
    HostRedirected,
    PermissionDenied,
    RequestRejected,
    UnexpectedBody,
    sanitize,
)
from .localize import async_localized_text
from .options_flow import OptionsFlow
from .subentry_flows import FLOWS, async_offer_assistant

_KEY_PAGE: Final = "https://platform.openai.com/api-keys"
_HOSTS_PAGE: Final = (
    "https://github.com/openai-api-for-home-assistant/openai-api/blob/main/docs/hosts.md"
)
# What another address may be the remedy for.
_WRONG_ADDRESS: Final = (ConnectionFailed, HostRedirected, RequestRejected, UnexpectedBody)


class OpenAIConfigFlow(ConfigFlow, domain=DOMAIN):
    """Asks for the connection of a service and tries it before it is saved."""

    VERSION = 1

    def __init__(self) -> None:
        self._typed_key: dict[str, Any] = {}
        """The entered key and its source, kept across form errors; it is never shown again."""
        self._kind: ServiceKind | None = None
        """What was chosen, or recognized."""
        self._checked: Checked | None = None
        self._is_key_left_out = False
        self._proposal: str | None = None
        """Another URL to show in the form."""
        self._placeholders: dict[str, str] = {}
        self._discovered: DiscoveredService | None = None
        self._end_watching: CALLBACK_TYPE | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the options flow."""
        return OptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the flow for each part of Assist, and for a whole voice assistant."""
        return FLOWS

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on with a voice assistant, which may be skipped."""
        models = model_ids(self._checked.answer) if self._checked else []
        return await async_offer_assistant(self.hass, result, models)

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Add a service."""
        return await self._async_connection("user", {}, user_input)

    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Offer a service that is announced on the local network."""
        return await self._async_discovered(from_zeroconf(discovery_info))

    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """Offer the service of an add-on."""
        return await self._async_discovered(from_add_on(discovery_info))

    async def _async_discovered(self, discovered: DiscoveredService | None) -> ConfigFlowResult:
        """Ask whether to add what was announced, unless it is there already."""
        if discovered is None:
            return self.async_abort(reason="not_usable")
        await self.async_set_unique_id(discovered.unique_id)
        self._abort_if_unique_id_configured()
        if any(discovered.is_in(entry) for entry in self._async_current_entries()):
            return self.async_abort(reason="already_configured")
        self._discovered = discovered
        if self.hass.config_entries.flow.async_has_matching_flow(self):
            return self.async_abort(reason="already_in_progress")
        self._end_watching = async_end_offer_when_added(self.hass, discovered, self.flow_id)
        self.context["title_placeholders"] = {"name": discovered.name}
        return await self.async_step_discovery_confirm()

    @override
    def is_matching(self, other_flow: Self) -> bool:
        """Return whether another flow offers the same server, announced as something else."""
        own, other = self._discovered, other_flow._discovered
        return own is not None and other is not None and own.is_at(other.base_url)

    @callback
    @override
    def async_remove(self) -> None:
        """Stop watching for entries when the flow ends."""
        if self._end_watching is not None:
            self._end_watching()

    async def async_step_discovery_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Add a service that was announced; it is asked only now."""
        assert self._discovered is not None
        return await self._async_connection(
            "discovery_confirm", self._discovered.as_form(), user_input
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the connection of a service."""
        entry = self._get_reconfigure_entry()
        return await self._async_connection("reconfigure", entry.data, user_input)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Ask for a new key because the service has refused the current one."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take a new key; without one, the current key is tried again."""
        entry = self._get_reauth_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            kept = {key: value for key, value in entry.data.items() if key != CONF_API_KEY}
            data = clean({**kept, CONF_SKIP_VALIDATION: False, **user_input})
            self._keep_key(data, {**entry.data, **self._typed_key})
            if not (errors := await self._async_validate(data)):
                data[CONF_SKIP_VALIDATION] = entry.data.get(CONF_SKIP_VALIDATION, False)
                return self.async_update_reload_and_abort(entry, data=data)
        values = {
            CONF_API_KEY_SOURCE: {**entry.data, **(user_input or {})}.get(CONF_API_KEY_SOURCE)
        }
        return self._show(
            "reauth_confirm", self.add_suggested_values_to_schema(KEY_SCHEMA, values), errors
        )

    async def _async_connection(
        self, step_id: str, known: Mapping[str, Any], user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        """Show the form until the connection works, then save it."""
        errors: dict[str, str] = {}
        values = to_show(known)
        if self.source == SOURCE_RECONFIGURE:
            kind = kind_of(known, self._get_reconfigure_entry().options)
            values[CONF_SERVICE_KIND] = kind.key if kind else OTHER
        if user_input is not None:
            data = {CONF_BASE_URL: "", **clean(flatten(user_input))}
            values = to_show(data)
            self._complete(data, known)
            if not (errors := await self._async_validate(data, known)):
                return self._save(data)
            values[CONF_BASE_URL] = self._proposal or data[CONF_BASE_URL]
        places = {error_place(field): error for field, error in errors.items()}
        return self._show(step_id, schema(values, places), places)

    def _show(self, step_id: str, form: Any, errors: dict[str, str]) -> ConfigFlowResult:
        """Show a form."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=form,
            errors=errors,
            description_placeholders={
                "host": self._host,
                "key_page": _KEY_PAGE,
                "hosts_page": _HOSTS_PAGE,
                "reason": "",
                "url": "",
                "proposal": "",
                "service": self._kind.name if self._kind else "",
                **self._placeholders,
            },
        )

    @property
    def _host(self) -> str:
        """The name of the host that the flow is about."""
        if self.source == SOURCE_REAUTH:
            return host_of(self._get_reauth_entry().data)
        if self.source == SOURCE_RECONFIGURE:
            return host_of(self._get_reconfigure_entry().data)
        return self._discovered.name if self._discovered else host_of({})

    def _complete(self, data: dict[str, Any], known: Mapping[str, Any]) -> None:
        """Add what follows from the chosen service, and the kept key."""
        is_method_open = CONF_AUTH_METHOD not in data
        # Without a key of its own, the kept one is used whatever way it is sent.
        has_key = any(CONF_API_KEY in values for values in (data, self._typed_key, known))
        self._kind = add_defaults(data, has_key=has_key)
        self._keep_key(data, {**known, **self._typed_key})
        # A request without a key shows whether an unknown service requires one.
        self._is_key_left_out = is_method_open and self._kind is None and CONF_API_KEY not in data
        if self._is_key_left_out:
            data[CONF_AUTH_METHOD] = AuthMethod.NONE.value

    def _keep_key(self, data: dict[str, Any], known: Mapping[str, Any]) -> None:
        """Keep an entered key for the next try; one that is left blank stays as it was."""
        self._typed_key |= {
            key: data[key]
            for key in (CONF_API_KEY, CONF_API_KEY_SOURCE)
            if CONF_API_KEY in data and key in data
        }
        if data[CONF_AUTH_METHOD] == AuthMethod.NONE:
            data.pop(CONF_API_KEY, None)
        elif (
            CONF_API_KEY not in data
            and CONF_API_KEY in known
            and data.get(CONF_API_KEY_SOURCE) == known.get(CONF_API_KEY_SOURCE)
        ):
            data[CONF_API_KEY] = known[CONF_API_KEY]

    async def _async_validate(
        self, data: dict[str, Any], known: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """Return what is wrong with the settings, by field; empty if they work."""
        self._proposal = None
        self._placeholders = {}
        if error := error_of_fields(data):
            return error
        try:
            settings = HostConfig.from_data(data)
        except InvalidUrl:
            return await self._async_propose(data) or {CONF_BASE_URL: "invalid_url"}
        except ApiKeyNotFound:
            return {CONF_API_KEY: "key_not_found"}
        if known and self._would_leak(data, known):
            return {CONF_API_KEY: "key_for_other_origin"}
        self._abort_if_known(data)
        if data[CONF_SKIP_VALIDATION]:
            return {}
        try:
            self._checked = await async_validate_host(self.hass, settings)
            answer = self._checked.answer
            if answer is not None and not is_model_list(answer):
                # A page or a greeting says nothing of the API.
                start = sanitize(as_text(answer.get("text", answer)), settings)
                raise UnexpectedBody(start=start)
        except AuthenticationFailed:
            if self._is_key_left_out:
                return {CONF_API_KEY: "key_not_found"}
            return {"base": "invalid_auth"}
        except HomeAssistantError as err:
            LOGGER.debug("The service does not answer as expected: %s", err)
            if self._kind and not self._kind.lists_models and isinstance(err, RequestRejected):
                # It is there, and has no list of models.
                data[CONF_SKIP_VALIDATION] = True
                return {}
            return await self._async_explain(err, data)
        except Exception:  # noqa: BLE001
            LOGGER.exception("The connection test failed unexpectedly")
            return {"base": "unknown"}
        return {}

    def _would_leak(self, data: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
        """Return whether a key that was entered earlier would be sent to another origin."""
        if CONF_API_KEY not in data or CONF_API_KEY in self._typed_key:
            return False
        old = url_of(known)
        return old is None or parse_url(data[CONF_BASE_URL]).origin() != old.origin()

    async def _async_explain(
        self, err: HomeAssistantError, data: Mapping[str, Any]
    ) -> dict[str, str]:
        """Return the error of the form for what a service has answered."""
        # The form for a new key has no URL.
        has_url = self.source != SOURCE_REAUTH
        can_propose = has_url and isinstance(err, _WRONG_ADDRESS)
        if can_propose and (proposed := await self._async_propose(data)):
            return proposed
        reason = await async_localized_text(self.hass, err)
        # It may end with the words of the service.
        self._placeholders["reason"] = reason if reason.endswith((".", "!", "?")) else f"{reason}."
        if isinstance(err, PermissionDenied):
            return {"base": "invalid_auth"}
        is_usual = self._kind and data[CONF_BASE_URL] == self._kind.base_url != DEFAULT_BASE_URL
        if has_url and is_usual:
            self._placeholders["url"] = data[CONF_BASE_URL]
            return {CONF_BASE_URL: "not_at_usual_url"}
        return {"base": "cannot_connect"}

    async def _async_propose(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Propose the address that was probably meant, if there is one that answers."""
        typed = data[CONF_BASE_URL]
        urls = likely_urls(typed, self._kind.base_url if self._kind else "")
        url = await async_find_url(self.hass, urls, verify_ssl=data.get(CONF_VERIFY_SSL, True))
        if url is None:
            return {}
        self._proposal = url
        self._placeholders |= {"url": typed, "proposal": url}
        is_downgrade = typed.startswith("https:") and url.startswith("http:")
        return {CONF_BASE_URL: "try_url_unencrypted" if is_downgrade else "try_url"}

    @callback
    def _abort_if_known(self, data: Mapping[str, Any]) -> None:
        """Abort if another entry asks the same host with the same key on the same account."""
        own = self.context.get("entry_id")
        for entry in self._async_current_entries(include_ignore=False):
            if entry.entry_id != own and identity(entry.data) == identity(data):
                raise AbortFlow("already_configured")

    @callback
    def _save(self, data: dict[str, Any]) -> ConfigFlowResult:
        """Create the entry, or update the one that is reconfigured."""
        url = parse_url(data[CONF_BASE_URL])
        checked = self._checked or Checked(None, {})
        if self._kind is None:
            self._kind = recognize(url, checked.headers, checked.answer)
        options: dict[str, Any] = {CONF_SERVICE_KIND: self._kind.key} if self._kind else {}
        if self.source == SOURCE_RECONFIGURE:
            entry = self._get_reconfigure_entry()
            kept = {key: value for key, value in entry.options.items() if key != CONF_SERVICE_KIND}
            return self.async_update_reload_and_abort(
                entry, title=self._new_title(entry, data), data=data, options={**kept, **options}
            )
        if models := suggest_models(self._kind, model_ids(checked.answer)):
            options[CONF_DEFAULT_MODELS] = models
        return self.async_create_entry(title=self._title(data), data=data, options=options)

    @callback
    def _new_title(self, entry: ConfigEntry, data: Mapping[str, Any]) -> str:
        """Return the title of a reconfigured entry: the old one, but for the name of its host."""
        old, new = url_of(entry.data), parse_url(data[CONF_BASE_URL])
        if old is None:
            return entry.title
        is_automatic = entry.title in {old.host, location(old)}
        return self._title(data) if is_automatic and old.host != new.host else entry.title

    @callback
    def _title(self, data: Mapping[str, Any]) -> str:
        """Return a title that no other entry has."""
        own = self.context.get("entry_id")
        taken = {entry.title for entry in self._async_current_entries() if entry.entry_id != own}
        return title_of(data, self._kind, taken)
