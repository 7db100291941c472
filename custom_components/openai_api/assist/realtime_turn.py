"""The responses of one realtime turn: text, function calls and audio, as they arrive."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..api.config import HostConfig
from ..error_translation import parse_error_body
from ..exceptions import ErrorInResponse
from ..realtime.output_audio import decoded
from ..realtime.response_output import TEXT_ENDS, Additions, ResponseOutput
from ..types import Json
from .errors import AssistError

_MAX_AUDIO_BYTES: Final = 32 * 1024 * 1024
"""Bytes of audio that are kept of one response: eleven minutes at 24 kHz."""
_EVENT_TIMEOUT: Final = 30.0
"""Seconds until a response begins, and between two of its deltas."""


class ChangeSignal:
    """Lets any number of tasks wait until something has changed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @callback
    def notify(self) -> None:
        """Wake all waiting tasks."""
        self._event.set()

    async def wait(self) -> None:
        """Wait for the next change; check first whether it has happened already."""
        self._event.clear()
        await self._event.wait()


@dataclass(eq=False, kw_only=True)
class RealtimeResponse:
    """One response, as it arrives; several may read it at once, each from its beginning."""

    id: str
    changed: ChangeSignal
    text_deltas: list[str] = field(default_factory=list)
    calls: list[Json] = field(default_factory=list)
    """Function calls whose arguments are whole."""
    audio: list[tuple[bytes, str, int]] = field(default_factory=list)
    """PCM of `pcm.SESSION_FORMAT`, with the id of its item and the index of its content part."""
    audio_size: int = 0
    is_text_done: bool = False
    is_audio_done: bool = False
    is_done: bool = False
    status: str = ""
    error: Json | None = None
    reason: str = ""
    usage: Any = None
    """The `usage` of the response."""
    _output: ResponseOutput = field(default_factory=ResponseOutput)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.text_deltas)

    def is_interrupted(self) -> bool:
        """Whether the service has cancelled it because the person went on to speak."""
        return self.status == "cancelled" and self.reason == "turn_detected"

    @callback
    def handle_event(self, event_type: str, event: Json) -> bool:
        """Handle a server event of this response; return whether it brings anything.

        `event_type` is the type of the event, such as "response.output_audio.delta".
        """
        if event_type == "response.output_audio.delta":
            if self.audio_size < _MAX_AUDIO_BYTES:
                audio = decoded(str(event.get("delta") or ""))
                index = int(event.get("content_index") or 0)
                self.audio.append((audio, str(event.get("item_id")), index))
                self.audio_size += len(audio)
            return True
        is_end = event_type in TEXT_ENDS
        self.is_text_done = self.is_text_done or is_end
        return self._add(self._output.take(event_type, event)) or is_end

    def _add(self, additions: Additions) -> bool:
        """Add texts and calls that have not come before; return whether there are any."""
        for item in additions:
            if isinstance(item, str):
                self.text_deltas.append(item)
            else:
                self.calls.append(item)
        return bool(additions)

    @callback
    def on_done(self, response: Json) -> None:
        """Store how the response has ended: `response` is that of `response.done`."""
        details: Any = response.get("status_details")
        details = details if isinstance(details, dict) else {}
        error = details.get("error")
        self.status = str(response.get("status") or "completed")
        self.reason = str(details.get("reason") or "")
        self.usage = response.get("usage")
        self.error = error if isinstance(error, dict) else None
        self.is_done = self.is_text_done = self.is_audio_done = True
        # Some services give the whole at the end, and no deltas before.
        self._add(self._output.finish(response))

    def check(self, settings: HostConfig) -> None:
        """Check that the response has not failed.

        Raises ErrorInResponse, AssistError "assist_content_refused" or "assist_answer_empty".
        """
        if self.status == "failed":
            raise ErrorInResponse(**parse_error_body(self.error or {}, settings))
        if self.status == "incomplete" and not self.text and not self.calls:
            raise AssistError(
                "assist_content_refused" if "content" in self.reason else "assist_answer_empty"
            )


class RealtimeTurn:
    """One turn: what was understood, and the responses that followed."""

    def __init__(self) -> None:
        self.changed = ChangeSignal()
        self.transcript: str | None = None
        """What speech-to-text returned; None until then, and for a written turn."""
        self.is_claimed = False
        """Whether the conversation entity has been asked."""
        self.is_over = False
        self.responses: list[RealtimeResponse] = []
        self.error: HomeAssistantError | None = None

    @callback
    def add(self, response_id: str) -> RealtimeResponse:
        """Add a response that has begun."""
        response = RealtimeResponse(id=response_id, changed=self.changed)
        self.responses.append(response)
        self.changed.notify()
        return response

    @callback
    def end(self, error: HomeAssistantError | None = None) -> None:
        """End the turn: no more responses follow."""
        self.error = self.error or error
        self.is_over = True
        self.changed.notify()

    async def response(self, index: int) -> RealtimeResponse:
        """Return a response once it has begun.

        Raises AssistError "assist_slow" after a timeout, "assist_interrupted" where the turn has
        ended, and the error of the turn.
        """
        try:
            async with asyncio.timeout(_EVENT_TIMEOUT):
                while len(self.responses) <= index:
                    if self.error:
                        raise self.error
                    if self.is_over:
                        raise AssistError("assist_interrupted")
                    await self.changed.wait()
        except TimeoutError:
            raise AssistError("assist_slow") from None
        return self.responses[index]

    async def output(
        self, response: RealtimeResponse, *, until_done: bool
    ) -> AsyncIterator[str | Json]:
        """Yield the text deltas of a response and its function calls, as they arrive.

        A call is the API's `function_call` item. `until_done` waits for calls that may follow the
        text. Raises AssistError "assist_slow" after a timeout, "assist_interrupted" where the turn has ended, and the error of the turn.
        """
        sent = called = 0
        while True:
            while sent < len(response.text_deltas):
                sent += 1
                yield response.text_deltas[sent - 1]
            while called < len(response.calls):
                called += 1
                yield response.calls[called - 1]
            if response.is_done or (response.is_text_done and not until_done):
                if sent == len(response.text_deltas) and called == len(response.calls):
                    return
                continue
            if self.error:
                raise self.error
            if self.is_over:
                raise AssistError("assist_interrupted")
            await self._async_wait()

    async def audio(self, response: RealtimeResponse) -> AsyncIterator[tuple[bytes, str, int]]:
        """Yield the audio of a response as it arrives: `(PCM, item id, content index)`.

        It ends with the response, or where that was interrupted. The PCM is `pcm.SESSION_FORMAT`.
        Raises AssistError "assist_slow" after a timeout, and the error of the turn.
        """
        sent = 0
        while True:
            while sent < len(response.audio):
                sent += 1
                yield response.audio[sent - 1]
            if response.is_audio_done:
                return
            if self.error:
                raise self.error
            if self.is_over and not self.is_claimed:
                return
            await self._async_wait()

    async def _async_wait(self) -> None:
        """Wait for the next change; raises AssistError "assist_slow" after a timeout."""
        try:
            async with asyncio.timeout(_EVENT_TIMEOUT):
                await self.changed.wait()
        except TimeoutError:
            raise AssistError("assist_slow") from None
