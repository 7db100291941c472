"""The output audio of one connection: played as it arrives, and saved at its end."""

from collections.abc import Coroutine
from typing import Any, Final, Protocol

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..types import Json
from .notices import RealtimeNotice
from .output_audio import Spoken, async_keep, play_live
from .playback_tracker import Playback

_MAX_ANSWERS: Final = 8
"""Audio items that arrive at the same time."""
_PLACE: Final = ("response_id", "item_id", "content_index")
"""The keys that identify them."""


class Speaker(Protocol):
    """What `SpokenAnswers` needs of the connection."""

    host: ServiceHost
    playback: Playback

    @property
    def output_format(self) -> Json:
        """The audio format of the output."""

    def notify(self, notice: RealtimeNotice, **data: Any) -> None:
        """Fire a notice."""

    def run(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Run a background task."""


class SpokenAnswers:
    """The audio in progress, by response, item and content part."""

    def __init__(self, connection: Speaker) -> None:
        """Start with none."""
        self.answers: dict[tuple[Any, ...], Spoken] = {}
        self._connection = connection

    @callback
    def add(self, event: Json, piece: str) -> None:
        """Add a base64 piece of the audio of an event; fires `audio_started` for the first."""
        key = _key(event)
        if (spoken := self.answers.get(key)) is None:
            while len(self.answers) >= _MAX_ANSWERS:
                # A server that ends none of them would fill the memory.
                self._finish_at(next(iter(self.answers)))
            connection = self._connection
            found = connection.playback.formats.get(str(key[0])) or connection.output_format
            spoken = self.answers[key] = Spoken(found)
            live = play_live(connection.host.hass, spoken)
            connection.notify(RealtimeNotice.AUDIO_STARTED, **_place(event), **live)
        spoken.add(piece)

    @callback
    def finish(self, event: Json) -> None:
        """Save the audio that an event ends, and fire `audio_done` with its place."""
        self._connection.playback.is_complete = True
        key = self._find(_key(event))
        if (spoken := self.answers.pop(key, None)) is None:
            self._connection.notify(RealtimeNotice.AUDIO_DONE, **_place(event))
            return
        spoken.finish()
        place = dict(zip(_PLACE, key, strict=True))
        self._connection.run(self._async_save(place, spoken), "audio")

    @callback
    def finish_response(self, response_id: Any) -> None:
        """Save the audio of a response that is done; not all servers end each part."""
        for key in [key for key in self.answers if key[0] in (response_id, None)]:
            self._finish_at(key)

    def _find(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the key of the audio that one stands for, of which a server may leave out parts."""
        if key in self.answers:
            return key
        found = [
            known
            for known in self.answers
            if all(None in pair or pair[0] == pair[1] for pair in zip(known, key, strict=True))
        ]
        return found[0] if len(found) == 1 else key

    @callback
    def clear(self) -> None:
        """Drop all audio: the connection is lost."""
        for spoken in self.answers.values():
            spoken.finish()
        self.answers.clear()

    def _finish_at(self, key: tuple[Any, ...]) -> None:
        """Save the audio of a key."""
        self.finish(dict(zip(_PLACE, key, strict=True)))

    async def _async_save(self, event: Json, spoken: Spoken) -> None:
        """Save audio, and fire `audio_done`."""
        connection = self._connection
        try:
            saved = await async_keep(connection.host, spoken)
        except HomeAssistantError as err:
            connection.host.record_error(str(err))
            saved = {"error": str(err)}
        place = _place(event)
        connection.notify(RealtimeNotice.AUDIO_DONE, **place, **saved, is_cut=spoken.is_cut)
        spoken.release()


def _key(event: Json) -> tuple[Any, ...]:
    """Return the key of the audio that an event is about."""
    return tuple(event.get(name) for name in _PLACE)


def _place(event: Json) -> Json:
    """Return the ids of the content part that an event is about."""
    return {key: event.get(key) for key in _PLACE}
