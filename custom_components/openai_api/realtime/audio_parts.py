"""The output audio of one connection: played as it arrives, and saved at its end."""

from collections.abc import Coroutine
from typing import Any, Final, Protocol

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..types import Json
from .notices import RealtimeNotice
from .output_audio import OutputAudio, async_save_audio, start_live_stream
from .playback_tracker import Playback

_MAX_PARTS: Final = 8
"""Audio items that arrive at the same time."""
_PART_IDS: Final = ("response_id", "item_id", "content_index")
"""The keys that identify them."""


class PartsConnection(Protocol):
    """What `AudioParts` needs of the connection."""

    host: ServiceHost
    playback: Playback

    @property
    def output_format(self) -> Json:
        """The audio format of the output."""

    def notify(self, notice: RealtimeNotice, **data: Any) -> None:
        """Fire a notice."""

    def run(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Run a background task."""


class AudioParts:
    """The audio in progress, by response, item and content part."""

    def __init__(self, connection: PartsConnection) -> None:
        """Start with none."""
        self.in_progress: dict[tuple[Any, ...], OutputAudio] = {}
        self._connection = connection
        self._announced: tuple[Any, ...] = ()
        """The key of the content part that was announced last."""

    @callback
    def announce(self, event: Json) -> None:
        """Take note that a content part begins."""
        self._announced = _key(event)

    def place(self, event: Json) -> Json:
        """Return an event of a piece, `{"content_index": …, …}`, with the index of its content part.

        Some servers count the pieces there: an index that was not announced is none while another
        part of the item goes on.
        """
        key = _key(event)
        if key in self.in_progress or key == self._announced:
            return event
        open_key = next((known for known in self.in_progress if known[:2] == key[:2]), key)
        return {**event, "content_index": open_key[2]}

    @callback
    def add(self, event: Json, piece: str) -> None:
        """Add a base64 piece of the audio of an event; fires `audio_started` for the first."""
        key = _key(event)
        if (audio := self.in_progress.get(key)) is None:
            while len(self.in_progress) >= _MAX_PARTS:
                # A server that ends none of them would fill the memory.
                self._finish_at(next(iter(self.in_progress)))
            connection = self._connection
            audio_format = connection.playback.formats.get(str(key[0])) or connection.output_format
            audio = self.in_progress[key] = OutputAudio(audio_format)
            live = start_live_stream(connection.host.hass, audio)
            connection.notify(RealtimeNotice.AUDIO_STARTED, **_part_ids(event), **live)
        audio.add(piece)

    @callback
    def finish(self, event: Json) -> None:
        """Save the audio that an event ends, and fire `audio_done` with the ids of its part."""
        self._connection.playback.is_complete = True
        key = self._find(_key(self.place(event)))
        if (audio := self.in_progress.pop(key, None)) is None:
            self._connection.notify(RealtimeNotice.AUDIO_DONE, **_part_ids(event))
            return
        audio.finish()
        part_ids = dict(zip(_PART_IDS, key, strict=True))
        self._connection.run(self._async_save(part_ids, audio), "audio")

    @callback
    def finish_response(self, response_id: Any) -> None:
        """Save the audio of a response that is done; not all servers end each part."""
        for key in [key for key in self.in_progress if key[0] in (response_id, None)]:
            self._finish_at(key)

    def _find(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the key of the audio that one stands for, of which a server may leave out parts."""
        if key in self.in_progress:
            return key
        keys = [
            known
            for known in self.in_progress
            if all(None in pair or pair[0] == pair[1] for pair in zip(known, key, strict=True))
        ]
        return keys[0] if len(keys) == 1 else key

    @callback
    def clear(self) -> None:
        """Drop all audio: the connection is lost."""
        for audio in self.in_progress.values():
            audio.finish()
        self.in_progress.clear()
        self._announced = ()

    def _finish_at(self, key: tuple[Any, ...]) -> None:
        """Save the audio of a key."""
        self.finish(dict(zip(_PART_IDS, key, strict=True)))

    async def _async_save(self, event: Json, audio: OutputAudio) -> None:
        """Save audio, and fire `audio_done`."""
        connection = self._connection
        try:
            saved = await async_save_audio(connection.host, audio)
        except HomeAssistantError as err:
            connection.host.record_error(str(err))
            saved = {"error": str(err)}
        part_ids = _part_ids(event)
        connection.notify(RealtimeNotice.AUDIO_DONE, **part_ids, **saved, is_cut=audio.is_cut)
        audio.release()


def _key(event: Json) -> tuple[Any, ...]:
    """Return the key of the audio that an event is about."""
    return tuple(event.get(name) for name in _PART_IDS)


def _part_ids(event: Json) -> Json:
    """Return the ids of the content part that an event is about."""
    return {key: event.get(key) for key in _PART_IDS}
