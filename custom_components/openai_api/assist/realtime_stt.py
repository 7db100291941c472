"""The speech-to-text entity of a realtime subentry."""

from collections.abc import AsyncIterable, Sequence
from typing import override

from homeassistant.components.conversation import Content
from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.components.stt import (
    SpeechAudioProcessing,
    SpeechMetadata,
    SpeechResult,
    SpeechResultState,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import chat_session
from homeassistant.util.ulid import ulid_now

from ..const import LOGGER
from .languages import iso_639_1
from .microphone import Microphone
from .pcm import PcmFormat
from .realtime import realtime_voice
from .realtime_session import RealtimeSession
from .stt import BaseSTTEntity
from .stt_upload import TranscriptionOptions, async_transcribe


class RealtimeSTTEntity(BaseSTTEntity):
    """Streams audio into the session of the conversation, in which the model responds by itself."""

    @override
    @callback
    def apply_options(self) -> None:
        super().apply_options()
        self._voice = realtime_voice(self.entry, self.subentry)

    @property
    @override
    def audio_processing(self) -> SpeechAudioProcessing:
        """Return whether Home Assistant detects the end of speech: not if the service alone does."""
        return SpeechAudioProcessing(
            requires_external_vad=self._voice.end_of_speech != "host",
            prefers_auto_gain_enabled=True,
            # The service does that, with a model made for it.
            prefers_noise_reduction_enabled=False,
        )

    @override
    async def async_process_audio_stream(
        self, metadata: SpeechMetadata, stream: AsyncIterable[bytes]
    ) -> SpeechResult:
        """Return what was said; an empty text where nobody spoke.

        Outside of a pipeline nobody would ask for an answer: then it only transcribes. What
        goes wrong is logged, for a pipeline has no other way to tell it.
        """
        microphone = Microphone(
            stream, PcmFormat(int(metadata.sample_rate), int(metadata.channel), 2)
        )
        microphone.start()
        chat = chat_session.current_session.get()
        conversation_id = chat.conversation_id if chat else ulid_now()
        session = self._voice.get_session(conversation_id)
        try:
            try:
                text = await self._async_recognize(
                    session, microphone, metadata, answers=bool(chat)
                )
            except HomeAssistantError as err:
                if self.host.closed:
                    raise
                LOGGER.warning("A realtime session could not be used, speech is uploaded: %s", err)
                # Whatever is wrong with it, the response comes in a new one.
                session.close()
                text = await self._async_upload(microphone, metadata)
        except HomeAssistantError as err:
            LOGGER.error("What was said to %s could not be understood: %s", self.entity_id, err)
            return SpeechResult(None, SpeechResultState.ERROR)
        finally:
            await microphone.async_stop()
            if chat is None:
                session.close()
        return SpeechResult(text, SpeechResultState.SUCCESS)

    async def _async_recognize(
        self,
        session: RealtimeSession,
        microphone: Microphone,
        metadata: SpeechMetadata,
        *,
        answers: bool,
    ) -> str:
        """Return what is said, while the session is opened and the model begins to answer."""
        turn = session.begin_turn()
        try:
            config = session.config
            if not answers:
                config = self._voice.session_config(None, metadata.language)
            elif config is None:
                config = await self._voice.async_initial_config(self.hass, metadata.language)
            await session.async_open(config, _chat_contents(self.hass) if answers else ())
            return await session.async_listen(
                microphone, self._voice.end_of_speech, self._voice.trailing_silence_ms, turn
            )
        except BaseException:
            turn.end()
            session.interrupt()
            raise

    async def _async_upload(self, microphone: Microphone, metadata: SpeechMetadata) -> str:
        """Return what is said once the audio is complete; the conversation entity sends it as text."""
        if self._voice.end_of_speech == "host":
            await microphone.async_wait_for_silence()
        else:
            await microphone.async_wait_for_end()
        options = TranscriptionOptions(
            model=self._voice.transcription_model, language=iso_639_1(metadata.language)
        )
        return await async_transcribe(self.host, options, bytes(microphone.audio))


def _chat_contents(hass: HomeAssistant) -> Sequence[Content]:
    """Return what the chat log of the current conversation holds."""
    chat = chat_session.current_session.get()
    log = hass.data.get(DATA_CHAT_LOGS, {}).get(chat.conversation_id) if chat else None
    return log.content if log else ()
