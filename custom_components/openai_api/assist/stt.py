"""The speech-to-text entity of a subentry."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import replace
import time
from typing import Any, ClassVar, Final, override

from homeassistant.components import stt
from homeassistant.components.stt import (
    AudioBitRates,
    AudioChannels,
    AudioCodecs,
    AudioFormats,
    AudioSampleRates,
    SpeechAudioProcessing,
    SpeechMetadata,
    SpeechResult,
    SpeechResultState,
    SpeechToTextEntity,
)
from homeassistant.exceptions import HomeAssistantError

from ..const import LOGGER
from ..exceptions import ConnectionRejected
from .const import (
    CONF_END_OF_SPEECH,
    CONF_MODEL,
    CONF_NAMES_OF_THINGS,
    CONF_NOISE_REDUCTION,
    CONF_PROMPT,
    CONF_SEND_LANGUAGE,
    CONF_TRANSPORT,
)
from .entity import AssistEntity
from .errors import NoSpeechRecognized
from .languages import iso_639_1, languages_with
from .microphone import Microphone
from .pcm import PcmFormat
from .stt_live import LiveTranscription
from .stt_prompt import exposed_names, is_prompt_echo
from .stt_upload import TranscriptionOptions, async_transcribe
from .turns import Ended, Turn

_NO_LIVE: Final = "no_live_transcription"
"""Key of `ServiceHost.known`: when live sessions last did not work, on `time.monotonic`'s clock."""
_RETRY_LIVE_AFTER: Final = 3600.0
"""Seconds after which a service that was only silent may be tried again."""


class BaseSTTEntity(AssistEntity, SpeechToTextEntity):
    """The base of the speech-to-text entities: audio of pipelines, and of clients of `/api/stt`."""

    supported_formats: ClassVar = [AudioFormats.WAV]
    supported_codecs: ClassVar = [AudioCodecs.PCM]
    supported_bit_rates: ClassVar = [AudioBitRates.BITRATE_16]
    supported_sample_rates: ClassVar = list(AudioSampleRates)
    supported_channels: ClassVar = list(AudioChannels)

    @property
    @override
    def supported_languages(self) -> list[str]:
        """Return every language that services may support; they reject none."""
        return languages_with(self.hass.config.language)


class OpenAISTTEntity(BaseSTTEntity):
    """Transcribes by upload, or live where the service supports it."""

    @property
    @override
    def audio_processing(self) -> SpeechAudioProcessing:
        """Return whether Home Assistant detects the end of speech: not if the service alone does."""
        return SpeechAudioProcessing(
            requires_external_vad=not (self._end_of_speech == "host" and self._is_live),
            prefers_auto_gain_enabled=True,
            prefers_noise_reduction_enabled=self.option(CONF_NOISE_REDUCTION) is None,
        )

    @property
    def _end_of_speech(self) -> str:
        """Who detects the end of speech: `home`, `both` or `host`."""
        return str(self.option(CONF_END_OF_SPEECH))

    @property
    def _is_live(self) -> bool:
        """Whether to try a live session."""
        match self.option(CONF_TRANSPORT):
            case "upload":
                return False
            case "live":
                return True
        failed = self.host.known.get(_NO_LIVE)
        return failed is None or time.monotonic() - failed > _RETRY_LIVE_AFTER

    @override
    async def async_process_audio_stream(
        self, metadata: SpeechMetadata, stream: AsyncIterable[bytes]
    ) -> SpeechResult:
        """Return what was said; an empty text where nobody spoke.

        What goes wrong is logged, for a pipeline has no other way to tell it.
        """
        return await self._async_process(metadata, stream, None)

    async def async_process_audio_stream_with_progress(
        self, metadata: SpeechMetadata, stream: AsyncIterable[bytes]
    ) -> AsyncGenerator[Any]:
        """Yield partial results, then the result; Home Assistant calls it since 2026.11."""
        partials: asyncio.Queue[str | None] = asyncio.Queue()
        task = asyncio.create_task(self._async_process(metadata, stream, partials.put_nowait))
        task.add_done_callback(lambda _: partials.put_nowait(None))
        try:
            while (text := await partials.get()) is not None:
                yield stt.PartialSpeechResult(text)
            yield await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    async def _async_process(
        self,
        metadata: SpeechMetadata,
        stream: AsyncIterable[bytes],
        on_partial: Callable[[str], None] | None,
    ) -> SpeechResult:
        """Return the result of a run; errors are logged."""
        pcm_format = PcmFormat(int(metadata.sample_rate), int(metadata.channel), 2)
        microphone = Microphone(stream, pcm_format)
        microphone.start()
        turn = Turn(self, "stt", model=self.option(CONF_MODEL))
        try:
            with turn.report_failures():
                options = self._options(metadata)
                text = await self._async_recognize(microphone, options, on_partial, turn)
                if is_prompt_echo(text, options.prompt):
                    # Without the prompt, the transcript is that of the audio, if there is speech.
                    again = replace(options, prompt=None)
                    text = await async_transcribe(self.host, again, bytes(microphone.audio))
        except HomeAssistantError as err:
            LOGGER.error("What was said to %s could not be understood: %s", self.entity_id, err)
            return SpeechResult(None, SpeechResultState.ERROR)
        finally:
            await microphone.async_stop()
        turn.set_texts(answer=text)
        turn.end(Ended.DONE)
        return SpeechResult(text, SpeechResultState.SUCCESS)

    async def _async_recognize(
        self,
        microphone: Microphone,
        options: TranscriptionOptions,
        on_partial: Callable[[str], None] | None,
        turn: Turn,
    ) -> str:
        """Return the transcript, by upload of the same audio where live transcription fails."""
        end_of_speech = self._end_of_speech
        if is_live := self._is_live:
            turn.data["transport"] = "live"
            live = LiveTranscription(
                self.runtime_data, options, end_of_speech=end_of_speech, on_partial=on_partial
            )
            try:
                return await live.async_run(microphone)
            except HomeAssistantError as err:
                if self.host.closed:
                    raise
                is_silent = isinstance(err, NoSpeechRecognized)
                if is_silent and self.option(CONF_TRANSPORT) == "live":
                    raise
                LOGGER.debug("Speech is uploaded instead of heard live: %s", err)
                if is_silent or isinstance(err, ConnectionRejected):
                    self.host.known[_NO_LIVE] = time.monotonic()
        turn.data["transport"] = "upload"
        if is_live and end_of_speech == "host":
            # Nothing else detects the end of speech of this run.
            await microphone.async_wait_for_silence()
        else:
            await microphone.async_wait_for_end()
        return await async_transcribe(self.host, options, bytes(microphone.audio))

    def _options(self, metadata: SpeechMetadata) -> TranscriptionOptions:
        """Return the transcription options of this run."""
        prompts = [self.option(CONF_PROMPT) or ""]
        if self.option(CONF_NAMES_OF_THINGS):
            prompts.append(exposed_names(self.hass, len(prompts[0])))
        return TranscriptionOptions(
            model=str(self.option(CONF_MODEL) or ""),
            language=iso_639_1(metadata.language) if self.option(CONF_SEND_LANGUAGE) else None,
            prompt=" ".join(part for part in prompts if part) or None,
            noise_reduction=self.option(CONF_NOISE_REDUCTION),
        )
