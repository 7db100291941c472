"""The mouth of a realtime conversation: the model's own voice, as it is made."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final, override

from homeassistant.components.tts import TTSAudioRequest, TTSAudioResponse
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import chat_session

from ..const import LOGGER
from ..subentries import SubentryType
from .const import CONF_MODEL, DEFAULTS
from .errors import AssistError
from .pcm import SESSION, Coalescer, Converter, wav_header
from .realtime import realtime_voice
from .realtime_session import Talk
from .realtime_turn import RealtimeResponse, Turn
from .tts import TtsEntity, is_probed, wanted_of
from .tts_options import Wanted, target_of

_SPEECH_MODEL: Final = "gpt-4o-mini-tts"
_PATIENCE: Final = 30.0
"""Seconds until the next sound."""
_TEXT_PATIENCE: Final = 10.0
"""Seconds until a pipeline has said for which text it wants a voice."""
_TURN: Final = 300.0
"""Seconds that a turn may last, tools included."""


class RealtimeTtsEntity(TtsEntity):
    """Passes on what the model says, where the text to speak is that of its answer."""

    @override
    @callback
    def take_options(self) -> None:
        self._voice = realtime_voice(self.entry, self.subentry)
        super().take_options()

    @override
    def option(self, key: str) -> Any:
        """Return an option; those of a speaker have its defaults."""
        if key == CONF_MODEL:
            # What speaks in conversations does not read texts aloud.
            chosen = (self.entry.options.get("default_models") or {}).get("speech")
            return chosen or _SPEECH_MODEL
        value = super().option(key)
        return DEFAULTS[SubentryType.TTS].get(key) if value is None else value

    @override
    async def async_stream_tts_audio(self, request: TTSAudioRequest) -> TTSAudioResponse:
        """Speak: in the model's own voice what it says itself, anything else like any speaker."""
        session = chat_session.current_session.get()
        talk = self._voice.find(session.conversation_id) if session else None
        if talk is None or (turn := talk.turn) is None:
            return await super().async_stream_tts_audio(request)
        texts = request.message_gen
        try:
            async with asyncio.timeout(_TEXT_PATIENCE):
                begin = await anext(texts, "")
        except TimeoutError:
            raise AssistError("assist_slow") from None
        index = _place(turn, begin)
        response = await self._async_first_sound(turn, index) if index is not None else None
        if index is None or response is None:
            # Another agent answers, the home itself, or the model without a voice.
            if index is None:
                talk.abandon(turn)
            request.message_gen = _chained(begin, texts)
            return await super().async_stream_tts_audio(request)
        reading = self.entry.async_create_background_task(
            self.hass, _async_drain(texts), "openai_api realtime text"
        )
        wanted = wanted_of(request.options)
        sound = self._async_sound(talk, turn, index, wanted, reading)
        return TTSAudioResponse("wav", sound)

    async def _async_first_sound(self, turn: Turn, index: int) -> RealtimeResponse | None:
        """Return a response that has a voice, None for one without; waits for either."""
        response = await turn.response(index, _PATIENCE)
        async with aclosing(turn.sound(response, _PATIENCE)) as sound:  # type: ignore[type-var]
            async for _ in sound:
                return response
        # It was cut by the person who went on to speak, or it only calls a tool.
        return response if response.is_given_up() or response.calls else None

    async def _async_sound(
        self,
        talk: Talk,
        turn: Turn,
        index: int,
        wanted: Wanted,
        reading: asyncio.Task[None],
    ) -> AsyncGenerator[bytes]:
        """Yield the sound of a turn, from one of its responses on, in the shape that is wanted."""
        target = target_of(wanted, SESSION, is_probed=is_probed(wanted))
        converter, coalescer = Converter(SESSION, target), Coalescer(SESSION)
        try:
            yield wav_header(target)
            while (response := await self._async_next(turn, index)) is not None:
                place = "", 0
                async with aclosing(turn.sound(response, _PATIENCE)) as sound:  # type: ignore[type-var]
                    async for chunk, item_id, part in sound:
                        place = item_id, part
                        talk.played(len(chunk), *place, is_last=False)
                        if samples := converter.feed(coalescer.feed(chunk)):
                            yield samples
                if samples := converter.feed(coalescer.finish()):
                    yield samples
                talk.played(0, *place, is_last=True)
                index += 1
        except HomeAssistantError as err:
            LOGGER.warning("An answer could not be spoken to its end: %s", err)
            if samples := converter.feed(coalescer.finish()):
                yield samples
            raise
        finally:
            reading.cancel()

    async def _async_next(self, turn: Turn, index: int) -> RealtimeResponse | None:
        """Return the next response of a turn, None once there is none to come."""
        try:
            async with asyncio.timeout(_TURN):
                while len(turn.responses) <= index:
                    if turn.is_over:
                        return None
                    await turn.changed.wait()
        except TimeoutError:
            return None
        return turn.responses[index]


def _place(turn: Turn, text: str) -> int | None:
    """Return the index of the response that a text is of; None if it is of none."""
    if not turn.is_claimed:
        return None
    if not (words := text.strip()):
        # The agent has asked for the voice before there were words.
        return max(0, len(turn.responses) - 1) if not turn.is_over else 0
    for index, response in reversed(tuple(enumerate(turn.responses))):
        said = response.text.strip()
        if said and (said.startswith(words) or words.startswith(said)):
            return index
    return None


async def _chained(begin: str, texts: AsyncGenerator[str]) -> AsyncGenerator[str]:
    """Yield a text from its beginning."""
    yield begin
    async for text in texts:
        yield text


async def _async_drain(texts: AsyncIterator[str]) -> None:
    """Read a text that nobody needs, so that its writer is not kept waiting."""
    async for _ in texts:
        pass
