"""What the service remembers: collections of resources, paged as the API pages them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .records import RecordedRequest
from .wire import ApiError, Json, invalid, not_found

MAX_LIMIT = 100


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of resource: what it is called and how it is listed."""

    name: str
    deleted: str = ""
    order: str = "desc"
    default_limit: int = 20
    max_limit: int = MAX_LIMIT


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Stored bytes, such as a file's content; of a very large one only the size."""

    data: bytes
    content_type: str
    size: int = 0


class Collection:
    """Resources of one kind, below one parent."""

    def __init__(self, kind: Kind) -> None:
        """Start empty."""
        self.kind = kind
        self._items: dict[str, Json] = {}
        self._later: dict[str, deque[Json]] = {}

    def __contains__(self, identifier: object) -> bool:
        """Tell whether an id is known."""
        return identifier in self._items

    def __iter__(self) -> Iterator[Json]:
        """Iterate over the resources, oldest first."""
        return iter(list(self._items.values()))

    def add(self, item: Json, *later: Json) -> Json:
        """Keep a resource, and the updates that later retrievals will show."""
        self._items[item["id"]] = item
        if later:
            self._later[item["id"]] = deque(later)
        return item

    def get(self, identifier: str) -> Json:
        """Return a resource as it is, or refuse with 404."""
        try:
            return self._items[identifier]
        except KeyError:
            raise not_found(self.kind.name, identifier) from None

    def advance(self, identifier: str) -> Json:
        """Return a resource after its next pending update, as polling finds it."""
        item = self.get(identifier)
        if pending := self._later.get(identifier):
            item |= pending.popleft()
        return item

    def settle(self, identifier: str) -> Json:
        """Return a resource after all of its pending updates."""
        item = self.get(identifier)
        for update in self._later.pop(identifier, ()):
            item |= update
        return item

    def forget_later(self, identifier: str) -> None:
        """Drop the pending updates, as a cancellation does."""
        self._later.pop(identifier, None)

    def update(self, identifier: str, changes: Json) -> Json:
        """Change fields of a resource."""
        item = self.get(identifier)
        item |= changes
        return item

    def delete(self, identifier: str) -> Json:
        """Forget a resource and confirm it."""
        self.get(identifier)
        del self._items[identifier]
        self.forget_later(identifier)
        return {"id": identifier, "object": self.kind.deleted, "deleted": True}

    def page(self, request: RecordedRequest, keep: Callable[[Json], bool] | None = None) -> Json:
        """Return the page that a request's after, before, limit and order ask for."""
        items = [item for item in self._items.values() if keep is None or keep(item)]
        return page(items, request, self.kind)


def page(items: list[Json], request: RecordedRequest, kind: Kind) -> Json:
    """Cut a page out of resources given oldest first."""
    order = request.param("order") or kind.order
    if order not in ("asc", "desc"):
        raise invalid(
            f"Invalid value: '{order}'. Supported values are: 'asc' and 'desc'.",
            "order",
            "invalid_value",
        )
    items = items[:: -1 if order == "desc" else 1]
    ids = [item["id"] for item in items]
    if after := request.param("after"):
        items = items[_position(ids, after, kind, "after") + 1 :]
    before = request.param("before")
    if before:
        ids = [item["id"] for item in items]
        items = items[: _position(ids, before, kind, "before")]
    limit = _limit(request.param("limit"), kind)
    data = items[-limit:] if before and not after else items[:limit]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(items) > len(data),
    }


def _position(ids: list[str], identifier: str, kind: Kind, param: str) -> int:
    """Find where a cursor stands."""
    if identifier not in ids:
        raise ApiError(404, f"No {kind.name} found with id '{identifier}'.", param=param)
    return ids.index(identifier)


def _limit(text: str | None, kind: Kind) -> int:
    """Read a page size."""
    if text is None:
        return kind.default_limit
    if not text.isdecimal() or not 1 <= int(text) <= kind.max_limit:
        raise invalid(
            f"Invalid 'limit': expected an integer from 1 to {kind.max_limit}.",
            "limit",
            "integer_out_of_range",
        )
    return int(text)


@dataclass
class State:
    """Everything the service remembers; replaced as a whole on reset."""

    secrets: dict[str, int] = field(default_factory=dict)
    signing_secrets: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)
    prepared: set[str] = field(default_factory=set)
    requests_served: int = 0
    _collections: dict[tuple[str, ...], Collection] = field(default_factory=dict)

    def collection(self, kind: Kind, *parents: str) -> Collection:
        """Return the resources of a kind below the given parent ids."""
        return self._collections.setdefault((kind.name, *parents), Collection(kind))
