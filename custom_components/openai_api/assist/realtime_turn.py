"""What a model says in one turn of a realtime conversation: its words, its calls, its sound."""

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

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of sound that are kept of one response: eleven minutes at 24 kHz."""


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
    pieces: list[str] = field(default_factory=list)
    """The words, as they are spoken or written."""
    calls: list[Json] = field(default_factory=list)
    """Function calls whose arguments are whole."""
    sound: list[tuple[bytes, str, int]] = field(default_factory=list)
    """PCM of a session, with the id of its item and the index of its content part."""
    size: int = 0
    has_words: bool = False
    """Whether no more words come."""
    has_sound: bool = False
    is_done: bool = False
    status: str = ""
    error: Json | None = None
    reason: str = ""
    usage: Any = None
    """What it took, as the service tells it."""
    _output: ResponseOutput = field(default_factory=ResponseOutput)

    @property
    def text(self) -> str:
        """The words so far."""
        return "".join(self.pieces)

    def is_given_up(self) -> bool:
        """Whether the service has stopped because the person went on to speak."""
        return self.status == "cancelled" and self.reason == "turn_detected"

    @callback
    def take(self, kind: str, event: Json) -> bool:
        """Take a server event of this response; return whether it brings anything.

        `kind` is the type of the event, such as "response.output_audio.delta".
        """
        if kind == "response.output_audio.delta":
            place = str(event.get("item_id")), int(event.get("content_index") or 0)
            self.add_sound(decoded(str(event.get("delta") or "")), *place)
            return True
        is_end = kind in TEXT_ENDS
        self.has_words = self.has_words or is_end
        return self._add(self._output.take(kind, event)) or is_end

    @callback
    def add_sound(self, sound: bytes, item_id: str, index: int) -> None:
        """Take a piece of sound; what is beyond all measure is left out."""
        if self.size < LARGEST:
            self.sound.append((sound, item_id, index))
            self.size += len(sound)

    def _add(self, additions: Additions) -> bool:
        """Add texts and calls that have not come before; return whether there are any."""
        for item in additions:
            if isinstance(item, str):
                self.pieces.append(item)
            else:
                self.calls.append(item)
        return bool(additions)

    @callback
    def finish(self, response: Json) -> None:
        """Take note that the response has ended, in whatever way."""
        details: Any = response.get("status_details")
        details = details if isinstance(details, dict) else {}
        error = details.get("error")
        self.status = str(response.get("status") or "completed")
        self.reason = str(details.get("reason") or "")
        self.usage = response.get("usage")
        self.error = error if isinstance(error, dict) else None
        self.is_done = self.has_words = self.has_sound = True
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


class Turn:
    """One turn: what was understood, and the responses that followed."""

    def __init__(self) -> None:
        self.changed = ChangeSignal()
        self.heard: str | None = None
        """What the ear understood; None until then, and for what was written."""
        self.is_claimed = False
        """Whether the agent has been asked, so that the answer is for somebody."""
        self.is_over = False
        self.responses: list[RealtimeResponse] = []
        self.error: HomeAssistantError | None = None

    @callback
    def add(self, response_id: str) -> RealtimeResponse:
        """Take note of a new response."""
        response = RealtimeResponse(id=response_id, changed=self.changed)
        self.responses.append(response)
        self.changed.notify()
        return response

    @callback
    def end(self, error: HomeAssistantError | None = None) -> None:
        """Take note that nothing more comes."""
        self.error = self.error or error
        self.is_over = True
        self.changed.notify()

    async def response(self, index: int, seconds: float) -> RealtimeResponse:
        """Return a response once it has begun.

        Raises AssistError "assist_slow" after so many seconds, "assist_interrupted" where the turn
        has ended, and the error of the turn.
        """
        try:
            async with asyncio.timeout(seconds):
                while len(self.responses) <= index:
                    if self.error:
                        raise self.error
                    if self.is_over:
                        raise AssistError("assist_interrupted")
                    await self.changed.wait()
        except TimeoutError:
            raise AssistError("assist_slow") from None
        return self.responses[index]

    async def words(
        self, response: RealtimeResponse, seconds: float, *, until_done: bool
    ) -> AsyncIterator[str | Json]:
        """Yield the words of a response and its function calls, as they arrive.

        A call is the API's `function_call` item. `until_done` waits for calls that may follow the
        words. Raises AssistError "assist_slow" if nothing arrives for so many seconds,
        "assist_interrupted" where the turn has ended, and the error of the turn.
        """
        said = called = 0
        while True:
            while said < len(response.pieces):
                said += 1
                yield response.pieces[said - 1]
            while called < len(response.calls):
                called += 1
                yield response.calls[called - 1]
            if response.is_done or (response.has_words and not until_done):
                if said == len(response.pieces) and called == len(response.calls):
                    return
                continue
            if self.error:
                raise self.error
            if self.is_over:
                raise AssistError("assist_interrupted")
            await self._async_wait(seconds)

    async def sound(
        self, response: RealtimeResponse, seconds: float
    ) -> AsyncIterator[tuple[bytes, str, int]]:
        """Yield the sound of a response as it arrives: `(PCM, item id, content index)`.

        The PCM is that of `pcm.SESSION`. It ends with the response, or where that was interrupted.
        Raises AssistError "assist_slow" if nothing arrives for so many seconds, and the error of
        the turn, such as SessionLost.
        """
        given = 0
        while True:
            while given < len(response.sound):
                given += 1
                yield response.sound[given - 1]
            if response.has_sound:
                return
            if self.error:
                raise self.error
            if self.is_over and not self.is_claimed:
                return
            await self._async_wait(seconds)

    async def _async_wait(self, seconds: float) -> None:
        """Wait for the next change, for so many seconds at the most."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            raise AssistError("assist_slow") from None
