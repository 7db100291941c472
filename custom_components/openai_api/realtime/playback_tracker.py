"""Tracks how much of the output audio has arrived, and how much can have been played."""

from dataclasses import dataclass, field
import time
from typing import Any

from ..types import Json
from .audio import rate_of, width_of
from .session_config import audio_format


def duration_ms(size: int, given_format: Any) -> float:
    """Return the duration of audio of `size` bytes in milliseconds."""
    known_format = audio_format(given_format)
    return size / width_of(known_format) / rate_of(known_format) * 1000


@dataclass(slots=True)
class Playback:
    """Tracks the audio of one content part of one item; another part starts again."""

    formats: dict[str, Any] = field(default_factory=dict)
    """The audio formats of the responses in progress, by their ids."""
    item_id: str | None = None
    content_index: int | None = None
    is_complete: bool = False
    _started: int | None = None
    """In nanoseconds, since fractions of a second would round to the wrong millisecond."""
    _length_ms: float = 0

    @property
    def is_tracking(self) -> bool:
        """Whether there is audio to interrupt."""
        return self._started is not None

    def receive(self, event: Json, size: int, session_format: Any) -> None:
        """Add the duration of an audio delta of `size` bytes."""
        place = event.get("item_id"), event.get("content_index")
        if place != (self.item_id, self.content_index):
            self.reset()
        self.item_id, self.content_index = place
        if self._started is None:
            self._started = time.monotonic_ns()
        own_format = self.formats.get(str(event.get("response_id"))) or session_format
        self._length_ms += duration_ms(size, own_format)

    def interrupt(self, *, is_running: bool) -> Json | None:
        """Stop tracking, and return the event that truncates the item where playback was.

        Returns `{"type": "conversation.item.truncate", "item_id": …, "content_index": …,
        "audio_end_ms": …}`; None if all audio can have been played. `is_running` says that the
        response is in progress, so that more audio may come.
        """
        assert self._started is not None
        elapsed = (time.monotonic_ns() - self._started) / 1_000_000
        event = {
            "type": "conversation.item.truncate",
            "item_id": self.item_id,
            "content_index": self.content_index,
            "audio_end_ms": int(min(elapsed, self._length_ms)),
        }
        is_heard = self.is_complete and not is_running and elapsed >= self._length_ms
        self.reset()
        return None if is_heard else event

    def reset(self) -> None:
        """Track nothing."""
        self.item_id = self.content_index = self._started = None
        self._length_ms = 0
        self.is_complete = False
