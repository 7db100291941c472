"""Joins the deltas of tool calls, however a server labels them.

OpenAI numbers the calls with `index`, and gives id and name with the first delta. Others give every
delta the index 0 or none, number the deltas instead of the calls, repeat id and name or give a new
id each time, send whole calls, or send the arguments so far instead of the next delta. What decides
is certain in any case: complete arguments cannot continue, arguments begin with `{`, and a call has
a name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
import itertools
from typing import Any, NamedTuple

import orjson

from ..types import Json

_BODIES = ("function", "custom")
"""The keys of the object with the name and arguments, by the type of the call."""
_MAX_CHECKS = 64
"""How often arguments are parsed to see whether they are complete."""


@dataclass(slots=True)
class _Piece:
    """One delta of a call."""

    whole: Json
    index: int | None
    id: str
    type: str
    name: str
    arguments: Any

    @property
    def text(self) -> str:
        """Its arguments, if they are text."""
        return self.arguments if isinstance(self.arguments, str) else ""

    @property
    def begins(self) -> bool:
        """Whether its arguments can be the first ones of a call."""
        return isinstance(self.arguments, dict) or self.text.lstrip().startswith("{")


@dataclass(slots=True)
class _Call:
    """A call so far."""

    id: str = ""
    type: str = ""
    name: str = ""
    pieces: list[Json] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """The pieces of the arguments."""
    object: Json | None = None
    """The arguments, if the server sends them as an object."""
    checks: int = 0

    @property
    def text(self) -> str:
        """The arguments so far."""
        return "".join(self.texts)

    @property
    def has_arguments(self) -> bool:
        """Whether any have come."""
        return self.object is not None or any(text.strip() for text in self.texts)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are complete."""
        if self.object is not None:
            return True
        if not any(text.rstrip().endswith("}") for text in self.texts[-2:]):
            return False
        self.checks += 1
        return self.checks <= _MAX_CHECKS and is_object(self.text)


def is_object(text: str) -> bool:
    """Return whether a text is a complete JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def are_no_arguments(arguments: object) -> bool:
    """Return whether arguments say nothing: none at all, or an empty object.

    Servers have either at the end of a call whose arguments they have streamed.
    """
    return not arguments or (isinstance(arguments, str) and arguments.strip() in {"", "{}"})


def is_same_object(text: str, other: str) -> bool:
    """Return whether two texts are the same JSON object, however it is written."""
    return is_object(text) and is_object(other) and bool(orjson.loads(text) == orjson.loads(other))


def _read(whole: Json) -> _Piece:
    """Return a delta."""
    body = next((whole[key] for key in _BODIES if isinstance(whole.get(key), dict)), whole)
    index = whole.get("index")
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    return _Piece(
        whole=whole,
        index=index if isinstance(index, int) else None,
        id=_text(whole.get("id")),
        type=_text(whole.get("type")),
        name=_text(body.get("name")),
        arguments=body.get("arguments", body.get("input")),
    )


def _text(value: object) -> str:
    """Return a text, an empty one for anything else."""
    return value if isinstance(value, str) else ""


class _Calls:
    """The calls of a message."""

    def __init__(self) -> None:
        """Start empty."""
        self.calls: list[_Call] = []
        self._by_id: dict[str, _Call] = {}
        self._by_index: dict[int, _Call] = {}

    def add(self, piece: _Piece) -> None:
        """Add a delta to its call."""
        last = self._find(piece)
        call = last
        if last is None or self._is_another(last, piece):
            call = _Call(name="" if last is None else last.name if not piece.name else "")
            self.calls.append(call)
        assert call is not None
        if piece.index is not None:
            self._by_index[piece.index] = call
        if piece.id:
            self._by_id[piece.id] = call
            call.id = call.id or piece.id
        call.type = call.type or piece.type
        if not call.name or piece.name.startswith(call.name):
            call.name = piece.name or call.name
        elif self._is_rest_of_name(call, piece):
            call.name += piece.name
        call.pieces.append(piece.whole)
        if isinstance(piece.arguments, dict):
            call.object = {**(call.object or {}), **piece.arguments}
        elif piece.text and not self._is_repeated(call, piece):
            if piece.begins and call.texts and call.text.strip() == "{}":
                # An empty object as a placeholder.
                call.texts.clear()
            call.texts.append(piece.text)

    def _find(self, piece: _Piece) -> _Call | None:
        """Return the call that a delta seems to belong to."""
        known = self._by_id.get(piece.id) if piece.id else None
        last = self.calls[-1] if self.calls else None
        if piece.index is None:
            return known or last
        at_index = self._by_index.get(piece.index)
        if at_index is not None and (known is None or at_index.id == piece.id):
            return at_index
        if known is not None:
            # The same id with another index: another call if it begins like one.
            goes_on = not piece.begins if known.has_arguments else not piece.name
            return known if goes_on or at_index is not None else None
        # A call begins with its name: this index counts the deltas, not the calls.
        if last is None or piece.name:
            return None
        goes_on = bool(piece.text.strip()) and not piece.begins and not last.is_whole
        return last if goes_on or not piece.id else None

    def _is_another(self, call: _Call, piece: _Piece) -> bool:
        """Return whether a delta begins another call than the one that it seems to belong to."""
        if piece.type and call.type and piece.type != call.type:
            return True
        goes_on = bool(piece.text.strip()) and not piece.begins and call.has_arguments
        if piece.id and call.id and piece.id != call.id:
            if not piece.name:
                return call.is_whole and piece.begins
            return not (piece.name == call.name and goes_on)
        if piece.name and call.name and piece.name != call.name:
            grows = piece.name.startswith(call.name) and not call.has_arguments
            return not (grows or self._is_rest_of_name(call, piece))
        if not piece.begins or not call.is_whole:
            return False
        if self._is_repeated(call, piece):
            # A repetition; but a call with a name and without an id is a new one.
            return bool(piece.name) and not piece.id
        return bool(piece.name) or call.text.strip() != "{}"

    @staticmethod
    def _is_rest_of_name(call: _Call, piece: _Piece) -> bool:
        """Return whether a delta continues the name: it has nothing else."""
        is_bare = bool(piece.name) and not piece.id and not piece.type
        # Without an index, a piece that has room for arguments begins a call.
        is_same = piece.index is not None or piece.arguments is None
        return is_bare and is_same and bool(call.id) and not call.has_arguments

    @staticmethod
    def _is_repeated(call: _Call, piece: _Piece) -> bool:
        """Return whether a delta repeats the complete arguments of the call."""
        if isinstance(piece.arguments, dict):
            return call.object == piece.arguments
        return piece.begins and call.is_whole and call.text.strip() == piece.text.strip()


class WholeCall(NamedTuple):
    """A call whose arguments are complete."""

    id: str
    name: str
    arguments: Any
    """As text, or as an object."""
    extra: Json | None
    """`extra_content`, which Gemini wants back."""


class ToolCalls:
    """The calls of a message that is still being sent, each as soon as it is certain to be whole."""

    def __init__(self) -> None:
        """Start with none."""
        self._calls = _Calls()
        self._taken = 0

    @property
    def has_calls(self) -> bool:
        """Whether any call has begun."""
        return bool(self._calls.calls)

    def add(self, delta: Json) -> None:
        """Add a delta, `{"id": …, "function": {"name": …, "arguments": …}, …}`."""
        self._calls.add(_read(delta))

    def take(self, *, is_end: bool = False, is_cut: bool = False) -> list[WholeCall]:
        """Return calls that were not returned before: all at the end, else those before the last.

        A call whose arguments may still change keeps back those after it. With `is_cut`, the end
        may be none: calls that are not whole are left out.
        """
        calls = self._calls.calls
        taken: list[WholeCall] = []
        while self._taken < len(calls) - (not is_end):
            call = calls[self._taken]
            is_placeholder = call.object == {} or call.text.strip() == "{}"
            if not is_end and (is_placeholder or not call.is_whole):
                break
            self._taken += 1
            if is_cut and not call.is_whole:
                continue
            value = call.object if call.object is not None else _arguments(call.texts)
            extras = (piece.get("extra_content") for piece in call.pieces)
            extra = next((candidate for candidate in extras if isinstance(candidate, dict)), None)
            taken.append(WholeCall(call.id, call.name, value, extra))
        return taken


def join_tool_calls(pieces: list[Json], join_objects: Callable[[list[Json]], Json]) -> list[Json]:
    """Return the tool calls that deltas add up to, in the order in which they began.

    Returns `[{"id": …, "type": …, "function": {"name": …, "arguments": …}}]`. `join_objects` joins
    the other keys of a call.
    """
    calls = _Calls()
    for piece in pieces:
        calls.add(_read(piece))
    return [_as_json(call, join_objects) for call in calls.calls]


def _as_json(call: _Call, join_objects: Callable[[list[Json]], Json]) -> Json:
    """Return a call as an object of the API."""
    joined = join_objects(call.pieces)
    whole = {key: value for key, value in joined.items() if key != "index"}
    if call.id:
        whole["id"] = call.id
    key = next((key for key in _BODIES if isinstance(whole.get(key), dict)), None)
    if key is None:
        return whole
    name = {"name": call.name} if call.name else {}
    argument = "input" if key == "custom" else "arguments"
    value = call.object if call.object is not None else _arguments(call.texts)
    whole[key] = {**whole[key], **name, argument: value}
    return whole


def _arguments(texts: list[str]) -> str:
    """Return the joined arguments."""
    joined = "".join(texts)
    are_so_far = all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    if len(texts) > 1 and are_so_far and not is_object(joined) and is_object(texts[-1]):
        return texts[-1]
    return joined
