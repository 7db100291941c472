"""Who may use a connection: what its model does, it does with the rights of who opened it."""

from homeassistant.core import Context, HomeAssistant

from ..exceptions import validation_error
from .connection import Connection, Connections


async def async_is_admin(hass: HomeAssistant, context: Context) -> bool:
    """Return whether an active administrator stands behind a call."""
    user = await hass.auth.async_get_user(context.user_id) if context.user_id else None
    return user is not None and user.is_active and user.is_admin


async def async_check_access(hass: HomeAssistant, connection: Connection, context: Context) -> None:
    """Check that a call may use a connection: feed its model, read its history, close it.

    That may the user who opened it, administrators, and calls without a user, such as those of
    automations. If its model uses what only administrators may, calls without a user may not,
    and who opened it must still be an administrator.
    Raises ServiceValidationError "connection_access_denied".
    """
    if await async_is_admin(hass, context):
        return
    is_opener = context.user_id is not None and context.user_id == connection.opener.user_id
    if not connection.is_admin_only and (context.user_id is None or is_opener):
        return
    raise validation_error("connection_access_denied", connection_id=connection.id)


def find(connections: Connections, connection_id: str, transport: str) -> Connection:
    """Return the open connection of this id and transport.

    Raises ServiceValidationError "connection_unknown" if there is none of this id, and
    "connection_of_other_kind" if its transport is another.
    """
    if (connection := connections.get(connection_id)) is None:
        raise validation_error("connection_unknown", connection_id=connection_id)
    if connection.transport != transport:
        raise validation_error(
            "connection_of_other_kind", connection_id=connection_id, transport=connection.transport
        )
    return connection
