"""A home with voice, its service, and a virtual satellite."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
import inspect
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.components import stt, tts
from homeassistant.components.assist_pipeline import (
    AudioSettings,
    PipelineEvent,
    PipelineEventType,
    async_pipeline_from_audio_stream,
)
from homeassistant.components.assist_pipeline.pipeline import (
    PipelineInput,
    PipelineRun,
    PipelineStage,
    async_get_pipeline,
)
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import chat_session
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN
from tests.integration.conftest import CANARY, service_data

from .voice_server import VoiceServer, tone

type Json = dict[str, Any]
type AddService = Callable[..., Any]
_HAS_CONTEXT = "context" in inspect.signature(chat_session.async_get_chat_session).parameters
SPEECH = tone(1.0, 16_000)
SILENCE = bytes(32_000)


@pytest.fixture
async def service() -> AsyncGenerator[VoiceServer]:
    """Return a service that knows the canary key."""
    found = VoiceServer(CANARY)
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def voice_home(hass: HomeAssistant, tmp_path: Path, media_folder: Path) -> None:
    """Set up what of Home Assistant speaks and listens; nothing is converted by ffmpeg."""
    cache = tmp_path / "tts"
    cache.mkdir()
    with (
        patch.object(tts, "_init_tts_cache_dir", return_value=str(cache)),
        patch("haffmpeg.tools.FFVersion.get_version", AsyncMock(return_value="7"), create=True),
    ):
        for component in ("homeassistant", "http", "stt", "tts", "assist_pipeline"):
            assert await async_setup_component(hass, component, {})
        await hass.async_block_till_done()


@pytest.fixture
def add_service(hass: HomeAssistant, service: VoiceServer, voice_home: None) -> AddService:
    """Return a function that sets up an entry with subentries of these types and options."""

    async def add(
        *subentries: tuple[str, Json], options: Json | None = None, **data: Any
    ) -> MockConfigEntry:
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Voice",
            data=service_data(service.url, **{"timeout": 10.0, **data}),
            options=options or {},
            subentries_data=[
                {
                    "subentry_type": kind,
                    "subentry_id": f"sub-{kind}-{number}",
                    "title": values.pop("title", "Kitchen"),
                    "unique_id": None,
                    "data": {"model": "m-1", **values},
                }
                for number, (kind, values) in enumerate(subentries)
            ],
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        return entry

    return add


async def speak(
    hass: HomeAssistant,
    text: str | AsyncGenerator[str],
    options: Json | None = None,
    engine: str = "tts.kitchen",
) -> bytes:
    """Return the audio of a text as a media player gets it."""
    stream = tts.async_create_stream(hass, engine, "en", options)
    if isinstance(text, str):
        stream.async_set_message(text)
    else:
        stream.async_set_message_stream(text)
    async with asyncio.timeout(10):
        return b"".join([chunk async for chunk in stream.async_stream_result()])


async def text_stream(*texts: str | float) -> AsyncGenerator[str]:
    """Yield text deltas; a number is a pause in seconds."""
    for text in texts:
        if isinstance(text, str):
            yield text
        else:
            await asyncio.sleep(text)


async def microphone(*sounds: bytes | float, pace: float = 0.0) -> AsyncIterator[bytes]:
    """Yield audio in chunks of 10 ms; a number is a pause in seconds."""
    for sound in sounds:
        if isinstance(sound, bytes):
            for start in range(0, len(sound), 320):
                yield sound[start : start + 320]
                await asyncio.sleep(pace)
        else:
            await asyncio.sleep(sound)


METADATA = stt.SpeechMetadata(
    language="en-US",
    format=stt.AudioFormats.WAV,
    codec=stt.AudioCodecs.PCM,
    bit_rate=stt.AudioBitRates.BITRATE_16,
    sample_rate=stt.AudioSampleRates.SAMPLERATE_16000,
    channel=stt.AudioChannels.CHANNEL_MONO,
)


async def transcribe(
    hass: HomeAssistant,
    stream: AsyncIterator[bytes],
    engine: str = "stt.kitchen",
    metadata: stt.SpeechMetadata = METADATA,
) -> stt.SpeechResult:
    """Return the result of a speech-to-text run."""
    entity = stt.async_get_speech_to_text_entity(hass, engine)
    assert entity is not None
    assert entity.check_metadata(metadata)
    # What its annotation calls a stream differs between releases of Home Assistant.
    process: Any = entity.internal_async_process_audio_stream
    async with asyncio.timeout(20):
        found: stt.SpeechResult = await process(metadata, stream)
    return found


class Satellite:
    """Runs the pipeline as a satellite does, and records its events and audio."""

    def __init__(self, hass: HomeAssistant, pipeline_id: str, *, output: Any = None) -> None:
        self.hass, self.pipeline_id, self.output = hass, pipeline_id, output
        self.events: list[PipelineEvent] = []
        self.conversation_id: str | None = None
        self._sound = bytearray()
        self.fetched_at: int | None = None
        self._token: str | None = None
        self._listening: asyncio.Task[None] | None = None
        self.is_player = True
        """Whether it fetches the sound as soon as it is offered."""

    def kinds(self) -> list[str]:
        """Return the types of the events, without progress."""
        return [
            str(event.type)
            for event in self.events
            if event.type is not PipelineEventType.INTENT_PROGRESS
        ]

    def data(self, kind: PipelineEventType) -> Json:
        """Return the data of the last event of a type."""
        return next(dict(event.data or {}) for event in reversed(self.events) if event.type is kind)

    @property
    def sound(self) -> bytes:
        """What is heard of the answer."""
        return bytes(self._sound)

    @property
    def speech(self) -> str:
        """What is answered, in writing."""
        output = self.data(PipelineEventType.INTENT_END)["intent_output"]
        return str(output["response"]["speech"]["plain"]["speech"])

    @property
    def error(self) -> Json:
        """The error that the run ended with."""
        return self.data(PipelineEventType.ERROR)

    @property
    def text(self) -> str:
        """What was understood."""
        return str(self.data(PipelineEventType.STT_END)["stt_output"]["text"])

    def on_event(self, event: PipelineEvent) -> None:
        """Take an event of the pipeline."""
        self.events.append(event)
        data = event.data or {}
        if event.type is PipelineEventType.RUN_START:
            self._token = (data.get("tts_output") or {}).get("token")
            self.conversation_id = data.get("conversation_id")
        elif event.type is PipelineEventType.INTENT_PROGRESS:
            if data.get("tts_start_streaming") and self.is_player:
                self._fetch()
        elif event.type is PipelineEventType.TTS_END:
            self._fetch()

    def _fetch(self) -> None:
        """Fetch the sound."""
        if self._listening is None and self._token:
            stream = tts.async_get_stream(self.hass, self._token)
            assert stream is not None
            self.fetched_at = len(self.events)
            self._listening = asyncio.create_task(self._listen(stream))

    async def _listen(self, stream: tts.ResultStream) -> None:
        """Hear the sound to its end."""
        sound = self._sound
        async for chunk in stream.async_stream_result():
            sound += chunk

    def _begin(self) -> None:
        """Forget the last run."""
        self.events.clear()
        self._sound = bytearray()
        self._token = self._listening = self.fetched_at = None

    async def say(self, *sounds: bytes | float, pace: float = 0.0) -> None:
        """Say something, and play the answer to its end."""
        await self.ask(*sounds, pace=pace)
        await self.listen()

    async def listen(self) -> None:
        """Hear the answer to its end."""
        if self._listening is not None:
            async with asyncio.timeout(20):
                await self._listening

    async def ask(self, *sounds: bytes | float, pace: float = 0.0) -> None:
        """Say something, and return once the pipeline has ended."""
        self._begin()
        async with asyncio.timeout(30):
            await async_pipeline_from_audio_stream(
                self.hass,
                context=Context(),
                event_callback=self.on_event,
                stt_metadata=METADATA,
                stt_stream=microphone(*sounds, pace=pace),
                pipeline_id=self.pipeline_id,
                conversation_id=self.conversation_id,
                tts_audio_output=self.output,
                # The end of the stream is the end of speech, as if the home had heard it.
                audio_settings=AudioSettings(is_vad_enabled=False),
            )

    async def write(self, text: str) -> None:
        """Ask in writing, and play the answer."""
        self._begin()
        extra: Json = {"context": None} if _HAS_CONTEXT else {}
        with chat_session.async_get_chat_session(
            self.hass, self.conversation_id, **extra
        ) as session:
            await PipelineInput(
                session=session,
                intent_input=text,
                run=PipelineRun(
                    self.hass,
                    context=Context(),
                    pipeline=async_get_pipeline(self.hass, self.pipeline_id),
                    start_stage=PipelineStage.INTENT,
                    end_stage=PipelineStage.TTS,
                    event_callback=self.on_event,
                    tts_audio_output=self.output,
                ),
            ).execute(validate=True)
        await self.listen()


async def add_pipeline(hass: HomeAssistant, **engines: Any) -> str:
    """Make a pipeline of these engines and return its id."""
    store = hass.data["assist_pipeline"].pipeline_store
    item = await store.async_create_item(
        {
            "name": "Voice",
            "language": "en",
            "conversation_engine": "conversation.kitchen",
            "conversation_language": "*",
            "stt_engine": "stt.kitchen",
            "stt_language": "en-US",
            "tts_engine": "tts.kitchen",
            "tts_language": "en",
            "tts_voice": None,
            "wake_word_entity": None,
            "wake_word_id": None,
            "prefer_local_intents": False,
            **engines,
        }
    )
    return str(item.id)
