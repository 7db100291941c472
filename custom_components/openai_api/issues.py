"""Trouble that somebody has to see to, shown under repairs until it is over.

What a host has trouble with belongs to its entry. The folder for saved files and the installed
library belong to all services, and so does what is wrong with them.
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
    """Show an issue of an entry; the data is for the flow that fixes it."""
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
    """Take back an issue of an entry, if there is one."""
    ir.async_delete_issue(hass, DOMAIN, issue_id(key, entry))


@callback
def report_model(
    hass: HomeAssistant, entry: ConfigEntry[Any], subentry: ConfigSubentry, model: str
) -> None:
    """Show that the service no longer has the model of a subentry."""
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
    """Take back that a subentry's model is gone, if that is shown."""
    ir.async_delete_issue(hass, DOMAIN, f"{MODEL_GONE}_{subentry_id}")


@callback
def end_reauth(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """End the flow that asks for a new key, and its repair, because the current key works again.

    Return whether there was one.
    """
    flows = tuple(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    for flow in flows:
        hass.config_entries.flow.async_abort(flow["flow_id"])
    return bool(flows)


@callback
def async_create_method_missing(hass: HomeAssistant, method: str) -> None:
    """Show that the installed library lacks a method, together with others that it lacks.

    Another library comes with a restart, and after that the issue is gone.
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
    """Show that saved files cannot be written, until one of them could be."""
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
    """Take back what is shown for an entry that is left, and for all services with the last one."""
    for key in _ENTRY_ISSUES:
        async_delete(hass, entry, key)
    for subentry_id in entry.subentries:
        settle_model(hass, subentry_id)
    if all(other is entry for other in hass.config_entries.async_loaded_entries(DOMAIN)):
        for key in _GLOBAL_ISSUES:
            ir.async_delete_issue(hass, DOMAIN, key)


@callback
def active_issues(hass: HomeAssistant, entry: ConfigEntry[Any]) -> list[str]:
    """Return the keys of what is shown for an entry and for all services."""
    issues = ir.async_get(hass)
    ids = {key: issue_id(key, entry) for key in _ENTRY_ISSUES} | {
        key: key for key in _GLOBAL_ISSUES
    }
    return sorted(key for key, found in ids.items() if issues.async_get_issue(DOMAIN, found))
