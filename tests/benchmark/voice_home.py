"""A home with two voice assistants on the same service: Home Assistant's own, and ours."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import inspect
import os
import resource
import time
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from homeassistant.components import stt, tts
from homeassistant.components.assist_pipeline import (
    AudioSettings,
    PipelineEvent,
    PipelineEventType,
    async_pipeline_from_audio_stream,
)
from homeassistant.components.assist_pipeline.pipeline import (
    KEY_ASSIST_PIPELINE,
    PipelineInput,
    PipelineRun,
    PipelineStage,
    async_get_pipeline,
)
from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
)
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import chat_session
from homeassistant.setup import async_setup_component

from tests.harness.synthetic_speech import RATE, speak

from .core import DOMAIN, KEY, core

CORE: Final = "core"
OURS: Final = "ours"
SOCKET: Final = "ours over a WebSocket"
EARS: Final = ("home", "both", "host")
"""Who hears the end of speech."""
WAV: Final = {
    "preferred_format": "wav",
    "preferred_sample_rate": 16_000,
    "preferred_sample_channels": 1,
    "preferred_sample_bytes": 2,
}
"""What a satellite with a loudspeaker of its own takes."""
MP3: Final[dict[str, Any]] = {}
"""What browsers and media players take."""
THINGS: Final = 200
_CORE_ENGINES: Final = ("conversation.openai_conversation", "stt.openai_stt", "tts.openai_tts")
_SUBENTRIES: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("conversation", "Clock", {"model": "gpt-5-mini", "llm_hass_api": ["assist"]}),
    (
        "conversation",
        "Socket",
        {"model": "gpt-5-mini", "llm_hass_api": ["assist"], "api": "responses_socket"},
    ),
    ("tts", "Clock", {"model": "gpt-4o-mini-tts", "voice": "alloy"}),
    *(
        ("stt", f"Ear {end}", {"model": "gpt-4o-mini-transcribe", "end_of_speech": end})
        for end in EARS
    ),
    *(
        (
            "realtime",
            f"Talk {end}",
            {
                "model": "gpt-realtime",
                "transcription_model": "gpt-4o-mini-transcribe",
                "end_of_speech": end,
            },
        )
        for end in ("both", "host")
    ),
)
_SPEECH_SECONDS: Final = 3.2
_HAS_CONTEXT: Final = "context" in inspect.signature(chat_session.async_get_chat_session).parameters
_PIECE: Final = 1024
"""Bytes that a device sends at once, 32 ms."""


@dataclass(kw_only=True)
class Turn:
    """What a turn has taken."""

    start: float = field(default_factory=time.perf_counter)
    first_sound: float | None = None
    speech_ended: float | None = None
    cpu: float = 0
    """Seconds of this process."""
    conversion: float = 0
    """Seconds of processor time of processes that convert sound."""
    conversation_id: str | None = None
    error: Any = None

    @property
    def waited(self) -> float:
        """Seconds of silence until the first sound: after the question or its last word."""
        if self.first_sound is None:
            raise RuntimeError(f"Nothing was heard: {self.error}")
        return self.first_sound - (self.speech_ended or self.start)


class VoiceHome:
    """The home, and a satellite without a device."""

    def __init__(self, hass: HomeAssistant, pipelines: dict[str, str]) -> None:
        """Take over a home with these pipelines, by name."""
        self.hass, self.pipelines = hass, pipelines
        self._sound = speak(_SPEECH_SECONDS)

    async def write(
        self, name: str, text: str, output: dict[str, Any], conversation_id: str | None = None
    ) -> Turn:
        """Ask in writing and hear the answer to its end."""
        before, turn = _spent(), Turn()
        satellite = _Satellite(self.hass, turn, output)
        context = Context()
        # Home Assistant 2026.10 does not ask whose conversation it is.
        whose = {"context": context} if _HAS_CONTEXT else {}
        with chat_session.async_get_chat_session(self.hass, conversation_id, **whose) as session:
            await PipelineInput(
                session=session,
                intent_input=text,
                run=PipelineRun(
                    self.hass,
                    context=context,
                    pipeline=async_get_pipeline(self.hass, self.pipelines[name]),
                    start_stage=PipelineStage.INTENT,
                    end_stage=PipelineStage.TTS,
                    event_callback=satellite.on_event,
                    tts_audio_output=output,
                ),
            ).execute(validate=True)
            turn.conversation_id = session.conversation_id
        await satellite.async_hear()
        turn.cpu, turn.conversion = (now - then for now, then in zip(_spent(), before, strict=True))
        return turn

    async def speak(self, name: str, output: dict[str, Any]) -> Turn:
        """Ask aloud, at the speed of speech, and hear the answer to its end."""
        before, turn = _spent(), Turn()
        satellite = _Satellite(self.hass, turn, output)
        await async_pipeline_from_audio_stream(
            self.hass,
            context=Context(),
            event_callback=satellite.on_event,
            stt_metadata=stt.SpeechMetadata(
                language="en-US",
                format=stt.AudioFormats.WAV,
                codec=stt.AudioCodecs.PCM,
                bit_rate=stt.AudioBitRates.BITRATE_16,
                sample_rate=stt.AudioSampleRates.SAMPLERATE_16000,
                channel=stt.AudioChannels.CHANNEL_MONO,
            ),
            stt_stream=self._microphone(turn),
            pipeline_id=self.pipelines[name],
            tts_audio_output=output,
            audio_settings=AudioSettings(silence_seconds=0.7),
        )
        await satellite.async_hear()
        turn.cpu, turn.conversion = (now - then for now, then in zip(_spent(), before, strict=True))
        return turn

    async def _microphone(self, turn: Turn) -> AsyncIterator[bytes]:
        """Yield speech, then silence until nobody listens any more."""
        start = time.perf_counter()
        for index in range(30 * RATE * 2 // _PIECE):
            piece = self._sound[index * _PIECE : (index + 1) * _PIECE]
            if len(piece) < _PIECE and turn.speech_ended is None:
                turn.speech_ended = time.perf_counter()
            due = start + (index + 1) * _PIECE / 2 / RATE
            await asyncio.sleep(max(0, due - time.perf_counter()))
            yield piece.ljust(_PIECE, b"\0")


class _Satellite:
    """Fetches the sound as soon as it is offered."""

    def __init__(self, hass: HomeAssistant, turn: Turn, output: dict[str, Any]) -> None:
        self._hass, self._turn = hass, turn
        # The header of a WAV is no sound.
        self._least = 200 if output else 1
        self._token: str | None = None
        self._hearing: asyncio.Task[None] | None = None

    @callback
    def on_event(self, event: PipelineEvent) -> None:
        """Take an event of the pipeline."""
        data = event.data or {}
        if event.type is PipelineEventType.RUN_START:
            self._token = (data.get("tts_output") or {}).get("token")
        elif event.type is PipelineEventType.ERROR:
            self._turn.error = data
        elif event.type is PipelineEventType.TTS_END or data.get("tts_start_streaming"):
            self._fetch()

    def _fetch(self) -> None:
        """Begin to fetch the sound."""
        if self._hearing is None and self._token:
            stream = tts.async_get_stream(self._hass, self._token)
            assert stream is not None
            self._hearing = asyncio.create_task(self._hear(stream))

    async def _hear(self, stream: tts.ResultStream) -> None:
        """Hear the sound to its end."""
        size = 0
        async for chunk in stream.async_stream_result():
            size += len(chunk)
            if size >= self._least and self._turn.first_sound is None:
                self._turn.first_sound = time.perf_counter()

    async def async_hear(self) -> None:
        """Wait for the end of the sound."""
        if self._hearing is not None:
            async with asyncio.timeout(120):
                await self._hearing


def _spent() -> tuple[float, float]:
    """Return the processor time of this process and of those that it has started."""
    own, others = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime, others.ru_utime + others.ru_stime


@asynccontextmanager
async def voice_home(url: str, wanted: Iterable[str] = (CORE, OURS)) -> AsyncIterator[VoiceHome]:
    """Start a home with one or both assistants, and with many things that they may control."""
    async with core() as hass:
        things = {f"thing_{number}": {"name": f"Thing {number}"} for number in range(THINGS)}
        assert await async_setup_component(hass, "input_boolean", {"input_boolean": things})
        for component in ("stt", "tts", "conversation", "assist_pipeline"):
            assert await async_setup_component(hass, component, {})
        pipelines: dict[str, str] = {}
        if CORE in wanted:
            await _add_core(hass, url)
            pipelines[CORE] = await _add_pipeline(hass, CORE, *_CORE_ENGINES)
        if OURS in wanted:
            await _add_ours(hass, url)
            agent, mouth = "conversation.clock", "tts.clock"
            ears = {end: f"stt.ear_{end}" for end in EARS}
            engines = {OURS: (agent, ears["home"], mouth)}
            engines[SOCKET] = ("conversation.socket", ears["home"], mouth)
            engines |= {f"ours, {end}": (agent, ears[end], mouth) for end in EARS}
            for end in ("both", "host"):
                talk = f"talk_{end}"
                engines[f"realtime, {end}"] = (
                    f"conversation.{talk}",
                    f"stt.{talk}",
                    f"tts.{talk}",
                )
            for name, found in engines.items():
                pipelines[name] = await _add_pipeline(hass, name, *found)
        await hass.async_block_till_done()
        yield VoiceHome(hass, pipelines)


async def _add_core(hass: HomeAssistant, url: str) -> None:
    """Add Home Assistant's own integration; only the environment can tell it an address."""
    with patch.dict(os.environ, {"OPENAI_BASE_URL": url}):
        result = await hass.config_entries.flow.async_init(
            "openai_conversation", context={"source": SOURCE_USER}, data={"api_key": KEY}
        )
        assert result["type"] == "create_entry", result
        await hass.async_block_till_done()
    assert result["result"].state is ConfigEntryState.LOADED, result["result"].state


async def _add_ours(hass: HomeAssistant, url: str) -> None:
    """Add our integration."""
    entry: ConfigEntry[Any] = ConfigEntry(
        data={"base_url": url, "api_key": KEY, "timeout": 60.0, "max_retries": 0},
        discovery_keys=MappingProxyType({}),
        domain=DOMAIN,
        minor_version=1,
        options={},
        source=SOURCE_USER,
        subentries_data=[
            {
                "subentry_type": kind,
                "title": title,
                "unique_id": None,
                "data": data,
            }
            for kind, title, data in _SUBENTRIES
        ],
        title="Clock",
        unique_id=None,
        version=1,
    )
    await hass.config_entries.async_add(entry)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED, entry.state


async def _add_pipeline(hass: HomeAssistant, name: str, agent: str, ear: str, mouth: str) -> str:
    """Add a pipeline and return its id."""
    made = await hass.data[KEY_ASSIST_PIPELINE].pipeline_store.async_create_item(
        {
            "name": name,
            "language": "en",
            "conversation_engine": agent,
            "conversation_language": "en",
            "stt_engine": ear,
            "stt_language": "en-US",
            "tts_engine": mouth,
            "tts_language": "en-US",
            "tts_voice": None,
            "wake_word_entity": None,
            "wake_word_id": None,
        }
    )
    return str(made.id)
