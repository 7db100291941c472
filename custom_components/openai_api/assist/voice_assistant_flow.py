"""The form that sets up a voice assistant: adds its subentries and an Assist pipeline."""

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
_PIPELINE_DOMAIN: Final = "assist_pipeline"
_DEFAULT_AGENT: Final = "conversation.home_assistant"
_ENTITY_TIMEOUT: Final = 15.0
"""Seconds until the entities of new subentries are added, unless something is wrong."""
_MODEL_KINDS: Final = {
    CONF_MODEL: ModelKind.CHAT,
    CONF_TRANSCRIPTION_MODEL: ModelKind.TRANSCRIPTION,
    CONF_SPEECH_MODEL: ModelKind.SPEECH,
}


async def async_step(
    flow: ConfigSubentryFlow, user_input: dict[str, Any] | None
) -> SubentryFlowResult:
    """Ask which models to use, then add the subentries and a pipeline.

    Always ends in an abort, whose reason says what was added: a flow can add one subentry alone.
    """
    hass = flow.hass
    entry: OpenAIConfigEntry = hass.config_entries.async_get_known_entry(flow.handler[0])
    if entry.state is not ConfigEntryState.LOADED:
        return flow.async_abort(reason="entry_not_loaded")
    host = entry.runtime_data.host
    models = await async_list_models(host)
    suggested = _suggested_models(entry, models)
    if _may_support(ModelKind.SPEECH, models, suggested):
        await async_list_voices(host)
    errors: dict[str, str] = {}
    if user_input is not None:
        inputs = {
            key: value.strip() if isinstance(value, str) else value
            for key, value in user_input.items()
        }
        required = [CONF_NAME, CONF_MODEL]
        if inputs.get(CONF_SPEECH_MODEL):
            required.append(CONF_VOICE)
        errors = {key: "field_blank" for key in required if not inputs.get(key)}
        if not errors:
            return await _async_add_subentries(flow, entry, inputs)
        values = inputs
    else:
        values = {
            CONF_NAME: forms.unused_name(host, SubentryType.CONVERSATION),
            **{key: suggested.get(purpose) for key, purpose in _MODEL_KINDS.items()},
            CONF_VOICE: suggested_voice(host),
            CONF_MAKE_PREFERRED: _is_default_pipeline_preferred(hass),
        }
    return flow.async_show_form(
        step_id="user",
        data_schema=flow.add_suggested_values_to_schema(_schema(host, models, suggested), values),
        errors=errors,
        description_placeholders={"host": entry.title},
    )


def _suggested_models(entry: OpenAIConfigEntry, models: list[str]) -> Mapping[str, str]:
    """Return the suggested models by their purpose; default models of the entry come first."""
    kind = kind_of(entry.data, entry.options)
    return {
        **(suggest_models(kind, models) if models else {}),
        **(entry.options.get(CONF_DEFAULT_MODELS) or {}),
    }


def _may_support(purpose: ModelKind, models: list[str], suggested: Mapping[str, str]) -> bool:
    """Return whether the service may serve a purpose; one that lists no models may serve any."""
    return not models or purpose in suggested or any(fits(name, purpose) for name in models)


@callback
def _schema(host: ServiceHost, models: list[str], suggested: Mapping[str, str]) -> vol.Schema:
    """Return the schema of the form, without the models that the service lacks."""
    fields: dict[vol.Marker, Any] = {vol.Required(CONF_NAME): TextSelector()}
    for key, purpose in _MODEL_KINDS.items():
        suitable = [name for name in models if fits(name, purpose)]
        if key == CONF_MODEL:
            fields[vol.Required(key)] = forms.name_selector(suitable or models)
        elif _may_support(purpose, models, suggested):
            fields[vol.Optional(key)] = forms.name_selector(suitable)
            if key == CONF_SPEECH_MODEL:
                fields[vol.Optional(CONF_VOICE)] = forms.name_selector(known_voices(host))
    if _PIPELINE_DOMAIN in host.hass.config.components:
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
def _is_default_pipeline_preferred(hass: HomeAssistant) -> bool:
    """Return whether the preferred pipeline is still the default one of Home Assistant."""
    if _PIPELINE_DOMAIN not in hass.config.components:
        return False
    store = _pipelines(hass)
    preferred = store.data[store.async_get_preferred_item()]
    return (
        preferred.conversation_engine == _DEFAULT_AGENT
        and preferred.stt_engine is None
        and preferred.tts_engine is None
    )


async def _async_add_subentries(
    flow: ConfigSubentryFlow, entry: OpenAIConfigEntry, inputs: Mapping[str, Any]
) -> SubentryFlowResult:
    """Add the subentries and the pipeline, and abort with what was added."""
    hass, name = flow.hass, inputs[CONF_NAME]
    subentry_data: dict[SubentryType, dict[str, Any]] = {
        SubentryType.CONVERSATION: {
            CONF_MODEL: inputs[CONF_MODEL],
            CONF_PROMPT: llm.DEFAULT_INSTRUCTIONS_PROMPT,
            CONF_LLM_HASS_API: [llm.LLM_API_ASSIST],
        }
    }
    if model := inputs.get(CONF_TRANSCRIPTION_MODEL):
        subentry_data[SubentryType.STT] = {CONF_MODEL: model}
    if model := inputs.get(CONF_SPEECH_MODEL):
        subentry_data[SubentryType.TTS] = {CONF_MODEL: model, CONF_VOICE: inputs[CONF_VOICE]}
    _set_default_models(hass, entry, inputs)
    subentry_ids: dict[SubentryType, str] = {}
    for kind, data in subentry_data.items():
        subentry = ConfigSubentry(
            data=MappingProxyType(data), subentry_type=kind, title=name, unique_id=None
        )
        hass.config_entries.async_add_subentry(entry, subentry)
        subentry_ids[kind] = subentry.subentry_id
    reason = "pipeline_not_loaded"
    if _PIPELINE_DOMAIN in hass.config.components:
        try:
            async with asyncio.timeout(_ENTITY_TIMEOUT):
                engines = await _async_wait_for_entities(hass, subentry_ids)
                await _async_add_pipeline(hass, name, engines, inputs)
            reason = "assistant_added"
        except Exception as err:  # noqa: BLE001
            # The subentries work without a pipeline.
            LOGGER.warning("No pipeline could be made for %s: %r", name, err)
            reason = "pipeline_failed"
    return flow.async_abort(reason=reason, description_placeholders={"name": name})


@callback
def _set_default_models(
    hass: HomeAssistant, entry: OpenAIConfigEntry, inputs: Mapping[str, Any]
) -> None:
    """Let actions use the models of the assistant, for purposes without a default model."""
    models: dict[str, Any] = {
        purpose: model for key, purpose in _MODEL_KINDS.items() if (model := inputs.get(key))
    }
    known: Mapping[str, Any] = entry.options.get(CONF_DEFAULT_MODELS) or {}
    models.update((purpose, model) for purpose, model in known.items() if model)
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, CONF_DEFAULT_MODELS: models}
    )


async def _async_wait_for_entities(
    hass: HomeAssistant, subentries: Mapping[SubentryType, str]
) -> dict[SubentryType, str]:
    """Return the entity id of each subentry once it is added; the caller has a timeout."""
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
    hass: HomeAssistant, name: str, engines: Mapping[SubentryType, str], inputs: Mapping[str, Any]
) -> None:
    """Add a pipeline with these engines; the rest is copied from the preferred pipeline."""
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
    if inputs.get(CONF_MAKE_PREFERRED):
        store.async_set_preferred_item(pipeline.id)
