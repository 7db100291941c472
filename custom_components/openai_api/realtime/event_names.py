"""The names of server events in the beta of the Realtime API, and others that servers use."""

from collections.abc import Mapping
from typing import Final

OLDER_NAMES: Final[Mapping[str, str]] = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "conversation.item.created": "conversation.item.added",
    # As the Responses API calls it.
    "response.completed": "response.done",
}
"""The other names of events, and their present names."""
_RENAMED: Final = frozenset(OLDER_NAMES.values())


class EventNames:
    """The present names of the events of one session."""

    def __init__(self) -> None:
        """Start with no event known."""
        self._spellings: dict[str, str] = {}

    def current(self, event_type: str) -> str | None:
        """Return the present name of an event; None for one that came under its other name.

        Some servers send an event under both names: the one that comes first counts.
        """
        if (current := OLDER_NAMES.get(event_type)) or event_type in _RENAMED:
            name = current or event_type
            return name if self._spellings.setdefault(name, event_type) == event_type else None
        return event_type

    def clear(self) -> None:
        """Forget the names: another session begins."""
        self._spellings.clear()
