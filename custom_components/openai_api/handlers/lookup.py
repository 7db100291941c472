"""Finds the handler of an action, and imports it when it is first needed."""

from collections.abc import Awaitable, Callable
import importlib
from types import ModuleType
from typing import Final

from homeassistant.core import HomeAssistant, ServiceResponse
from homeassistant.util.hass_dict import HassKey

from ..action import ActionCall
from ..const import DOMAIN, LOGGER
from ..dispatch import async_send
from ..exceptions import api_error

type ActionHandler = Callable[[ActionCall], Awaitable[ServiceResponse]]

_MODULES: Final[HassKey[dict[str, ModuleType]]] = HassKey(f"{DOMAIN}_handlers")


async def async_dispatch(request: ActionCall) -> ServiceResponse:
    """Handle a call of an action with its handler, or with `async_send`."""
    if request.action.handler is None:
        return await async_send(request)
    handler = await async_get_handler(request.hass, request.action.handler)
    return await handler(request)


async def async_get_handler(hass: HomeAssistant, name: str) -> ActionHandler:
    """Return the handler of this name, such as `speech.async_create_speech`.

    Most homes use few of them, and some bring large libraries. Raises HomeAssistantError
    "part_missing" if it cannot be imported: the files may be those of a newer version.
    """
    module, _, function = name.partition(".")
    modules = hass.data.setdefault(_MODULES, {})
    try:
        if (loaded := modules.get(module)) is None:
            # Not with Home Assistant's `async_import_module`: there, a call that is cancelled
            # meanwhile takes the others that wait for the same module with it.
            loaded = modules[module] = await hass.async_add_import_executor_job(
                importlib.import_module, f"{__package__}.{module}"
            )
        handler: ActionHandler = getattr(loaded, function)
    except AttributeError, ImportError:
        LOGGER.exception("The handler %s cannot be imported", name)
        raise api_error("part_missing") from None
    return handler
