"""The text-to-speech entity of a realtime subentry."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final, override

from homeassistant.components.tts import TTSAudioRequest, TTSAudioResponse
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import chat_session

from ..const import CONF_DEFAULT_MODELS, LOGGER
from ..subentries import SubentryType
from ..types import ModelKind
from .const import CONF_MODEL, DEFAULTS
from .errors import AssistError
from .pcm import SESSION_FORMAT, Coalescer, Converter, wav_header
from .realtime import realtime_voice
from .realtime_session import RealtimeSession
from .realtime_turn import RealtimeResponse, RealtimeTurn
from .tts import OpenAITTSEntity, is_probed_by_ffmpeg, preferred_audio
from .tts_options import PreferredAudio, target_format

_SPEECH_MODEL: Final = "gpt-4o-mini-tts"
_TEXT_TIMEOUT: Final = 10.0
"""Seconds until a pipeline has passed the first text."""
_MAX_TURN_SECONDS: Final = 300.0
"""Seconds that a turn may last, tools included."""


class RealtimeTTSEntity(OpenAITTSEntity):
    """Streams the audio of the model itself, where the text is that of its response."""

    @override
    @callback
    def apply_options(self) -> None:
        self._voice = realtime_voice(self.entry, self.subentry)
        super().apply_options()

    @override
    def option(self, key: str) -> Any:
        """Return an option; those of text-to-speech have its defaults."""
        if key == CONF_MODEL:
            # Realtime models do not read texts aloud.
            models = self.entry.options.get(CONF_DEFAULT_MODELS) or {}
            return models.get(ModelKind.SPEECH) or _SPEECH_MODEL
        value = super().option(key)
        return DEFAULTS[SubentryType.TTS].get(key) if value is None else value

    @override
    async def async_stream_tts_audio(self, request: TTSAudioRequest) -> TTSAudioResponse:
        """Stream the model's own audio for its responses, and speak any other text."""
        chat = chat_session.current_session.get()
        session = self._voice.find_session(chat.conversation_id) if chat else None
        if session is None or (turn := session.turn) is None:
            return await super().async_stream_tts_audio(request)
        texts = request.message_gen
        try:
            async with asyncio.timeout(_TEXT_TIMEOUT):
                first_text = await anext(texts, "")
        except TimeoutError:
            raise AssistError("assist_slow") from None
        index = _response_index(turn, first_text)
        if index is None or not await self._async_has_audio(turn, index):
            # Another agent answers, Home Assistant itself, or the model without audio.
            if index is None:
                session.abandon_turn(turn)
            request.message_gen = _prepended(first_text, texts)
            return await super().async_stream_tts_audio(request)
        drain_task = self.entry.async_create_background_task(
            self.hass, _async_drain(texts), "openai_api realtime text"
        )
        preferred = preferred_audio(request.options)
        audio = self._async_audio(session, turn, index, preferred, drain_task)
        return TTSAudioResponse("wav", audio)

    async def _async_has_audio(self, turn: RealtimeTurn, index: int) -> bool:
        """Return whether the first audio of a response has arrived, or may come in the next one."""
        response = await turn.response(index)
        async with aclosing(turn.audio(response)) as audio:  # type: ignore[type-var]
            async for _ in audio:
                return True
        return response.is_interrupted() or bool(response.calls)

    async def _async_audio(
        self,
        session: RealtimeSession,
        turn: RealtimeTurn,
        index: int,
        preferred: PreferredAudio,
        drain_task: asyncio.Task[None],
    ) -> AsyncGenerator[bytes]:
        """Yield the audio of a turn from one of its responses on, in the preferred format."""
        target = target_format(
            preferred, SESSION_FORMAT, is_probed_by_ffmpeg=is_probed_by_ffmpeg(preferred)
        )
        converter, coalescer = Converter(SESSION_FORMAT, target), Coalescer(SESSION_FORMAT)
        try:
            yield wav_header(target)
            while (response := await self._async_next_response(turn, index)) is not None:
                async with aclosing(turn.audio(response)) as audio:  # type: ignore[type-var]
                    async for chunk, item_id, content_index in audio:
                        session.on_audio_played(len(chunk), item_id, content_index)
                        if samples := converter.feed(coalescer.feed(chunk)):
                            yield samples
                if samples := converter.feed(coalescer.finish()):
                    yield samples
                session.on_audio_finished()
                index += 1
        except HomeAssistantError as err:
            LOGGER.warning("An answer could not be spoken to its end: %s", err)
            if samples := converter.feed(coalescer.finish()):
                yield samples
            raise
        finally:
            drain_task.cancel()

    async def _async_next_response(self, turn: RealtimeTurn, index: int) -> RealtimeResponse | None:
        """Return the next response of a turn, None once there is none to come."""
        try:
            async with asyncio.timeout(_MAX_TURN_SECONDS):
                while len(turn.responses) <= index:
                    if turn.is_over:
                        return None
                    await turn.changed.wait()
        except TimeoutError:
            return None
        return turn.responses[index]


def _response_index(turn: RealtimeTurn, text: str) -> int | None:
    """Return the index of the response to which a text belongs; None if it is another text."""
    if not turn.is_claimed:
        return None
    if not (stripped := text.strip()):
        # The conversation entity asks for the audio before there is text.
        return max(0, len(turn.responses) - 1) if not turn.is_over else 0
    for index, response in reversed(tuple(enumerate(turn.responses))):
        spoken = response.text.strip()
        if spoken and (spoken.startswith(stripped) or stripped.startswith(spoken)):
            return index
    return None


async def _prepended(first_text: str, texts: AsyncGenerator[str]) -> AsyncGenerator[str]:
    """Yield the first text, then the rest."""
    yield first_text
    async for text in texts:
        yield text


async def _async_drain(texts: AsyncIterator[str]) -> None:
    """Read the text to its end, so that the pipeline is not kept waiting."""
    async for _ in texts:
        pass
