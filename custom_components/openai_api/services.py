"""Registers every row of the catalogue as an action: one loop, one handler."""

from functools import partial
from typing import Any, Final

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.service import async_get_config_entry
import voluptuous as vol

from .actions import ACTIONS
from .actions.fields import (
    ALL_PAGES,
    CONFIG_ENTRY,
    EXTRA_BODY,
    EXTRA_QUERY,
    FILENAME,
    MAX_WAIT,
    POLL_INTERVAL,
    TIMEOUT,
)
from .const import DOMAIN
from .errors import refusal
from .media.images import async_save_generated_media
from .model import Action, Answer, Field
from .requests import Request, async_handle

_OPTIONS: Final = frozenset(
    field.key
    for field in (
        ALL_PAGES,
        EXTRA_BODY,
        EXTRA_QUERY,
        FILENAME,
        MAX_WAIT,
        POLL_INTERVAL,
        TIMEOUT,
    )
)


def all_fields(action: Action) -> tuple[Field, ...]:
    """Return the fields of an action with those that its kind brings along."""
    fields = [CONFIG_ENTRY, *action.fields] if action.method else [*action.fields]
    if action.answer is Answer.PAGE and any(field.key == "after" for field in action.fields):
        fields.append(ALL_PAGES)
    if action.answer is Answer.BINARY:
        fields.append(FILENAME)
    if action.poll is not None:
        fields += [POLL_INTERVAL, MAX_WAIT]
    if action.request_options:
        fields += [TIMEOUT, EXTRA_QUERY]
        if action.body:
            fields.append(EXTRA_BODY)
    return tuple(fields)


def schema(action: Action) -> vol.Schema:
    """Return the check of an action's data; what it refuses is not sent."""
    return vol.Schema(
        {
            (vol.Required if field.required else vol.Optional)(field.key): _check(field)
            for field in all_fields(action)
        }
    )


def _check(field: Field) -> Any:
    """Return the check of a field: nothing passes where the field may be left out."""
    if field.required and not field.nullable:
        return field.validator

    def validate(value: Any) -> Any:
        return None if value is None else field.validator(value)

    return validate


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for action in ACTIONS:
        hass.services.async_register(
            DOMAIN,
            action.key,
            partial(_async_handle_call, action),
            schema=schema(action),
            supports_response=(
                SupportsResponse.ONLY if action.only_answers else SupportsResponse.OPTIONAL
            ),
        )


async def _async_handle_call(action: Action, call: ServiceCall) -> ServiceResponse:
    """Answer a call of an action."""
    nullable = {field.key for field in action.fields if field.nullable}
    # Nothing means "not given", but where the API knows null as a value of its own.
    data = {key: value for key, value in call.data.items() if value is not None or key in nullable}
    entry_id = data.pop(CONFIG_ENTRY.key, None)
    loaded = call.hass.config_entries.async_loaded_entries(DOMAIN)
    if not action.method and loaded:
        # What is done at home is the same for all of them.
        entry_id = loaded[0].entry_id
    elif entry_id is None and len(loaded) > 1:
        raise refusal("which_host")
    entry = async_get_config_entry(call.hass, DOMAIN, entry_id)
    own = {field.key for field in action.fields}
    request = Request(
        hass=call.hass,
        entry=entry,
        host=entry.runtime_data,
        action=action,
        data={key: value for key, value in data.items() if key in own},
        options={key: data[key] for key in _OPTIONS - own if key in data},
        context=call.context,
    )
    model = request.data.get("model")
    try:
        answer = await async_handle(request)
        request.host.answered(answer, action.method, model)
        return await async_save_generated_media(request, answer)
    except HomeAssistantError as err:
        request.host.failed(err, action.method, model)
        raise
