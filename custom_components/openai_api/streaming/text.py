"""Parses JSON whose characters may be split into surrogates or bytes, and joins them."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
import json
import re
from typing import Any

import orjson

from ..types import Json
from .large_json import LargeJsonReader, TooManyContainers

LARGE_BYTES = 512 * 1024
"""Larger JSON texts are parsed in pieces, and in the executor."""
MAX_DEPTH = 200
"""The most objects and lists within each other; Home Assistant's own encoder takes 254."""
DEEP_BYTES = 2 * MAX_DEPTH
"""The most bytes that cannot be too deep."""
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
# Bytes that are not UTF-8 on their own, as `surrogateescape` decodes them.
_RAW_BYTES = re.compile("[\udc80-\udcff]+")
_TRAILING_HALF = re.compile("(?:[\ud800-\udbff]|[\udc80-\udcff]{1,3})\\Z")
_LONE = re.compile("[\ud800-\udfff]")
# Halves that are no such bytes.
_ESCAPED = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_MAX_BACK = 8
"""Characters by which a piece may end earlier: a longer row of halves makes no whole ones."""
_MAX_PIECE_LENGTH = 256 * 1024
_MAX_HELD = 64
"""Texts whose last piece ended with half a character; older ones are dropped."""
_IDENTITY = ("type", "item_id", "output_index", "content_index", "summary_index")
# The maximum depth of orjson.
_ORJSON_DEPTH = 254


def load_json(data: bytes) -> Any:
    """Return the value in a JSON text; halves of characters become U+FFFD.

    Raises ValueError for invalid JSON, and for more than `MAX_DEPTH` levels; TooManyContainers,
    which is one, for more than `MAX_CONTAINERS` objects and lists in a large text.
    """
    return SurrogateJoiner().load(data, hold=False)


def check_depth(data: bytes, value: Any, max_depth: int = MAX_DEPTH) -> None:
    """Raise ValueError if the value read from `data` has more than `max_depth` levels."""
    # Each level takes two bytes.
    if len(data) > 2 * max_depth and data.count(b"[") + data.count(b"{") > max_depth:
        wrapped = value
        # With so many lists around it, orjson has the allowed number of levels left.
        for _ in range(_ORJSON_DEPTH - max_depth):
            wrapped = [wrapped]
        try:
            # Much faster than walking through it.
            orjson.dumps(wrapped)
        except TypeError as err:
            raise ValueError("too deep") from err


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces, because other threads wait while Python looks through all of one.

    They end with a whole character, unless there is none nearby.
    """
    start = 0
    while len(text) - start > _MAX_PIECE_LENGTH:
        end = start + _MAX_PIECE_LENGTH
        first = max(end - _MAX_BACK, start + _MAX_PIECE_LENGTH // 2)
        while "\ud800" <= text[end - 1] <= "\udfff" and end > first:
            end -= 1
        yield text[start:end]
        start = end
    yield text[start:]


def _in_pieces(change: Callable[[str], str], text: str) -> str:
    """Return a text that is changed piece by piece."""
    return change(text) if len(text) <= _MAX_PIECE_LENGTH else "".join(map(change, _pieces(text)))


def _join_halves(text: str) -> str:
    """Join the halves of characters that are next to each other."""
    if _ESCAPED.search(text) is None:
        # All at once: one by one takes long.
        return text.encode(errors="surrogateescape").decode(errors="surrogateescape")
    if _PAIR.search(text) is not None:
        text = _PAIR.sub(
            lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text
        )
    if _RAW_BYTES.search(text) is not None:
        text = _RAW_BYTES.sub(
            lambda halves: (
                halves[0].encode(errors="surrogateescape").decode(errors="surrogateescape")
            ),
            text,
        )
    return text


def _replace_halves(text: str) -> str:
    """Return a text with U+FFFD in place of each half of a character."""
    if _ESCAPED.search(text) is None:
        return text.encode(errors="surrogateescape").decode(errors="replace")
    if _RAW_BYTES.search(text) is not None:
        text = _RAW_BYTES.sub(
            lambda half: half[0].encode(errors="surrogateescape").decode(errors="replace"), text
        )
    return _LONE.sub("\ufffd", text)


def _integer(digits: str) -> int | float:
    """Return an integer, beyond 64 bits as a float like orjson."""
    fits = len(digits) <= 20 and -(2**63) <= int(digits) < 2**64
    return int(digits) if fits else float(digits)


class SurrogateJoiner:
    """Parses the events of a stream in which characters are split between events.

    The first half, a lone surrogate or the first bytes of a character, is held back and put before
    the next piece of the same text, so that every piece is valid Unicode.
    """

    def __init__(self) -> None:
        """Start with nothing held back."""
        self.held: dict[tuple[Hashable, ...], str] = {}
        """The halves by the place of their text."""
        self._events: dict[Hashable, Json] = {}
        """The identifying keys of the events with held halves."""

    def load(self, data: bytes, *, hold: bool = True) -> Any:
        """Return the value in a JSON text; without `hold`, halves become U+FFFD at once.

        Raises what `load_json` raises.
        """
        if (size := len(data)) > LARGE_BYTES:
            return self._load_large(data, hold=hold)
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            value = self._load_oddity(data, hold=hold)
        else:
            if self.held and hold:
                # The next piece of the text may not begin with the other half.
                value = self._mend_event(value, hold=hold)
        if size > DEEP_BYTES:
            check_depth(data, value)
        return value

    def _load_large(self, data: bytes, *, hold: bool) -> Any:
        """Return the value in a large JSON text."""
        has_halves = False

        def load_string(text: bytes) -> str:
            nonlocal has_halves
            has_halves = True
            loaded: str = json.loads(text.decode(errors="surrogateescape"))
            return loaded

        value = None
        is_whole = False
        with suppress(TooManyContainers):
            value = LargeJsonReader(data, MAX_DEPTH, check_depth, load_string).read()
            is_whole = True
        if not is_whole:
            # Raised here, where the traceback does not hold what was read.
            raise TooManyContainers
        if has_halves or (self.held and hold):
            return self._mend_event(value, hold=hold)
        return value

    def join_text(self, data: bytes) -> str:
        """Return the next piece of the only text of a stream; `data` is UTF-8."""
        self._events[()] = {"type": "transcript.text.delta"}
        return self._mend_text(data.decode(errors="surrogateescape"), ((), "delta"), hold=True)

    def pop_held(self) -> list[Json]:
        """Return events with U+FFFD for each held half whose other half has not come.

        Returns `[{…}]`, each event with the identifying keys of the original one and the character
        at its place, such as `{"type": "response.output_text.delta", "item_id": …, "delta": …}`.
        """
        events = []
        for (identity, *path), half in self.held.items():
            piece: Any = _replace_halves(half)
            for key in reversed(path):
                if isinstance(key, int):
                    piece = [{"index": key, **piece} if isinstance(piece, dict) else piece]
                else:
                    piece = {key: piece}
            events.append({**self._events.get(identity, {}), **piece})
        self.held.clear()
        self._events.clear()
        return events

    def _load_oddity(self, data: bytes, *, hold: bool) -> Any:
        """Return the value in a JSON text that orjson refuses.

        It may have halves of characters, or NaN and Infinity, which servers in Python send for
        log probabilities and embeddings; they become null, since Home Assistant has no other way
        to pass them on.
        """
        text = data.decode(errors="surrogateescape")
        has_halves = b"\\ud" in data.lower() or _LONE.search(text) is not None
        if not (has_halves or b"NaN" in data or b"Infinity" in data):
            raise ValueError("no JSON")
        try:
            value = json.loads(text, parse_int=_integer, parse_constant=lambda _: None)
            return self._mend_event(value, hold=hold)
        except RecursionError as err:
            raise ValueError("too deep") from err

    def _mend_event(self, value: Any, *, hold: bool) -> Any:
        """Return an event whose texts are valid Unicode."""
        event = value if isinstance(value, dict) else {}
        known = {key: event[key] for key in _IDENTITY if key in event}
        identity = tuple(str(known.get(key)) for key in _IDENTITY)
        mended = self._mend(value, (identity,), hold=hold)
        if self.held:
            holding = {place[0] for place in self.held}
            self._events[identity] = known
            self._events = {key: self._events[key] for key in self._events.keys() & holding}
        return mended

    def _mend(self, value: Any, path: tuple[Hashable, ...], *, hold: bool) -> Any:
        """Return a value whose texts are valid Unicode."""
        if isinstance(value, str):
            return self._mend_text(value, path, hold=hold)
        if isinstance(value, dict):
            return {
                _replace_halves(key): self._mend(item, (*path, key), hold=hold)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._mend(item, (*path, _place(item, position)), hold=hold)
                for position, item in enumerate(value)
            ]
        return value

    def _mend_text(self, text: str, path: tuple[Hashable, ...], *, hold: bool) -> str:
        """Return a text after its held half; a half at its end is held back."""
        if self.held:
            text = self.held.pop(path, "") + text
        if _LONE.search(text) is None:
            return text
        text = _in_pieces(_join_halves, text)
        # Only a piece of a text has a continuation.
        is_piece = "delta" in path or ("choices" in path and path[-1] == "text")
        if hold and is_piece and (half := _TRAILING_HALF.search(text, max(len(text) - 3, 0))):
            self.held[path] = half[0]
            if len(self.held) > _MAX_HELD:
                del self.held[next(iter(self.held))]
            text = text[: half.start()]
        return _in_pieces(_replace_halves, text)


def _place(item: Any, position: int) -> Hashable:
    """Return the key of an item of a list, the same in successive events."""
    index = item.get("index") if isinstance(item, dict) else None
    return index if isinstance(index, int) else position


def as_object(value: Any) -> Json:
    """Return an object as it is, any other value as `{"data": value}`."""
    return value if isinstance(value, dict) else {"data": value}
