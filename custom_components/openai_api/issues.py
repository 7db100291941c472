"""Repair issues.

Entry issues belong to one config entry; global issues (media folder, SDK version) exist once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .exceptions import StorageError

FOLDER_NOT_WRITABLE: Final = "folder_not_writable"
HOST_MOVED: Final = "host_moved"
METHOD_MISSING: Final = "method_missing"
MODEL_GONE: Final = "model_gone"
QUOTA_USED_UP: Final = "quota_used_up"

_ENTRY_ISSUES = (HOST_MOVED, QUOTA_USED_UP)
_GLOBAL_ISSUES = (FOLDER_NOT_WRITABLE, METHOD_MISSING)


def issue_id(key: str, entry: ConfigEntry[Any]) -> str:
    """Return the id of an issue of an entry."""
    return f"{key}_{entry.entry_id}"


@callback
def async_create(
    hass: HomeAssistant, entry: ConfigEntry[Any], key: str, **data: str | None
) -> None:
    """Create an issue of an entry; `data` is for the repair flow."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id(key, entry),
        data={"entry_id": entry.entry_id, **data},
        is_fixable=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key=key,
        translation_placeholders={"name": entry.title},
    )


@callback
def async_delete(hass: HomeAssistant, entry: ConfigEntry[Any], key: str) -> None:
    """Delete an issue of an entry, if there is one."""
    # Asked after every call; there hardly ever is one.
    if ir.async_get(hass).async_get_issue(DOMAIN, registry_id := issue_id(key, entry)) is not None:
        ir.async_delete_issue(hass, DOMAIN, registry_id)


@callback
def report_model(
    hass: HomeAssistant, entry: ConfigEntry[Any], subentry: ConfigSubentry, model: str
) -> None:
    """Create the issue that the service no longer has the model of a subentry."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{MODEL_GONE}_{subentry.subentry_id}",
        data={"entry_id": entry.entry_id, "subentry_id": subentry.subentry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key=MODEL_GONE,
        translation_placeholders={
            "model": model,
            "name": entry.title,
            "subentry": subentry.title,
        },
    )


@callback
def settle_model(hass: HomeAssistant, subentry_id: str) -> None:
    """Delete the issue of a subentry's model, if there is one."""
    ir.async_delete_issue(hass, DOMAIN, f"{MODEL_GONE}_{subentry_id}")


@callback
def end_reauth(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Abort the reauthentication flows of an entry; return whether there was one."""
    flows = tuple(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    for flow in flows:
        hass.config_entries.flow.async_abort(flow["flow_id"])
    return bool(flows)


@callback
def async_create_method_missing(hass: HomeAssistant, method: str) -> None:
    """Create the issue that the SDK lacks a method, or add the method to it.

    The issue is gone after a restart, with which another SDK may come.
    """
    known = ir.async_get(hass).async_get_issue(DOMAIN, METHOD_MISSING)
    placeholders = (known.translation_placeholders if known else None) or {}
    methods = {method, *filter(None, placeholders.get("methods", "").split(", "))}
    ir.async_create_issue(
        hass,
        DOMAIN,
        METHOD_MISSING,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=METHOD_MISSING,
        translation_placeholders={"methods": ", ".join(sorted(methods))},
    )


@contextmanager
def track_write_errors(hass: HomeAssistant, path: object) -> Iterator[None]:
    """Create an issue for a StorageError inside, and delete it after a success."""
    try:
        yield
    except StorageError as err:
        ir.async_create_issue(
            hass,
            DOMAIN,
            FOLDER_NOT_WRITABLE,
            is_fixable=True,
            severity=ir.IssueSeverity.ERROR,
            translation_key=FOLDER_NOT_WRITABLE,
            translation_placeholders={"path": str(path), "message": err.message},
        )
        raise
    ir.async_delete_issue(hass, DOMAIN, FOLDER_NOT_WRITABLE)


@callback
def async_delete_all(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Delete the issues of an entry that is unloaded, and with the last one the global issues."""
    for key in _ENTRY_ISSUES:
        async_delete(hass, entry, key)
    for subentry_id in entry.subentries:
        settle_model(hass, subentry_id)
    if all(other is entry for other in hass.config_entries.async_loaded_entries(DOMAIN)):
        for key in _GLOBAL_ISSUES:
            ir.async_delete_issue(hass, DOMAIN, key)


@callback
def active_issues(hass: HomeAssistant, entry: ConfigEntry[Any]) -> list[str]:
    """Return the keys of the active issues of an entry and of the global ones, sorted."""
    issues = ir.async_get(hass)
    ids = {key: issue_id(key, entry) for key in _ENTRY_ISSUES} | {
        key: key for key in _GLOBAL_ISSUES
    }
    return sorted(
        key for key, registry_id in ids.items() if issues.async_get_issue(DOMAIN, registry_id)
    )
