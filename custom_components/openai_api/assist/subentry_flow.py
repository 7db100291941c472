"""Adds and changes the subentries of a service; nothing is reloaded by that.

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
from .forms import ADVANCED, FORMS, beginning, schema
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
    """Show the form of the flow's type until what it holds is right, then save it."""
    entry = flow.hass.config_entries.async_get_known_entry(flow.handler[0])
    if entry.state is not ConfigEntryState.LOADED:
        return flow.async_abort(reason="entry_not_loaded")
    kind, host = flow.handler[1], entry.runtime_data.host
    old = _old(flow)
    models = await async_list_models(host)
    if CONF_VOICE in FORMS[kind].main:
        await async_list_voices(host)
    errors: dict[str, str] = {}
    placeholders: dict[str, str] = {}
    if user_input is not None:
        typed = _clean(user_input)
        key, error = _problem(flow.hass, kind, typed, old, placeholders)
        if error is None:
            title = typed.pop(CONF_NAME)
            if old is None:
                return flow.async_create_entry(title=title, data=typed)
            return flow.async_update_and_abort(entry, old, title=title, data=typed)
        errors = {key if key in FORMS[kind].main else "base": error}
        shown = typed
    elif old is not None:
        shown = {CONF_NAME: old.title, **old.data}
    else:
        shown = beginning(host, kind, models)
    if CONF_LLM_HASS_API in shown:
        # One that is gone could not be chosen away.
        known = {api.id for api in llm.async_get_apis(flow.hass)}
        shown[CONF_LLM_HASS_API] = [key for key in shown[CONF_LLM_HASS_API] if key in known]
    return flow.async_show_form(
        step_id="user" if old is None else "reconfigure",
        data_schema=flow.add_suggested_values_to_schema(
            schema(host, kind, models), {**shown, ADVANCED: shown}
        ),
        errors=errors,
        description_placeholders={"host": entry.title, "detail": "", **placeholders},
    )


@callback
def _old(flow: ConfigSubentryFlow) -> ConfigSubentry | None:
    """Return the subentry that is changed, None for a new one."""
    if flow.source != SOURCE_RECONFIGURE:
        return None
    entry = flow.hass.config_entries.async_get_known_entry(flow.handler[0])
    return entry.subentries[flow.context["subentry_id"]]


def _clean(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form holds, without its section and without blanks."""
    flat = {key: value for key, value in user_input.items() if key != ADVANCED}
    flat |= user_input.get(ADVANCED, {})
    options: dict[str, Any] = {}
    for key, value in flat.items():
        clean = value.strip() if isinstance(value, str) and key != CONF_PROMPT else value
        if clean in (None, "", [], {}):
            continue
        options[key] = int(clean) if key in LIMITS and key not in FRACTIONS else clean
    return options


@callback
def _problem(
    hass: HomeAssistant,
    kind: str,
    typed: dict[str, Any],
    old: ConfigSubentry | None,
    placeholders: dict[str, str],
) -> tuple[str, str | None]:
    """Return the field with something wrong and the key of what that is, None if all is well."""
    for key in FORMS[kind].main:
        if key in FORMS[kind].required and key not in typed:
            return key, "field_blank"
    prompt = typed.get(CONF_PROMPT) if kind != SubentryType.STT else None
    if prompt is not None and (error := _template_error(hass, prompt)) is not None:
        placeholders["detail"] = error
        return CONF_PROMPT, "invalid_template"
    for key in (CONF_EXTRA_BODY, CONF_EXTRA_SESSION):
        value = typed.get(key, {})
        if not isinstance(value, dict):
            return key, "not_an_object"
        if reserved := sorted(_RESERVED[kind] & value.keys() if value else ()):
            placeholders["detail"] = ", ".join(reserved)
            return key, "reserved_key"
    tools = typed.get(CONF_HOST_TOOLS, [])
    if not isinstance(tools, list) or not all(
        isinstance(tool, dict) and tool.get("type") for tool in tools
    ):
        return CONF_HOST_TOOLS, "not_tools"
    if old is not None and (agent := typed.get(CONF_FALLBACK_AGENT)):
        registered = er.async_get(hass).async_get(agent)
        if registered is not None and registered.config_subentry_id == old.subentry_id:
            return CONF_FALLBACK_AGENT, "fallback_is_itself"
    return "", None


@callback
def _template_error(hass: HomeAssistant, prompt: str) -> str | None:
    """Return what is wrong with a prompt; None if it can be rendered at a device, or without."""
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
