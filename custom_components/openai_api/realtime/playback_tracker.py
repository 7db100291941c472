"""How much of a spoken answer has arrived, and how much of it can have been heard."""

from dataclasses import dataclass, field
import time
from typing import Any

from ..types import Json
from .audio import rate_of, width_of
from .session_config import audio_format


def duration_ms(size: int, given_format: Any) -> float:
    """Return how many milliseconds so many bytes of audio last."""
    found = audio_format(given_format)
    return size / width_of(found) / rate_of(found) * 1000


@dataclass(slots=True)
class Playback:
    """Follows the audio of one content part of one item; another part starts anew."""

    formats: dict[str, Any] = field(default_factory=dict)
    """Of the responses under way, by their ids."""
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
        """Count a piece of audio."""
        place = event.get("item_id"), event.get("content_index")
        if place != (self.item_id, self.content_index):
            self.reset()
        self.item_id, self.content_index = place
        if self._started is None:
            self._started = time.monotonic_ns()
        found = self.formats.get(str(event.get("response_id"))) or session_format
        self._length_ms += duration_ms(size, found)

    def interrupt(self, *, is_running: bool) -> Json | None:
        """Stop following, and return the event that cuts the item where it was heard last.

        None if all of it can have been heard: nothing is left to cut. `is_running` says whether
        the host still works on the response: more of it may be on its way.
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
        """Follow nothing."""
        self.item_id = self.content_index = self._started = None
        self._length_ms = 0
        self.is_complete = False
