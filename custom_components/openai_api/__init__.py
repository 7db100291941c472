"""The OpenAI API, and compatible services, for automations and Assist."""

import logging

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    ConfigEntryError,
    ConfigEntryNotReady,
    HomeAssistantError,
    ServiceValidationError,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.hass_dict import HassKey

from . import issues
from .actions.jobs import WATCHABLE_TYPES
from .api.availability import Availability
from .api.client import async_create_client
from .api.config import ApiKeyNotFound, HostConfig, InvalidSettings
from .api.host import ServiceHost
from .api.usage import Prices, Usage
from .api.validate import async_validate_host
from .const import CONF_RECORD_EVENTS, CONF_SKIP_VALIDATION, DOMAIN, EVENT_TYPES, LOGGER, PLATFORMS
from .data import OpenAIConfigEntry, OpenAIData
from .exceptions import AuthenticationFailed, HostRedirected
from .jobs import manager, store as job_store
from .media.cleanup import async_setup_cleanup
from .media_source import SavedFileView
from .services import async_setup_services
from .subentries import Subentries
from .webhooks import receiver as webhook_receiver

_EXCLUDED: HassKey[set[str]] = HassKey(f"{DOMAIN}_excluded_event_types")
"""The event types that this integration has excluded from the database."""
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, which exist whether or not a service is loaded."""
    if (library := logging.getLogger("httpx2")).level == logging.NOTSET:
        # It would log every request, which only newer releases of Home Assistant prevent.
        library.setLevel(logging.WARNING)
    async_setup_services(hass)
    async_setup_cleanup(hass)
    hass.http.register_view(SavedFileView())
    return True


async def async_setup_entry(hass: HomeAssistant, entry: OpenAIConfigEntry) -> bool:
    """Set up a service.

    Raises ConfigEntryAuthFailed if the API key is missing or refused, ConfigEntryNotReady if the
    server cannot be reached, and ConfigEntryError if the settings cannot be read.
    """
    webhook_receiver.hold(hass, entry)
    try:
        settings = HostConfig.from_data(entry.data)
    except ApiKeyNotFound as err:
        raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key=err.key) from None
    except InvalidSettings:
        raise ConfigEntryError(
            translation_domain=DOMAIN, translation_key="settings_damaged"
        ) from None
    is_tested = None
    if not entry.data.get(CONF_SKIP_VALIDATION):
        await _async_test_connection(hass, entry, settings)
        is_tested = True
    usage = Usage(Prices.from_options(entry.options))
    client = await async_create_client(hass, settings, usage)
    availability = Availability(
        hass=hass, entry_id=entry.entry_id, name=entry.title, usage=usage, is_reachable=is_tested
    )
    host = ServiceHost(
        hass=hass,
        entry=entry,
        settings=settings,
        client=client,
        usage=usage,
        availability=availability,
    )
    jobs = manager.JobManager(host, WATCHABLE_TYPES)
    await jobs.async_load()
    data = OpenAIData(host=host, jobs=jobs, subentries=Subentries(hass, entry))
    entry.runtime_data = data
    _async_set_recorded(hass)

    async def async_stop(_: Event) -> None:
        await data.async_close()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, async_stop))
    for platform in PLATFORMS:
        # Whatever is wrong with an entity, the actions go on.
        try:
            await hass.config_entries.async_forward_entry_setups(entry, [platform])
        except Exception:  # noqa: BLE001
            LOGGER.exception("The %s platform could not be set up", platform)
        else:
            data.platforms.append(platform)
    await data.subentries.async_start()
    # The end of a job is reported once automations are running.
    entry.async_on_unload(async_at_started(hass, jobs.start))
    data.webhook_receiver = await webhook_receiver.async_receive(host)
    return True


async def _async_test_connection(
    hass: HomeAssistant, entry: OpenAIConfigEntry, settings: HostConfig
) -> None:
    """Make sure that the server responds and accepts the key."""
    try:
        await async_validate_host(hass, settings)
    except AuthenticationFailed as err:
        raise ConfigEntryAuthFailed(
            translation_domain=DOMAIN,
            translation_key=err.translation_key,
            translation_placeholders=err.translation_placeholders,
        ) from None
    except ServiceValidationError:
        # It answers, but does not list its models: an entry that worked once may go on.
        pass
    except HomeAssistantError as err:
        if isinstance(err, HostRedirected) and err.is_permanent:
            issues.async_create(hass, entry, issues.HOST_MOVED)
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key=err.translation_key,
            translation_placeholders=err.translation_placeholders,
        ) from None
    else:
        issues.end_reauth(hass, entry)
    issues.async_delete(hass, entry, issues.HOST_MOVED)


async def async_unload_entry(hass: HomeAssistant, entry: OpenAIConfigEntry) -> bool:
    """Close everything that the service has open."""
    data = entry.runtime_data
    await data.async_close()
    issues.async_delete_all(hass, entry)
    _async_set_recorded(hass, leaving=entry)
    return await hass.config_entries.async_unload_platforms(
        entry, [*data.platforms, *data.subentries.platforms]
    )


async def async_remove_entry(hass: HomeAssistant, entry: OpenAIConfigEntry) -> None:
    """Delete what is kept over a reload."""
    await job_store.async_remove(hass, entry)
    issues.async_delete_all(hass, entry)
    webhook_receiver.forget(hass, entry)


@callback
def _async_set_recorded(hass: HomeAssistant, leaving: OpenAIConfigEntry | None = None) -> None:
    """Exclude the events from the database, unless an option of an entry records them.

    A stream fires hundreds of events a second, more than a database on a small box can take.
    """
    if "recorder" not in hass.config.components:
        return
    from homeassistant.components.recorder import get_instance  # noqa: PLC0415

    excluded = get_instance(hass).exclude_event_types
    ours = hass.data.setdefault(_EXCLUDED, set())
    if any(
        entry.options.get(CONF_RECORD_EVENTS)
        for entry in hass.config_entries.async_entries(DOMAIN)
        if entry is not leaving
    ):
        # What the user's configuration excludes stays excluded.
        excluded.difference_update(ours)
        ours.clear()
    else:
        ours.update(set(EVENT_TYPES) - excluded)
        excluded.update(EVENT_TYPES)
