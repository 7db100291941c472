"""Records how a turn went and reports it once, as an event and for diagnostics and sensors."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
import time
from typing import Any

from homeassistant.const import EVENT_LOGBOOK_ENTRY
from homeassistant.core import Context, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.translation import async_get_cached_translations

from ..const import CONF_INCLUDE_TEXT, DOMAIN, EVENT_TURN
from ..events import fire
from ..exceptions import sanitize
from ..types import Json
from .entity import AssistEntity

SIGNAL_TURN = f"{DOMAIN}_turn_{{}}"
"""With a subentry's id: a turn of it has ended; its data is in `OpenAIData.turns`."""


class Ended(StrEnum):
    """How a turn can end."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    FALLBACK = "fallback"


_SPOKEN_FROM = 60
"""Characters after which Home Assistant's pipeline begins to speak an answer: `STREAM_RESPONSE_CHARS`.

It also begins where a tool is called after any text. Whatever is shorter it speaks as a whole.
"""
_LOGGED = frozenset({Ended.FAILED, Ended.FALLBACK})
"""What the logbook shows; the rest would be noise there."""


class Turn:
    """One turn of an entity: a question and its answer, a text spoken, a speech understood."""

    def __init__(
        self,
        entity: AssistEntity,
        kind: str,
        *,
        model: str | None = None,
        context: Context | None = None,
        conversation_id: str | None = None,
        device_id: str | None = None,
    ) -> None:
        """Start the clock; `kind` is `conversation`, `ai_task`, `stt`, `tts` or `realtime`."""
        self._entity = entity
        self._context = context
        self._start = time.monotonic()
        self._texts: dict[str, str] = {}
        self.is_ended = False
        self._said = 0
        self.is_spoken = False
        """Whether a pipeline speaks the answer already, although it is not whole."""
        self.data: Json = {
            "config_entry_id": entity.entry.entry_id,
            "subentry_id": entity.subentry.subentry_id,
            "entity_id": entity.entity_id,
            "kind": kind,
            "transport": None,
            "model": model,
            "conversation_id": conversation_id,
            "device_id": device_id,
            "first_piece_ms": None,
            "first_sound_ms": None,
            "whole_ms": None,
            "rounds": 0,
            "tools": [],
            "input_tokens": 0,
            "cached_tokens": 0,
            "output_tokens": 0,
            "reused": False,
            "ended": None,
            "error": None,
        }

    def mark(self, key: str) -> None:
        """Record the ms since the start under `first_piece_ms` or `first_sound_ms`, once."""
        if self.data[key] is None:
            self.data[key] = round((time.monotonic() - self._start) * 1000)

    def add_text_length(self, length: int, *, calls_tools: bool) -> None:
        """Take note of how many characters an answer has had so far."""
        self._said += length
        self.is_spoken |= self._said > _SPOKEN_FROM or bool(self._said and calls_tools)

    def count(self, usage: Any) -> None:
        """Add the tokens of a `usage` object of Responses or chat completions."""
        if not isinstance(usage, dict):
            return
        for key, places in _TOKENS.items():
            for source in places:
                counts: Any = usage
                for part in source:
                    counts = counts.get(part) if isinstance(counts, dict) else None
                if isinstance(counts, int):
                    self.data[key] += counts
                    break

    def set_texts(self, **texts: str) -> None:
        """Keep what was said (`question`, `answer`), if the entry's option wants it reported."""
        if self._entity.entry.options.get(CONF_INCLUDE_TEXT):
            self._texts |= texts

    @contextmanager
    def report_failures(self) -> Iterator[None]:
        """Report the turn as cancelled or failed if an exception leaves the block."""
        try:
            yield
        except asyncio.CancelledError, GeneratorExit:
            self.end(Ended.CANCELLED)
            raise
        except BaseException as err:
            self.end(Ended.FAILED, str(err) or type(err).__name__)
            raise

    @callback
    def end(self, ended: Ended, error: str | None = None) -> None:
        """Report the turn; only the first call counts."""
        if self.is_ended:
            return
        self.is_ended = True
        host = self._entity.host
        self.data["whole_ms"] = round((time.monotonic() - self._start) * 1000)
        self.data["ended"] = ended.value
        self.data["error"] = sanitize(error, host.settings) if error else None
        subentry_id = self.data["subentry_id"]
        self._entity.runtime_data.turns[subentry_id] = self.data
        async_dispatcher_send(host.hass, SIGNAL_TURN.format(subentry_id))
        fire(host.hass, EVENT_TURN, {**self.data, **self._texts}, self._context)
        if ended in _LOGGED:
            self._log(ended)

    @callback
    def _log(self, ended: Ended) -> None:
        """Write a line of the logbook, if that shows it; what was said is left out."""
        hass = self._entity.host.hass
        if "logbook" not in hass.config.components:
            return
        texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
        text = texts.get(f"component.{DOMAIN}.common.logbook_turn_{ended}", ended.value)
        error = self.data["error"]
        hass.bus.async_fire(
            EVENT_LOGBOOK_ENTRY,
            {
                "name": self._entity.subentry.title,
                "message": f"{text}: {error}" if error else text,
                "domain": DOMAIN,
                "entity_id": self.data["entity_id"],
            },
            context=self._context,
        )


_TOKENS: dict[str, tuple[tuple[str, ...], ...]] = {
    "input_tokens": (("input_tokens",), ("prompt_tokens",)),
    "output_tokens": (("output_tokens",), ("completion_tokens",)),
    "cached_tokens": (
        ("input_tokens_details", "cached_tokens"),
        ("prompt_tokens_details", "cached_tokens"),
    ),
}
