"""The forms that add and reconfigure subentries, which reloads nothing.

`subentries.SubentryFlow` hands its steps over to `async_step`, so that none of this is imported
before somebody opens a form.
"""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import TemplateError
from homeassistant.helpers import entity_registry as er, llm
from homeassistant.helpers.template import Template

from ..const import DOMAIN
from ..subentries import SubentryType
from .const import (
    CONF_EXTRA_BODY,
    CONF_EXTRA_SESSION,
    CONF_FALLBACK_AGENT,
    CONF_HOST_TOOLS,
    CONF_LLM_HASS_API,
    CONF_NAME,
    CONF_PROMPT,
    CONF_VOICE,
    FRACTIONS,
    LIMITS,
    RESERVED,
    RESERVED_SESSION,
    RESERVED_SPEECH,
)
from .forms import ADVANCED, FORMS, form_schema, suggested_values
from .models import async_list_models
from .voices import async_list_voices

_RESERVED: Final[Mapping[str, frozenset[str]]] = {
    SubentryType.CONVERSATION: RESERVED,
    SubentryType.AI_TASK: RESERVED,
    SubentryType.TTS: RESERVED_SPEECH,
    SubentryType.REALTIME: RESERVED_SESSION,
}


async def async_step(
    flow: ConfigSubentryFlow, user_input: dict[str, Any] | None
) -> SubentryFlowResult:
    """Show the form of the subentry type until its input is valid, then save it."""
    entry = flow.hass.config_entries.async_get_known_entry(flow.handler[0])
    if entry.state is not ConfigEntryState.LOADED:
        return flow.async_abort(reason="entry_not_loaded")
    subentry_type, host = flow.handler[1], entry.runtime_data.host
    subentry = _reconfigured_subentry(flow)
    models = await async_list_models(host)
    if CONF_VOICE in FORMS[subentry_type].main:
        await async_list_voices(host)
    errors: dict[str, str] = {}
    placeholders: dict[str, str] = {}
    if user_input is not None:
        options = _clean(user_input)
        key, error = _validate(flow.hass, subentry_type, options, subentry, placeholders)
        if error is None:
            title = options.pop(CONF_NAME)
            if subentry is None:
                return flow.async_create_entry(title=title, data=options)
            return flow.async_update_and_abort(entry, subentry, title=title, data=options)
        errors = {key if key in FORMS[subentry_type].main else "base": error}
        values = options
    elif subentry is not None:
        values = {CONF_NAME: subentry.title, **subentry.data}
    else:
        values = suggested_values(host, subentry_type, models)
    if CONF_LLM_HASS_API in values:
        # The frontend could not remove one that no longer exists.
        api_ids = {api.id for api in llm.async_get_apis(flow.hass)}
        values[CONF_LLM_HASS_API] = [key for key in values[CONF_LLM_HASS_API] if key in api_ids]
    return flow.async_show_form(
        step_id="user" if subentry is None else "reconfigure",
        data_schema=flow.add_suggested_values_to_schema(
            form_schema(host, subentry_type, models), {**values, ADVANCED: values}
        ),
        errors=errors,
        description_placeholders={"host": entry.title, "detail": "", **placeholders},
    )


@callback
def _reconfigured_subentry(flow: ConfigSubentryFlow) -> ConfigSubentry | None:
    """Return the subentry that is changed, None for a new one."""
    if flow.source != SOURCE_RECONFIGURE:
        return None
    entry = flow.hass.config_entries.async_get_known_entry(flow.handler[0])
    return entry.subentries[flow.context["subentry_id"]]


def _clean(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the form, without its section and without blank values."""
    flat = {key: value for key, value in user_input.items() if key != ADVANCED}
    flat |= user_input.get(ADVANCED, {})
    options: dict[str, Any] = {}
    for key, value in flat.items():
        cleaned = value.strip() if isinstance(value, str) and key != CONF_PROMPT else value
        if cleaned in (None, "", [], {}):
            continue
        options[key] = int(cleaned) if key in LIMITS and key not in FRACTIONS else cleaned
    return options


@callback
def _validate(
    hass: HomeAssistant,
    subentry_type: str,
    options: dict[str, Any],
    subentry: ConfigSubentry | None,
    placeholders: dict[str, str],
) -> tuple[str, str | None]:
    """Return the field with an invalid value and the key of the error, None if there is none."""
    for key in FORMS[subentry_type].main:
        if key in FORMS[subentry_type].required and key not in options:
            return key, "field_blank"
    prompt = options.get(CONF_PROMPT) if subentry_type != SubentryType.STT else None
    if prompt is not None and (error := _template_error(hass, prompt)) is not None:
        placeholders["detail"] = error
        return CONF_PROMPT, "invalid_template"
    for key in (CONF_EXTRA_BODY, CONF_EXTRA_SESSION):
        value = options.get(key, {})
        if not isinstance(value, dict):
            return key, "not_an_object"
        if reserved := sorted(_RESERVED[subentry_type] & value.keys() if value else ()):
            placeholders["detail"] = ", ".join(reserved)
            return key, "reserved_key"
    tools = options.get(CONF_HOST_TOOLS, [])
    if not isinstance(tools, list) or not all(
        isinstance(tool, dict) and tool.get("type") for tool in tools
    ):
        return CONF_HOST_TOOLS, "not_tools"
    if subentry is not None and (agent := options.get(CONF_FALLBACK_AGENT)):
        entity = er.async_get(hass).async_get(agent)
        if entity is not None and entity.config_subentry_id == subentry.subentry_id:
            return CONF_FALLBACK_AGENT, "fallback_is_itself"
    return "", None


@callback
def _template_error(hass: HomeAssistant, prompt: str) -> str | None:
    """Return the error of a prompt; None if it can be rendered, with a device or without."""
    error = None
    for device_id in (None, "0"):
        variables = {
            "ha_name": hass.config.location_name,
            "user_name": None,
            "llm_context": llm.LLMContext(
                platform=DOMAIN,
                context=Context(),
                language=hass.config.language,
                assistant="conversation",
                device_id=device_id,
            ),
        }
        try:
            Template(prompt, hass).async_render(variables, parse_result=False)
        except TemplateError as err:
            error = str(err)
        else:
            return None
    return error
