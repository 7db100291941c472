"""The realtime sessions of a subentry, which its three entities share, and their configuration."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.components import conversation
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import chat_session, entity_registry as er, llm
from homeassistant.util.ulid import ulid_now

from ..const import DOMAIN
from ..data import OpenAIConfigEntry
from ..realtime.session_config import build_session
from ..types import Json
from . import tools
from .chat_log import system_prompt
from .const import (
    CONF_EAGERNESS,
    CONF_END_OF_SPEECH,
    CONF_EXTRA_SESSION,
    CONF_KEEP_OPEN,
    CONF_LLM_HASS_API,
    CONF_MAX_OUTPUT_TOKENS,
    CONF_MODEL,
    CONF_NOISE_REDUCTION,
    CONF_PROMPT,
    CONF_SILENCE_MS,
    CONF_TRANSCRIPTION_MODEL,
    CONF_TURN_DETECTION,
    CONF_VOICE,
    DEFAULTS,
)
from .languages import iso_639_1
from .pcm import SESSION_FORMAT
from .realtime_session import RealtimeSession
from .stt_live import TRAILING_SILENCE_MS

_TRANSCRIPTION_MODEL: Final = "gpt-4o-mini-transcribe"
_SILENCE_MARGIN_MS: Final = 200


class RealtimeVoice:
    """The sessions of one subentry, by the ids of Home Assistant's conversations."""

    def __init__(self, entry: OpenAIConfigEntry, subentry: ConfigSubentry) -> None:
        """Take the subentry, whose options may change at any time."""
        self._entry, self._subentry = entry, subentry
        self._sessions: dict[str, RealtimeSession] = {}

    def option(self, key: str) -> Any:
        """Return an option of the subentry, its default or None where it is not set."""
        value = self._subentry.data.get(key)
        return DEFAULTS[self._subentry.subentry_type].get(key) if value is None else value

    @property
    def end_of_speech(self) -> str:
        """Who detects the end of speech: `home`, `both` or `host`."""
        return str(self.option(CONF_END_OF_SPEECH))

    @property
    def transcription_model(self) -> str:
        """The model that transcribes speech."""
        return str(self.option(CONF_TRANSCRIPTION_MODEL) or _TRANSCRIPTION_MODEL)

    @property
    def trailing_silence_ms(self) -> int:
        """Milliseconds of silence after which a service has certainly detected the end of speech."""
        if self.option(CONF_TURN_DETECTION) != "server_vad":
            return TRAILING_SILENCE_MS
        return max(TRAILING_SILENCE_MS, int(self.option(CONF_SILENCE_MS)) + _SILENCE_MARGIN_MS)

    @callback
    def find_session(self, conversation_id: str) -> RealtimeSession | None:
        """Return the session of a conversation, if there is one."""
        return self._sessions.get(conversation_id)

    @callback
    def get_session(self, conversation_id: str) -> RealtimeSession:
        """Return the session of a conversation, a new one for a new conversation."""
        if (session := self._sessions.get(conversation_id)) is None:
            model = str(self.option(CONF_MODEL) or "")
            session = RealtimeSession(self._entry.runtime_data, model, self._keep_open)
            self._sessions[conversation_id] = session
            chat = chat_session.current_session.get()
            if chat is not None and chat.conversation_id == conversation_id:
                chat.async_on_cleanup(lambda: self._remove(conversation_id))
        return session

    @callback
    def close(self) -> None:
        """End every session for good."""
        for conversation_id in tuple(self._sessions):
            self._remove(conversation_id)

    @callback
    def close_sessions(self) -> None:
        """End the idle sessions, for the configuration has changed; what was said is remembered."""
        for session in self._sessions.values():
            if session.turn is None or session.turn.is_over:
                session.close()

    @callback
    def _remove(self, conversation_id: str) -> None:
        """End the session of a conversation for good."""
        if (session := self._sessions.pop(conversation_id, None)) is not None:
            session.shut_down()

    @callback
    def _keep_open(self) -> float:
        """Return the seconds that an idle session stays open."""
        return float(self.option(CONF_KEEP_OPEN))

    def session_config(self, log: conversation.ChatLog | None, language: str | None) -> Json:
        """Return the configuration of a session; without a chat log it only transcribes.

        It is the `session` of a `session.update`: `{"type": "realtime", "audio": {…}, …}`
        (https://platform.openai.com/docs/api-reference/realtime-client-events/session/update).
        Raises ServiceValidationError for what the subentry adds and no service could take.
        """
        option = self.option
        transcription: Json = {"model": self.transcription_model}
        if language and (code := iso_639_1(language)):
            transcription["language"] = code
        input_audio: Json = {
            "format": {"type": "audio/pcm", "rate": SESSION_FORMAT.rate},
            "transcription": transcription,
            "turn_detection": self._turn_detection(answers=log is not None),
            "noise_reduction": {"type": option(CONF_NOISE_REDUCTION)},
        }
        output_audio: Json = {"format": {"type": "audio/pcm", "rate": SESSION_FORMAT.rate}}
        if voice := option(CONF_VOICE):
            output_audio["voice"] = voice
        config: Json = {"audio": {"input": input_audio, "output": output_audio}}
        if log is not None:
            functions = tools.function_tools(log.llm_api)
            if instructions := functions.rename_in(system_prompt(log)):
                config["instructions"] = instructions
            if definitions := functions.definitions:
                config["tools"] = [{"type": "function", **function} for function in definitions]
        if limit := option(CONF_MAX_OUTPUT_TOKENS):
            config["max_output_tokens"] = int(limit)
        return build_session(_deep_merge(config, option(CONF_EXTRA_SESSION)), None)

    def _turn_detection(self, *, answers: bool) -> Json | None:
        """Return the turn detection of the service, None where Home Assistant detects the end."""
        if self.end_of_speech == "home":
            return None
        common = {"create_response": answers, "interrupt_response": answers}
        if self.option(CONF_TURN_DETECTION) == "semantic_vad":
            eagerness = self.option(CONF_EAGERNESS)
            chosen = {"eagerness": eagerness} if eagerness else {}
            return {"type": "semantic_vad", **chosen, **common}
        silence = int(self.option(CONF_SILENCE_MS))
        return {"type": "server_vad", "silence_duration_ms": silence, **common}

    async def async_initial_config(self, hass: HomeAssistant, language: str) -> Json:
        """Return what `session_config` returns, before the conversation entity is asked.

        Home Assistant does not tell a speech-to-text entity which satellite it listens to: it is
        the one that began to listen last.
        """
        log = conversation.ChatLog(hass, ulid_now())
        context: dict[str, Any] = {
            "platform": DOMAIN,
            "context": Context(),
            "language": language,
            "assistant": conversation.DOMAIN,
            "device_id": _listening_device(hass),
        }
        await tools.async_provide_llm_data(
            log,
            llm.LLMContext(**context),
            self.option(CONF_LLM_HASS_API),
            self.option(CONF_PROMPT),
        )
        tools.guard(log)
        return self.session_config(log, language)


@callback
def realtime_voice(entry: OpenAIConfigEntry, subentry: ConfigSubentry) -> RealtimeVoice:
    """Return what the three entities of a subentry share."""
    known = entry.runtime_data.host.known
    key = f"realtime_voice {subentry.subentry_id}"
    if key not in known:
        known[key] = RealtimeVoice(entry, subentry)
    voice: RealtimeVoice = known[key]
    return voice


def _deep_merge(config: Json, extra: Mapping[str, Any]) -> Json:
    """Return a configuration in which `extra` replaces values, object by object."""
    merged = dict(config)
    for key, value in extra.items():
        base = merged.get(key)
        is_object = isinstance(base, dict) and isinstance(value, Mapping)
        merged[key] = _deep_merge(base, value) if is_object else value  # type: ignore[arg-type]
    return merged


@callback
def _listening_device(hass: HomeAssistant) -> str | None:
    """Return the device of the satellite that began to listen last."""
    listening = [
        state for state in hass.states.async_all("assist_satellite") if state.state == "listening"
    ]
    if not listening:
        return None
    latest = max(listening, key=lambda state: state.last_changed)
    entity = er.async_get(hass).async_get(latest.entity_id)
    return entity.device_id if entity else None
