"""The schemas of the forms of subentries: main fields, and advanced ones in a collapsed section."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from homeassistant.core import callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers import llm
from homeassistant.helpers.selector import (
    BooleanSelector,
    ConversationAgentSelector,
    ConversationAgentSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TemplateSelector,
    TextSelector,
    TextSelectorConfig,
)
import voluptuous as vol

from ..api.host import ServiceHost
from ..subentries import SubentryType
from . import models, voices
from .const import (
    CHOICES,
    CONF_API,
    CONF_AUDIO_FORMAT,
    CONF_CLEAN_TEXT,
    CONF_CONTINUE_CONVERSATION,
    CONF_EAGERNESS,
    CONF_END_OF_SPEECH,
    CONF_EVALUATE,
    CONF_EXTRA_BODY,
    CONF_EXTRA_SESSION,
    CONF_FALLBACK_AGENT,
    CONF_FIRST_PIECE,
    CONF_HISTORY_TURNS,
    CONF_HOST_TOOLS,
    CONF_IMAGE_MODEL,
    CONF_INSTRUCTIONS,
    CONF_KEEP_OPEN,
    CONF_LLM_HASS_API,
    CONF_MAX_OUTPUT_TOKENS,
    CONF_MAX_TOOL_ROUNDS,
    CONF_MODEL,
    CONF_NAME,
    CONF_NAMES_OF_THINGS,
    CONF_NOISE_REDUCTION,
    CONF_PATIENCE,
    CONF_PLAIN_TEXT,
    CONF_PROMPT,
    CONF_REASONING_EFFORT,
    CONF_SEND_LANGUAGE,
    CONF_SENTENCES_AHEAD,
    CONF_SERVICE_TIER,
    CONF_SILENCE_MS,
    CONF_SPEAK_AT_ONCE,
    CONF_SPEED,
    CONF_STORE,
    CONF_STRUCTURED_OUTPUT,
    CONF_TEMPERATURE,
    CONF_TOP_P,
    CONF_TRANSCRIPTION_MODEL,
    CONF_TRANSPORT,
    CONF_TURN_DETECTION,
    CONF_VERBOSITY,
    CONF_VOICE,
    DEFAULTS,
    FRACTIONS,
    LIMITS,
    OPEN_CHOICES,
    UNITS,
)

ADVANCED: Final = "advanced"
"""The name of the collapsed section."""
SWITCHES: Final = frozenset(
    {CONF_CLEAN_TEXT, CONF_NAMES_OF_THINGS, CONF_SEND_LANGUAGE, CONF_SPEAK_AT_ONCE, CONF_STORE}
)
OBJECTS: Final = frozenset({CONF_EXTRA_BODY, CONF_EXTRA_SESSION, CONF_HOST_TOOLS})


class Form(NamedTuple):
    """The fields of a type, in order."""

    main: tuple[str, ...]
    advanced: tuple[str, ...]
    required: frozenset[str]


_NAME_AND_MODEL: Final = frozenset({CONF_NAME, CONF_MODEL})
FORMS: Final[Mapping[str, Form]] = {
    SubentryType.CONVERSATION: Form(
        (CONF_NAME, CONF_MODEL, CONF_PROMPT, CONF_LLM_HASS_API, CONF_CONTINUE_CONVERSATION),
        (
            CONF_FALLBACK_AGENT,
            CONF_PLAIN_TEXT,
            CONF_PATIENCE,
            CONF_MAX_TOOL_ROUNDS,
            CONF_HISTORY_TURNS,
            CONF_MAX_OUTPUT_TOKENS,
            CONF_TEMPERATURE,
            CONF_TOP_P,
            CONF_REASONING_EFFORT,
            CONF_VERBOSITY,
            CONF_SERVICE_TIER,
            CONF_API,
            CONF_STORE,
            CONF_HOST_TOOLS,
            CONF_EXTRA_BODY,
        ),
        _NAME_AND_MODEL,
    ),
    SubentryType.AI_TASK: Form(
        (CONF_NAME, CONF_MODEL, CONF_IMAGE_MODEL),
        (
            CONF_PATIENCE,
            CONF_MAX_OUTPUT_TOKENS,
            CONF_TEMPERATURE,
            CONF_REASONING_EFFORT,
            CONF_STRUCTURED_OUTPUT,
            CONF_EVALUATE,
            CONF_EXTRA_BODY,
        ),
        _NAME_AND_MODEL,
    ),
    SubentryType.STT: Form(
        (CONF_NAME, CONF_MODEL, CONF_TRANSPORT, CONF_END_OF_SPEECH),
        (CONF_SEND_LANGUAGE, CONF_PROMPT, CONF_NAMES_OF_THINGS, CONF_NOISE_REDUCTION),
        _NAME_AND_MODEL,
    ),
    SubentryType.TTS: Form(
        (CONF_NAME, CONF_MODEL, CONF_VOICE, CONF_INSTRUCTIONS, CONF_SPEED),
        (
            CONF_AUDIO_FORMAT,
            CONF_FIRST_PIECE,
            CONF_SENTENCES_AHEAD,
            CONF_CLEAN_TEXT,
            CONF_PATIENCE,
            CONF_EXTRA_BODY,
        ),
        _NAME_AND_MODEL | {CONF_VOICE},
    ),
    SubentryType.REALTIME: Form(
        (CONF_NAME, CONF_MODEL, CONF_VOICE, CONF_PROMPT, CONF_LLM_HASS_API),
        (
            CONF_TRANSCRIPTION_MODEL,
            CONF_TURN_DETECTION,
            CONF_SILENCE_MS,
            CONF_EAGERNESS,
            CONF_END_OF_SPEECH,
            CONF_NOISE_REDUCTION,
            CONF_SPEAK_AT_ONCE,
            CONF_KEEP_OPEN,
            CONF_CONTINUE_CONVERSATION,
            CONF_MAX_OUTPUT_TOKENS,
            CONF_EXTRA_SESSION,
        ),
        _NAME_AND_MODEL,
    ),
}
_MODEL_PURPOSES: Final = {
    CONF_IMAGE_MODEL: models.IMAGE,
    CONF_TRANSCRIPTION_MODEL: models.TRANSCRIPTION,
}


@callback
def form_schema(host: ServiceHost, kind: str, known_models: list[str]) -> vol.Schema:
    """Return the schema of a subentry type, with the models and voices of the service."""
    form = FORMS[kind]

    def fields(keys: tuple[str, ...]) -> dict[vol.Marker, Any]:
        return {
            _marker(kind, key, is_required=key in form.required): _selector(
                host, kind, key, known_models
            )
            for key in keys
        }

    # With a default of its own, the frontend would not show what is in the section.
    advanced_section = section(vol.Schema(fields(form.advanced)), {"collapsed": True})
    return vol.Schema({**fields(form.main), vol.Optional(ADVANCED): advanced_section})


@callback
def suggested_values(host: ServiceHost, kind: str, known: list[str]) -> dict[str, Any]:
    """Return the suggested values of a new form: `{option key of assist.const: value}`."""
    form = FORMS[kind]
    suggested: dict[str, Any] = {
        CONF_NAME: unused_name(host, kind),
        CONF_MODEL: models.suggested_model(host, known, kind),
    }
    for key, purpose in _MODEL_PURPOSES.items():
        if key in form.main + form.advanced:
            suggested[key] = models.suggested_model(host, known, purpose)
    if CONF_VOICE in form.required:
        suggested[CONF_VOICE] = voices.suggested_voice(host)
    if CONF_LLM_HASS_API in form.main:
        suggested[CONF_PROMPT] = llm.DEFAULT_INSTRUCTIONS_PROMPT
        suggested[CONF_LLM_HASS_API] = [llm.LLM_API_ASSIST]
    return {key: value for key, value in suggested.items() if value is not None}


def unused_name(host: ServiceHost, kind: str) -> str:
    """Return the host's name, with a number if a subentry of the type has it."""
    title = host.entry.title
    taken = {item.title for item in host.entry.subentries.values() if item.subentry_type == kind}
    names = (f"{title} {number}" if number > 1 else title for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _marker(kind: str, key: str, *, is_required: bool) -> vol.Marker:
    """Return the marker of a field; one with a default is required."""
    default = DEFAULTS[kind].get(key)
    if default is not None and key not in OBJECTS:
        return vol.Required(key, default=default)
    return vol.Required(key) if is_required else vol.Optional(key)


def _selector(host: ServiceHost, kind: str, key: str, known_models: list[str]) -> Any:
    """Return the selector of a field."""
    if key in {CONF_MODEL, *_MODEL_PURPOSES}:
        return name_selector(
            models.models_for_purpose(known_models, _MODEL_PURPOSES.get(key, kind))
        )
    if key in CHOICES:
        return SelectSelector(
            SelectSelectorConfig(
                options=list(CHOICES[key]),
                translation_key=f"assist_{key}",
                custom_value=key in OPEN_CHOICES,
                mode=SelectSelectorMode.DROPDOWN,
            )
        )
    if key in LIMITS:
        low, high = LIMITS[key]
        box = NumberSelectorConfig(
            min=low, max=high, step="any" if key in FRACTIONS else 1, mode=NumberSelectorMode.BOX
        )
        if key in UNITS:
            box["unit_of_measurement"] = UNITS[key]
        return NumberSelector(box)
    if key in SWITCHES:
        return BooleanSelector()
    if key in OBJECTS:
        return ObjectSelector()
    if key == CONF_VOICE:
        return name_selector(voices.known_voices(host))
    if key == CONF_LLM_HASS_API:
        return SelectSelector(
            SelectSelectorConfig(
                options=[
                    SelectOptionDict(value=api.id, label=api.name)
                    for api in llm.async_get_apis(host.hass)
                ],
                multiple=True,
            )
        )
    if key == CONF_FALLBACK_AGENT:
        return ConversationAgentSelector(
            ConversationAgentSelectorConfig(language=host.hass.config.language)
        )
    if key == CONF_PROMPT and kind != SubentryType.STT:
        return TemplateSelector()
    return TextSelector(TextSelectorConfig(multiline=key in {CONF_INSTRUCTIONS, CONF_PROMPT}))


def name_selector(known: Iterable[str]) -> Any:
    """Return a selector for a name that offers the known ones."""
    if not (options := list(known)):
        return TextSelector()
    return SelectSelector(
        SelectSelectorConfig(options=options, custom_value=True, mode=SelectSelectorMode.DROPDOWN)
    )
