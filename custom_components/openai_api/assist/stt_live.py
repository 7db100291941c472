"""Live transcription over a session of the Realtime API."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..data import OpenAIData
from ..error_translation import parse_error_body
from ..exceptions import ErrorInResponse
from ..types import Json
from .channel import Channel, realtime
from .errors import NoSpeechRecognized
from .microphone import Microphone, SilenceDetector
from .pcm import MICROPHONE_FORMAT, SESSION_FORMAT, Converter
from .stt_upload import TranscriptionOptions, clean_transcript

TRANSPORT: Final = "transcription.websocket"
TRAILING_SILENCE_MS: Final = 700
"""Milliseconds of silence sent after the end: a service measures audio, not time, and detects it."""
_TENTHS_PER_MESSAGE: Final = 3
"""Chunks of 0.1 s in one event, for each event costs time.

A service that detects the end of speech gets silence in single chunks.
"""
_END_OF_SPEECH_TIMEOUT: Final = 1.5
"""Seconds for a service to detect the end of speech after that."""
_END_OF_SPEECH_LAG: Final = 1.0
"""Seconds between the end of speech and the end of the stream: Home Assistant waits so long."""
_TRANSCRIPT_TIMEOUT: Final = 5.0
"""Seconds until the transcript, besides half the duration of the audio."""
_NO_SPEECH_TIMEOUT: Final = 15.0
"""Seconds without speech after which the run ends."""
_EMPTY_BUFFER_CODES: Final = frozenset({"input_audio_buffer_commit_empty"})


def is_empty_buffer(error: Json) -> bool:
    """Return whether an error only says that the audio buffer was empty."""
    return (
        error.get("code") in _EMPTY_BUFFER_CODES
        or "buffer too small" in str(error.get("message")).lower()
    )


class Transcript:
    """The transcript of one run: the service makes an item of each part between pauses."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._pending: set[str] = set()
        self.is_speaking = False
        self.has_spoken = False
        self.speech_ended_at: float | None = None
        """Seconds of audio after which speech last ended, if the service sends it."""
        self.failed: Json | None = None

    @callback
    def handle_event(self, event: Json) -> bool:
        """Handle a server event; return whether it is about the transcript."""
        event_type, item_id = str(event.get("type")), str(event.get("item_id"))
        match event_type:
            case "input_audio_buffer.speech_started":
                self.is_speaking = self.has_spoken = True
            case "input_audio_buffer.speech_stopped":
                self.is_speaking = False
                if isinstance(end := event.get("audio_end_ms"), int | float):
                    self.speech_ended_at = end / 1000
            case "input_audio_buffer.committed":
                self.is_speaking = False
                self._pending.add(item_id)
                self._texts.setdefault(item_id, "")
            case "conversation.item.input_audio_transcription.delta":
                self._texts[item_id] = self._texts.get(item_id, "") + str(event.get("delta") or "")
            case "conversation.item.input_audio_transcription.completed":
                self._pending.discard(item_id)
                self._texts[item_id] = str(event.get("transcript") or self._texts.get(item_id, ""))
            case "conversation.item.input_audio_transcription.failed":
                self._pending.discard(item_id)
                self._texts.setdefault(item_id, "")
                error = event.get("error")
                self.failed = error if isinstance(error, dict) else {}
            case _:
                return False
        return True

    @property
    def text(self) -> str:
        """The text of all items so far."""
        return clean_transcript(" ".join(text.strip() for text in self._texts.values()))

    @property
    def is_complete(self) -> bool:
        """Whether there is speech, all of it is transcribed, and nobody is speaking."""
        return bool(self._texts) and not self._pending and not self.is_speaking

    @property
    def has_items(self) -> bool:
        """Whether the service has detected speech."""
        return bool(self._texts)


class TranscriptionRun:
    """One run in an open session: sends the audio and waits for the transcript."""

    def __init__(
        self,
        host: ServiceHost,
        send: Callable[[Json], Awaitable[None]],
        end_of_speech: str,
        *,
        on_partial: Callable[[str], None] | None = None,
        on_commit: Callable[[], None] | None = None,
        trailing_silence_ms: int = TRAILING_SILENCE_MS,
    ) -> None:
        """Take how to send; `end_of_speech` is `home`, `both` or `host`.

        `on_commit` is called after the audio buffer was committed, for the service does not respond
        by itself then.
        """
        self._host, self._send, self._end_of_speech = host, send, end_of_speech
        self._on_partial, self._on_commit = on_partial, on_commit
        self._trailing_silence = bytes(
            SESSION_FORMAT.rate * SESSION_FORMAT.frame_size * trailing_silence_ms // 1000
        )
        self.transcript = Transcript()
        self._error: HomeAssistantError | None = None
        self._is_silence = self._is_session_ready = False
        self._last_event_at = 0.0
        self._changed = asyncio.Event()

    async def async_run(self, microphone: Microphone) -> str:
        """Return what is said, "" where nobody speaks.

        Raises ErrorInResponse, SessionLost, or NoSpeechRecognized where the service stays silent:
        `microphone` still holds all of the sound then.
        """
        sending = asyncio.create_task(self._async_send(microphone))
        try:
            return await self._async_receive(microphone, sending)
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, HomeAssistantError):
                await sending

    @callback
    def handle_event(self, event: Json) -> None:
        """Handle a server event that is no error."""
        event_type = event.get("type")
        if event_type == "session.updated":
            self._is_session_ready = True
        elif event_type == "input_audio_buffer.timeout_triggered":
            self._is_silence = True
        elif self.transcript.handle_event(event):
            self._last_event_at = asyncio.get_running_loop().time()
            if self._on_partial and str(event_type).endswith(".delta"):
                self._on_partial(self.transcript.text)
        else:
            return
        self._changed.set()

    @callback
    def on_error(self, error: HomeAssistantError, details: Json | None = None) -> None:
        """End the run; `details` is the error event of the service, if it is one."""
        if details is not None and is_empty_buffer(details):
            self._is_silence = True
        else:
            self._error = self._error or error
        self._changed.set()

    async def _async_send(self, microphone: Microphone) -> None:
        """Send the audio as it arrives, then silence or a commit as its end."""
        converter = Converter(MICROPHONE_FORMAT, SESSION_FORMAT)
        until = None if self._end_of_speech == "home" else SilenceDetector().is_silent_after
        async for chunk in microphone.chunks(_TENTHS_PER_MESSAGE, until=until):
            await self._async_append(converter.feed(chunk))
        if self._end_of_speech != "home":
            await self._async_append(self._trailing_silence)
            await asyncio.sleep(_END_OF_SPEECH_TIMEOUT)
            if self.transcript.has_items:
                return
            # It has detected no speech: make it transcribe the buffer.
        await self._send({"type": "input_audio_buffer.commit"})
        if self._on_commit:
            self._on_commit()

    async def _async_append(self, audio: bytes) -> None:
        """Send a chunk of audio."""
        encoded = base64.b64encode(audio).decode()
        await self._send({"type": "input_audio_buffer.append", "audio": encoded})

    async def _async_receive(self, microphone: Microphone, sending: asyncio.Task[None]) -> str:
        """Return the transcript, within the time limits."""
        loop = asyncio.get_running_loop()
        started, ended = loop.time(), None
        transcript = self.transcript
        while True:
            if self._error:
                raise self._error
            if transcript.failed is not None and transcript.is_complete and not transcript.text:
                details = parse_error_body(transcript.failed, self._host.settings)
                raise ErrorInResponse(**details)
            if self._is_silence:
                return transcript.text
            if microphone.has_ended and ended is None:
                ended = loop.time()
            if transcript.is_complete and self._is_finished(microphone, sending):
                return transcript.text
            if sending.done() and (err := sending.exception()) is not None:
                raise err
            until = self._deadline(microphone, started, ended)
            if until is not None and loop.time() >= until:
                if ended is None and not transcript.has_spoken and self._is_session_ready:
                    return ""
                raise NoSpeechRecognized
            await self._async_wait(microphone, sending, until)

    def _is_finished(self, microphone: Microphone, sending: asyncio.Task[None]) -> bool:
        """Return whether no more items follow."""
        if self._end_of_speech == "host" or not microphone.has_ended:
            return self._end_of_speech == "host"
        ended_at = self.transcript.speech_ended_at
        if self._end_of_speech == "home" or ended_at is None or sending.done():
            return True
        # Speech after a pause may still be on its way to the service.
        return ended_at >= microphone.duration - _END_OF_SPEECH_LAG

    def _deadline(
        self, microphone: Microphone, started: float, ended: float | None
    ) -> float | None:
        """Return the time of the timeout, None while the stream or speech goes on."""
        if ended is not None:
            return ended + _TRANSCRIPT_TIMEOUT + microphone.duration / 2
        if self._end_of_speech != "host" or self.transcript.is_speaking:
            return None
        if not self.transcript.has_spoken:
            return started + _NO_SPEECH_TIMEOUT
        return self._last_event_at + _TRANSCRIPT_TIMEOUT + microphone.duration / 2

    async def _async_wait(
        self, microphone: Microphone, sending: asyncio.Task[None], until: float | None
    ) -> None:
        """Wait for an event, the end of the stream or of sending, or the deadline."""
        self._changed.clear()
        tasks = {asyncio.create_task(self._changed.wait())}
        if not microphone.has_ended:
            tasks.add(asyncio.create_task(microphone.async_wait_for_end()))  # type: ignore[arg-type]
        waiting: set[asyncio.Task[Any]] = {*tasks, *(() if sending.done() else (sending,))}
        timeout = None if until is None else until - asyncio.get_running_loop().time()
        try:
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


class LiveTranscription:
    """One run with a connection of its own, which is opened while the person begins to speak."""

    def __init__(
        self,
        data: OpenAIData,
        options: TranscriptionOptions,
        *,
        end_of_speech: str,
        on_partial: Callable[[str], None] | None = None,
    ) -> None:
        """Take the options; `end_of_speech` is `home`, `both` or `host`."""
        host = data.host
        self._host, self._options, self._end_of_speech = host, options, end_of_speech
        self._channel = Channel(
            data,
            TRANSPORT,
            realtime(host, {"intent": "transcription"}),
            on_event=self._on_event,
            on_end=self._on_end,
        )
        self._run = TranscriptionRun(
            host, self._channel.async_send, end_of_speech, on_partial=on_partial
        )

    @property
    def session(self) -> Json:
        """The configuration of the session."""
        options = self._options
        transcription = {
            "model": options.model,
            "language": options.language,
            "prompt": options.prompt,
        }
        input_audio: Json = {
            "format": {"type": "audio/pcm", "rate": SESSION_FORMAT.rate},
            "transcription": {key: value for key, value in transcription.items() if value},
            "turn_detection": None if self._end_of_speech == "home" else {"type": "server_vad"},
        }
        if options.noise_reduction:
            input_audio["noise_reduction"] = {"type": options.noise_reduction}
        return {"type": "transcription", "audio": {"input": input_audio}}

    async def async_run(self, microphone: Microphone) -> str:
        """Return what is said, "" where nobody speaks.

        Raises ErrorInResponse, SessionLost, or NoSpeechRecognized where the service stays silent:
        `microphone` still holds all of the sound then.
        """
        try:
            await self._channel.async_connect()
            await self._channel.async_send({"type": "session.update", "session": self.session})
            return await self._run.async_run(microphone)
        finally:
            # Nobody waits for the closing handshake.
            self._host.entry.async_create_background_task(
                self._host.hass, self._channel.async_end(), "openai_api transcription end"
            )

    @callback
    def _on_end(self, error: HomeAssistantError) -> None:
        """End the run: the connection is lost."""
        self._run.on_error(error)

    @callback
    def _on_event(self, event: Json) -> None:
        """Dispatch a server event."""
        if event.get("type") != "error":
            self._run.handle_event(event)
            return
        error: Any = event.get("error")
        error = error if isinstance(error, dict) else {"message": error}
        details = parse_error_body(error, self._host.settings)
        self._run.on_error(ErrorInResponse(**details), error)
