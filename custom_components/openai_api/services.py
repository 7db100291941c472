"""Registers every action description as an action: one loop, one handler."""

from functools import partial
import re
from typing import Final

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

from .action import ActionCall, ActionDescription, FieldDescription, ResponseKind
from .actions import ACTIONS
from .actions.common_fields import or_default
from .actions.fields import (
    ALL_PAGES,
    CONFIG_ENTRY,
    EXTRA_BODY,
    EXTRA_QUERY,
    FILENAME,
    MAX_WAIT,
    MAX_WAIT_STREAM,
    POLL_INTERVAL,
    TIMEOUT,
)
from .api.service_kinds import default_model
from .const import CONF_IS_PREFERRED, DOMAIN
from .data import OpenAIConfigEntry
from .exceptions import RequestRejected, validation_error
from .handlers.lookup import async_dispatch
from .media.images import async_save_generated_media
from .permissions import async_check_permission
from .types import Json

_MODEL_REQUIRED: Final = re.compile(
    r"\bmodel\b(?:\W+(?:parameter|field|name|is|was|must|not|be))*\W+(?:required|missing|empty)\b"
    r"|\b(?:missing|provide|specify|requires?)\b"
    r"(?:\W+(?:an?|the|required|parameter|field|argument|property))*\W+model\b(?!['\u2019]s\b)",
    re.IGNORECASE,
)
"""What servers say of a request that names no model, and not of one that a model cannot serve."""


def effective_fields(action: ActionDescription) -> tuple[FieldDescription, ...]:
    """Return the fields of an action with those that its description implies.

    These are `config_entry_id`, `all_pages`, `filename`, `poll_interval_ms`, `max_wait_seconds`,
    `timeout`, `extra_query` and `extra_body`, each where it applies.
    """
    fields = [CONFIG_ENTRY] if action.has_entry else []
    fields += [
        or_default(field) if field.key == "model" and action.model_kind else field
        for field in action.fields
    ]
    if action.response is ResponseKind.LIST and any(
        field.key == "after" for field in action.fields
    ):
        fields.append(ALL_PAGES)
    if action.response is ResponseKind.FILE:
        fields.append(FILENAME)
    if action.poll is not None:
        fields += [POLL_INTERVAL, MAX_WAIT]
    elif action.accumulator is not None and action.method:
        fields.append(MAX_WAIT_STREAM)
    if action.request_options:
        fields += [TIMEOUT, EXTRA_QUERY]
        if action.has_body:
            fields.append(EXTRA_BODY)
    return tuple(fields)


def form_fields(action: ActionDescription) -> tuple[FieldDescription, ...]:
    """Return the fields that the form of an action shows; the others are accepted in YAML.

    Every browser loads the forms and texts of all actions. So the collapsed sections stand only
    with what asks a model, and only once where several actions take the same arguments; lists
    show no cursors, for they can be returned as a whole; retired actions show what they require.
    """
    if action.is_retired:
        return tuple(field for field in effective_fields(action) if field.required)
    hidden = _RARE | _CURSORS if action.response is ResponseKind.LIST else _RARE
    has_sections = action.model_kind is not None and action.key == _FIRST_OF_METHOD[_name(action)]
    return tuple(
        field
        for field in effective_fields(action)
        if field.required or field.key not in hidden
        if has_sections or field.section is None
    )


def _name(action: ActionDescription) -> str:
    """Return the SDK method of an action without `beta.`; its arguments are mostly the same."""
    return action.method.removeprefix("beta.")


_CURSORS: Final = frozenset({"after", "before", "order"})
_RARE: Final = frozenset(
    {
        "access_programs",
        "background_options",
        "extra_query",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "user",
    }
)
_FIRST_OF_METHOD: Final = {_name(action): action.key for action in reversed(ACTIONS)}


def schema(action: ActionDescription) -> vol.Schema:
    """Return the schema that checks an action's data before anything is sent."""
    return vol.Schema(
        {
            (vol.Required if field.required else vol.Optional)(field.key): (
                # None is accepted where the field is optional.
                field.validator
                if field.required and not field.nullable
                else vol.Maybe(field.validator)
            )
            for field in effective_fields(action)
        }
    )


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


async def _async_handle_call(action: ActionDescription, call: ServiceCall) -> ServiceResponse:
    """Handle a call of an action."""
    nullable, own = action.nullable_keys, action.own_keys
    # None means "not given", except where null is a value of the API.
    data = {key: value for key, value in call.data.items() if value is not None or key in nullable}
    entry = _find_entry(call.hass, action, data.pop(CONFIG_ENTRY.key, None))
    # An action without a service concerns all of them.
    concerned = (
        [entry] if action.has_entry else call.hass.config_entries.async_loaded_entries(DOMAIN)
    )
    allow_paths = await async_check_permission(call.hass, concerned, action, call.context)
    request = ActionCall(
        hass=call.hass,
        entry=entry,
        host=entry.runtime_data.host,
        action=action,
        data=_with_model(entry, action, {key: value for key, value in data.items() if key in own}),
        options={key: value for key, value in data.items() if key not in own},
        context=call.context,
        allow_paths=allow_paths,
    )
    model = request.data.get("model")
    try:
        answer = await async_dispatch(request)
        request.host.record_success(answer, action.method, model)
        return await async_save_generated_media(request, answer)
    except HomeAssistantError as err:
        request.host.record_failure(err, action.method, model)
        if _lacks_model(request, err):
            raise validation_error("model_missing") from None
        raise


def _lacks_model(request: ActionCall, err: HomeAssistantError) -> bool:
    """Return whether a server has refused a request because it names no model.

    Not all servers need one, so that it is sent without.
    """
    action = request.action
    if not isinstance(err, RequestRejected) or action.model_kind is None:
        return False
    is_named = err.param == "model" or _MODEL_REQUIRED.search(err.message or "") is not None
    return is_named and not action.has_model(request.data)


def _with_model(entry: OpenAIConfigEntry, action: ActionDescription, data: Json) -> Json:
    """Return the arguments with the entry's default model, where they need one and name none."""
    if action.model_kind is None:
        return data
    if data.get("model", "") is None:
        # Blank in a form or a blueprint, which is not to be sent.
        data = {key: value for key, value in data.items() if key != "model"}
    if action.has_model(data):
        return data
    if model := default_model(entry.data, entry.options, action.model_kind):
        return {**data, "model": model}
    if any(field.key == "model" and field.required for field in action.fields):
        raise validation_error("model_missing")
    return data


def _find_entry(
    hass: HomeAssistant, action: ActionDescription, entry_id: str | None
) -> OpenAIConfigEntry:
    """Return the loaded entry that a call names or means; raises ServiceValidationError if none."""
    entries: list[OpenAIConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    if not action.has_entry and entries:
        # An action without a service is the same for all of them.
        loaded = hass.config_entries.async_loaded_entries(DOMAIN)
        entry_id = (loaded or entries)[0].entry_id
    elif entry_id is None and len(entries) > 1:
        # Also while it is not loaded: another one is not asked in its place.
        preferred = [entry for entry in entries if entry.options.get(CONF_IS_PREFERRED)]
        if len(preferred) != 1:
            raise validation_error("which_host")
        entry_id = preferred[0].entry_id
    entry: OpenAIConfigEntry = async_get_config_entry(hass, DOMAIN, entry_id)
    return entry
