"""Sets up a voice assistant with a service: its subentries, and an Assist pipeline of them."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import MATCH_ALL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, llm
from homeassistant.helpers.selector import BooleanSelector, TextSelector
import voluptuous as vol

from ..api.host import ServiceHost
from ..api.service_kinds import fits, kind_of, suggest_models
from ..const import CONF_DEFAULT_MODELS, DOMAIN, LOGGER
from ..data import OpenAIConfigEntry
from ..subentries import PLATFORMS, SubentryType
from ..types import ModelKind
from . import forms
from .const import (
    CONF_LLM_HASS_API,
    CONF_MODEL,
    CONF_NAME,
    CONF_PROMPT,
    CONF_TRANSCRIPTION_MODEL,
    CONF_VOICE,
)
from .models import async_list_models
from .voices import async_list_voices, known_voices, suggested_voice

CONF_SPEECH_MODEL: Final = "speech_model"
CONF_MAKE_PREFERRED: Final = "make_preferred"
_PIPELINES: Final = "assist_pipeline"
_HOME_AGENT: Final = "conversation.home_assistant"
_PATIENCE: Final = 15.0
"""Seconds within which the entities of new subentries are there, unless something is wrong."""
_PURPOSES: Final = {
    CONF_MODEL: ModelKind.CHAT,
    CONF_TRANSCRIPTION_MODEL: ModelKind.TRANSCRIPTION,
    CONF_SPEECH_MODEL: ModelKind.SPEECH,
}


async def async_step(
    flow: ConfigSubentryFlow, user_input: dict[str, Any] | None
) -> SubentryFlowResult:
    """Ask which models to use, then add the subentries and a pipeline.

    Always ends in an abort, whose reason says what there is now: a flow could add no more than
    one subentry by itself.
    """
    hass = flow.hass
    entry: OpenAIConfigEntry = hass.config_entries.async_get_known_entry(flow.handler[0])
    if entry.state is not ConfigEntryState.LOADED:
        return flow.async_abort(reason="entry_not_loaded")
    host = entry.runtime_data.host
    names = await async_list_models(host)
    suggested = _suggested(entry, names)
    if _may(ModelKind.SPEECH, names, suggested):
        await async_list_voices(host)
    errors: dict[str, str] = {}
    if user_input is not None:
        typed = {
            key: value.strip() if isinstance(value, str) else value
            for key, value in user_input.items()
        }
        required = [CONF_NAME, CONF_MODEL]
        if typed.get(CONF_SPEECH_MODEL):
            required.append(CONF_VOICE)
        errors = {key: "field_blank" for key in required if not typed.get(key)}
        if not errors:
            return await _async_set_up(flow, entry, typed)
        shown = typed
    else:
        shown = {
            CONF_NAME: forms.free_name(host, SubentryType.CONVERSATION),
            **{key: suggested.get(purpose) for key, purpose in _PURPOSES.items()},
            CONF_VOICE: suggested_voice(host),
            CONF_MAKE_PREFERRED: _is_new_home(hass),
        }
    return flow.async_show_form(
        step_id="user",
        data_schema=flow.add_suggested_values_to_schema(_schema(host, names, suggested), shown),
        errors=errors,
        description_placeholders={"host": entry.title},
    )


def _suggested(entry: OpenAIConfigEntry, names: list[str]) -> Mapping[str, str]:
    """Return the models to begin with, by their purpose; the entry's own come first."""
    kind = kind_of(entry.data, entry.options)
    return {
        **(suggest_models(kind, names) if names else {}),
        **(entry.options.get(CONF_DEFAULT_MODELS) or {}),
    }


def _may(purpose: ModelKind, names: list[str], suggested: Mapping[str, str]) -> bool:
    """Return whether the service may serve a purpose; one that lists no models may serve any."""
    return not names or purpose in suggested or any(fits(name, purpose) for name in names)


@callback
def _schema(host: ServiceHost, names: list[str], suggested: Mapping[str, str]) -> vol.Schema:
    """Return the form; what the service cannot do is not asked for."""
    fields: dict[vol.Marker, Any] = {vol.Required(CONF_NAME): TextSelector()}
    for key, purpose in _PURPOSES.items():
        fitting = [name for name in names if fits(name, purpose)]
        if key == CONF_MODEL:
            fields[vol.Required(key)] = forms.name_selector(fitting or names)
        elif _may(purpose, names, suggested):
            fields[vol.Optional(key)] = forms.name_selector(fitting)
            if key == CONF_SPEECH_MODEL:
                fields[vol.Optional(CONF_VOICE)] = forms.name_selector(known_voices(host))
    if _PIPELINES in host.hass.config.components:
        fields[vol.Optional(CONF_MAKE_PREFERRED)] = BooleanSelector()
    return vol.Schema(fields)


@callback
def _pipelines(hass: HomeAssistant) -> Any:
    """Return Home Assistant's store of pipelines, which must be loaded."""
    from homeassistant.components.assist_pipeline.pipeline import (  # noqa: PLC0415
        KEY_ASSIST_PIPELINE,
    )

    return hass.data[KEY_ASSIST_PIPELINE].pipeline_store


@callback
def _is_new_home(hass: HomeAssistant) -> bool:
    """Return whether the preferred pipeline is as Home Assistant has made it, without a voice."""
    if _PIPELINES not in hass.config.components:
        return False
    store = _pipelines(hass)
    preferred = store.data[store.async_get_preferred_item()]
    return (
        preferred.conversation_engine == _HOME_AGENT
        and preferred.stt_engine is None
        and preferred.tts_engine is None
    )


async def _async_set_up(
    flow: ConfigSubentryFlow, entry: OpenAIConfigEntry, typed: Mapping[str, Any]
) -> SubentryFlowResult:
    """Add what was asked for and tell what there is now."""
    hass, name = flow.hass, typed[CONF_NAME]
    parts: dict[SubentryType, dict[str, Any]] = {
        SubentryType.CONVERSATION: {
            CONF_MODEL: typed[CONF_MODEL],
            CONF_PROMPT: llm.DEFAULT_INSTRUCTIONS_PROMPT,
            CONF_LLM_HASS_API: [llm.LLM_API_ASSIST],
        }
    }
    if model := typed.get(CONF_TRANSCRIPTION_MODEL):
        parts[SubentryType.STT] = {CONF_MODEL: model}
    if model := typed.get(CONF_SPEECH_MODEL):
        parts[SubentryType.TTS] = {CONF_MODEL: model, CONF_VOICE: typed[CONF_VOICE]}
    _set_default_models(hass, entry, typed)
    made: dict[SubentryType, str] = {}
    for kind, data in parts.items():
        subentry = ConfigSubentry(
            data=MappingProxyType(data), subentry_type=kind, title=name, unique_id=None
        )
        hass.config_entries.async_add_subentry(entry, subentry)
        made[kind] = subentry.subentry_id
    reason = "pipeline_not_loaded"
    if _PIPELINES in hass.config.components:
        try:
            async with asyncio.timeout(_PATIENCE):
                engines = await _async_entities(hass, made)
                await _async_add_pipeline(hass, name, engines, typed)
            reason = "assistant_added"
        except Exception as err:  # noqa: BLE001
            # The subentries are of use without it.
            LOGGER.warning("No pipeline could be made for %s: %r", name, err)
            reason = "pipeline_failed"
    return flow.async_abort(reason=reason, description_placeholders={"name": name})


@callback
def _set_default_models(
    hass: HomeAssistant, entry: OpenAIConfigEntry, typed: Mapping[str, Any]
) -> None:
    """Let actions use the models of the assistant, for purposes without a default model."""
    models: dict[str, Any] = {
        purpose: model for key, purpose in _PURPOSES.items() if (model := typed.get(key))
    }
    known: Mapping[str, Any] = entry.options.get(CONF_DEFAULT_MODELS) or {}
    models.update((purpose, model) for purpose, model in known.items() if model)
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, CONF_DEFAULT_MODELS: models}
    )


async def _async_entities(
    hass: HomeAssistant, subentries: Mapping[SubentryType, str]
) -> dict[SubentryType, str]:
    """Return the entity of each subentry once it is there; the caller bounds the time."""
    registry = er.async_get(hass)
    entities: dict[SubentryType, str] = {}
    while len(entities) < len(subentries):
        for kind, subentry_id in subentries.items():
            (platform,) = PLATFORMS[kind]
            entity_id = registry.async_get_entity_id(platform, DOMAIN, subentry_id)
            if entity_id is not None and hass.states.get(entity_id) is not None:
                entities[kind] = entity_id
        await asyncio.sleep(0.02)
    return entities


async def _async_add_pipeline(
    hass: HomeAssistant, name: str, engines: Mapping[SubentryType, str], typed: Mapping[str, Any]
) -> None:
    """Make a pipeline of these engines; what is missing is as in the preferred pipeline."""
    store = _pipelines(hass)
    settings = store.data[store.async_get_preferred_item()].to_json()
    del settings["id"]
    language = settings["language"]
    settings |= {
        "name": name,
        "conversation_engine": engines[SubentryType.CONVERSATION],
        # The model may know any.
        "conversation_language": MATCH_ALL,
    }
    if engine := engines.get(SubentryType.STT):
        settings |= {"stt_engine": engine, "stt_language": language}
    if engine := engines.get(SubentryType.TTS):
        settings |= {"tts_engine": engine, "tts_language": language, "tts_voice": None}
    pipeline = await store.async_create_item(settings)
    if typed.get(CONF_MAKE_PREFERRED):
        store.async_set_preferred_item(pipeline.id)
