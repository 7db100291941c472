"""Finds the handler of an action, and imports it when it is first needed."""

from collections.abc import Awaitable, Callable

from homeassistant.core import HomeAssistant, ServiceResponse
from homeassistant.helpers.importlib import async_import_module

from ..action import ActionCall
from ..dispatch import async_send

type ActionHandler = Callable[[ActionCall], Awaitable[ServiceResponse]]


async def async_dispatch(request: ActionCall) -> ServiceResponse:
    """Handle a call of an action with its handler, or with `async_send`."""
    if request.action.handler is None:
        return await async_send(request)
    handler = await async_get_handler(request.hass, request.action.handler)
    return await handler(request)


async def async_get_handler(hass: HomeAssistant, name: str) -> ActionHandler:
    """Return the handler of this name, such as `speech.async_create_speech`.

    Most homes use few of them, and some bring large libraries.
    """
    module, _, function = name.partition(".")
    loaded = await async_import_module(hass, f"{__package__}.{module}")
    handler: ActionHandler = getattr(loaded, function)
    return handler
