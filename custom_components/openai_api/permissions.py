"""Decides who may call an action."""

from collections.abc import Sequence
from enum import StrEnum

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er

from .action import ActionDescription, Permission
from .const import CONF_ACTION_ACCESS
from .data import OpenAIConfigEntry


class ActionAccess(StrEnum):
    """The values of the entry's option `action_access`."""

    BY_ACTION = "by_action"
    """Each action's own permission decides."""
    ADMINISTRATORS = "administrators"
    EVERYONE = "everyone"
    """Users who may control something of the service may call all of its actions."""


async def async_check_permission(
    hass: HomeAssistant,
    entries: Sequence[OpenAIConfigEntry],
    action: ActionDescription,
    context: Context,
) -> bool:
    """Check that a user may call an action; return whether the call may name paths.

    `entries` are those that the call concerns; the strictest decides. Administrators, and calls
    without a user, may call everything and name paths. Raises UnknownUser or Unauthorized, like
    Home Assistant's own actions.
    """
    if context.user_id is None:
        return True
    if (user := await hass.auth.async_get_user(context.user_id)) is None:
        raise UnknownUser(context=context, permission=POLICY_CONTROL, user_id=context.user_id)
    if user.is_admin:
        return True
    for entry in entries:
        if _needs_administrator(entry, action) or not _may_control(hass, entry, user):
            raise Unauthorized(
                context=context,
                user_id=user.id,
                config_entry_id=entry.entry_id,
                permission=POLICY_CONTROL,
            )
    return False


def _needs_administrator(entry: OpenAIConfigEntry, action: ActionDescription) -> bool:
    """Return whether only administrators may call an action of an entry."""
    match entry.options.get(CONF_ACTION_ACCESS, ActionAccess.BY_ACTION):
        case ActionAccess.BY_ACTION:
            return action.permission is Permission.ADMINISTRATORS
        case ActionAccess.EVERYONE:
            return False
    # Also where a newer release has stored what is not known here.
    return True


def _may_control(hass: HomeAssistant, entry: OpenAIConfigEntry, user: User) -> bool:
    """Return whether a user may control all entities, or one of the entry."""
    return user.permissions.access_all_entities(POLICY_CONTROL) or any(
        user.permissions.check_entity(entity.entity_id, POLICY_CONTROL)
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    )
