"""The spoken answers of one conversation: played as they arrive, and saved at their end."""

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
"""Spoken answers that arrive at the same time."""
_PLACE: Final = ("response_id", "item_id", "content_index")
"""What tells them apart."""


class Speaker(Protocol):
    """What the spoken answers need of their connection."""

    host: ServiceHost
    playback: Playback

    @property
    def output_format(self) -> Json:
        """The format in which the host speaks."""

    def notify(self, notice: RealtimeNotice, **data: Any) -> None:
        """Fire a notice."""

    def run(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Run something beside listening."""


class SpokenAnswers:
    """The answers that are being spoken, by the place in the conversation where each belongs."""

    def __init__(self, connection: Speaker) -> None:
        """Start with none."""
        self.answers: dict[tuple[Any, ...], Spoken] = {}
        self._connection = connection

    @callback
    def add(self, event: Json, piece: str) -> None:
        """Take a piece of a spoken answer, in Base64."""
        key = _key(event)
        if (spoken := self.answers.get(key)) is None:
            while len(self.answers) >= _MAX_ANSWERS:
                # A host that ends none of them would fill the memory.
                self._finish_at(next(iter(self.answers)))
            connection = self._connection
            found = connection.playback.formats.get(str(key[0])) or connection.output_format
            spoken = self.answers[key] = Spoken(found)
            live = play_live(connection.host.hass, spoken)
            connection.notify(RealtimeNotice.AUDIO_STARTED, **_place(event), **live)
        spoken.add(piece)

    @callback
    def finish(self, event: Json) -> None:
        """Save a spoken answer that has come to its end, and tell where it is."""
        self._connection.playback.is_complete = True
        if (spoken := self.answers.pop(_key(event), None)) is None:
            self._connection.notify(RealtimeNotice.AUDIO_DONE, **_place(event))
            return
        spoken.finish()
        self._connection.run(self._async_save(event, spoken), "audio")

    @callback
    def finish_response(self, response_id: Any) -> None:
        """Save what was spoken of a response that is over; not all hosts end each answer."""
        for key in [key for key in self.answers if key[0] == response_id]:
            self._finish_at(key)

    @callback
    def clear(self) -> None:
        """End all answers, and save none: the connection is lost."""
        for spoken in self.answers.values():
            spoken.finish()
        self.answers.clear()

    def _finish_at(self, key: tuple[Any, ...]) -> None:
        """Save the answer of a key."""
        self.finish(dict(zip(_PLACE, key, strict=True)))

    async def _async_save(self, event: Json, spoken: Spoken) -> None:
        """Save a spoken answer and tell where it is."""
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
    """Return what tells a spoken answer from others."""
    return tuple(event.get(name) for name in _PLACE)


def _place(event: Json) -> Json:
    """Return where in the conversation something belongs."""
    return {key: event.get(key) for key in _PLACE}
