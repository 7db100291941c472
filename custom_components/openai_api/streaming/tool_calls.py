"""Puts the pieces of a message's tool calls together, in whatever way a host labels them.

OpenAI numbers the calls with `index`, and gives id and name with the first piece. Others give
every piece the index 0 or none, number the pieces instead of the calls, repeat id and name or
give a new id each time, send whole calls, or send the arguments so far instead of the next piece.
What decides is what cannot be otherwise: whole arguments cannot go on, arguments begin with `{`,
and a call has a name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
import itertools
from typing import Any

import orjson

from ..types import Json

_BODIES = ("function", "custom")
"""The keys under which a call has its name and arguments, by its type."""
_MOST_CHECKS = 64
"""How often arguments are read to see whether they are whole; each reads all of them."""


@dataclass(slots=True)
class _Piece:
    """What a piece of a call says."""

    whole: Json
    index: int | None
    id: str
    type: str
    name: str
    arguments: Any

    @property
    def text(self) -> str:
        """The arguments in it, as far as they are text."""
        return self.arguments if isinstance(self.arguments, str) else ""

    @property
    def begins(self) -> bool:
        """Whether its arguments can be the first of a call."""
        return isinstance(self.arguments, dict) or self.text.lstrip().startswith("{")


@dataclass(slots=True)
class _Call:
    """A call as far as it has come."""

    id: str = ""
    type: str = ""
    name: str = ""
    pieces: list[Json] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """The pieces of the arguments."""
    object: Json | None = None
    """The arguments, where the host gives them as an object."""
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
        """Whether the arguments can have no more behind them."""
        if self.object is not None:
            return True
        if not any(text.rstrip().endswith("}") for text in self.texts[-2:]):
            return False
        self.checks += 1
        return self.checks <= _MOST_CHECKS and is_object(self.text)


def is_object(text: str) -> bool:
    """Return whether a text is a whole JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _read(whole: Json) -> _Piece:
    """Return what a piece says."""
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
        """Start with none."""
        self.calls: list[_Call] = []
        self._by_id: dict[str, _Call] = {}
        self._by_index: dict[int, _Call] = {}

    def add(self, piece: _Piece) -> None:
        """Add a piece to the call that it belongs to."""
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
                # An empty object that only held the place.
                call.texts.clear()
            call.texts.append(piece.text)

    def _find(self, piece: _Piece) -> _Call | None:
        """Return the call that a piece belongs to if nothing in it says otherwise."""
        known = self._by_id.get(piece.id) if piece.id else None
        last = self.calls[-1] if self.calls else None
        if piece.index is None:
            return known or last
        at_index = self._by_index.get(piece.index)
        if at_index is not None and (known is None or at_index.id == piece.id):
            return at_index
        if known is not None:
            # The same id under another index: another call if it begins like one.
            goes_on = not piece.begins if known.has_arguments else not piece.name
            return known if goes_on or at_index is not None else None
        # A call has a name and begins with it: this numbers the pieces, not the calls.
        if last is None or piece.name:
            return None
        goes_on = bool(piece.text.strip()) and not piece.begins and not last.is_whole
        return last if goes_on or not piece.id else None

    def _is_another(self, call: _Call, piece: _Piece) -> bool:
        """Return whether a piece begins another call than the one that it seems to belong to."""
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
            # Once more the same; a call without an id that names itself is one of its own.
            return bool(piece.name) and not piece.id
        return bool(piece.name) or call.text.strip() != "{}"

    @staticmethod
    def _is_rest_of_name(call: _Call, piece: _Piece) -> bool:
        """Return whether a piece goes on with the name, as it says nothing else of a call."""
        is_bare = bool(piece.name) and not piece.id and not piece.type
        # Without an index, a piece that has room for arguments begins a call.
        is_same = piece.index is not None or piece.arguments is None
        return is_bare and is_same and bool(call.id) and not call.has_arguments

    @staticmethod
    def _is_repeated(call: _Call, piece: _Piece) -> bool:
        """Return whether a piece holds the call's whole arguments once more."""
        if isinstance(piece.arguments, dict):
            return call.object == piece.arguments
        return piece.begins and call.is_whole and call.text.strip() == piece.text.strip()


def join_tool_calls(pieces: list[Json], join_objects: Callable[[list[Json]], Json]) -> list[Json]:
    """Return the calls that pieces of them add up to, in the order in which they began.

    `join_objects` puts together what a call has besides its arguments.
    """
    found = _Calls()
    for piece in pieces:
        found.add(_read(piece))
    return [_as_json(call, join_objects) for call in found.calls]


def _as_json(call: _Call, join_objects: Callable[[list[Json]], Json]) -> Json:
    """Return a call as the API has it."""
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
    """Return the arguments that pieces of them add up to."""
    joined = "".join(texts)
    are_so_far = all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    if len(texts) > 1 and are_so_far and not is_object(joined) and is_object(texts[-1]):
        return texts[-1]
    return joined
