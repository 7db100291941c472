"""Records a turn and reports its end once: as an event, to diagnostics and to sensors."""

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


_STREAM_RESPONSE_CHARS = 60
"""Characters after which a pipeline starts text-to-speech while the answer is streamed.

It also starts where a tool is called after any text; other answers it speaks as a whole.
"""
_LOGBOOK_STATES = frozenset({Ended.FAILED, Ended.FALLBACK})


class Turn:
    """One turn of an entity: a conversation turn, an AI task, a transcription or a spoken text."""

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
        self._text_length = 0
        self.is_spoken = False
        """Whether a pipeline has started text-to-speech before the answer is complete."""
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
        """Add the characters of an answer, for `is_spoken`."""
        self._text_length += length
        self.is_spoken |= self._text_length > _STREAM_RESPONSE_CHARS or bool(
            self._text_length and calls_tools
        )

    def add_usage(self, usage: Any) -> dict[str, int]:
        """Add the tokens of a `usage` object of Responses or chat completions.

        Returns those that it has: `{"input_tokens": 7, "output_tokens": 2, "cached_tokens": 0}`.
        """
        counts: dict[str, int] = {}
        for key, paths in _USAGE_PATHS.items():
            for path in paths:
                value: Any = usage
                for part in path:
                    value = value.get(part) if isinstance(value, dict) else None
                if isinstance(value, int):
                    self.data[key] += value
                    counts[key] = value
                    break
        return counts

    def set_texts(self, **texts: str) -> None:
        """Store texts (`question`, `answer`) for the event, if the option of the entry allows it."""
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
        if ended in _LOGBOOK_STATES:
            self._log(ended)

    @callback
    def _log(self, ended: Ended) -> None:
        """Write a line into the logbook, without the texts."""
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


_USAGE_PATHS: dict[str, tuple[tuple[str, ...], ...]] = {
    "input_tokens": (("input_tokens",), ("prompt_tokens",)),
    "output_tokens": (("output_tokens",), ("completion_tokens",)),
    "cached_tokens": (
        ("input_tokens_details", "cached_tokens"),
        ("prompt_tokens_details", "cached_tokens"),
    ),
}
