"""Follows the pages of a list, within bounds."""

from typing import Any

from .action import ActionCall
from .action_request import async_fetch, unwrapped
from .api import response
from .error_bodies import answer_error
from .error_translation import parse_error_body
from .exceptions import ErrorInResponse, api_error
from .types import Json

MAX_ITEMS = 100_000
"""The longest list that `all_pages` returns."""
MAX_BYTES = 64 * 1024**2
"""The bytes of all pages together: several times as many are held in memory."""
_MAX_SHOWN = 4096
"""Bytes of an unexpected response that are quoted at most."""

_TOKENS = ("next", "next_page")
"""The keys of the next page where pages have tokens."""
_BESIDE_ITEMS = frozenset(
    {
        *("data", "first_id", "has_more", "last_id", "next_page", "object"),
        *("after", "before", "count", "has_next", "limit", "next", "next_cursor", "offset", "page"),
        *("page_size", "previous", "request_id", "total", "total_count"),
    }
)
"""The keys of a page, here and on other servers; other ones may say why it has no items."""


async def async_request_list(request: ActionCall) -> Json:
    """Return a page of a list, or the whole list as one page if `all_pages` is set.

    Returns `{"data": […], "has_more": …, "first_id": …, "last_id": …}` with the other keys of the
    first page. A server that leaves out `has_more` is asked until a page has no new items. Raises
    UnexpectedBody for a response that is no list, and HomeAssistantError "list_too_long" for more
    than `MAX_ITEMS` items or `MAX_BYTES` bytes.
    """
    page, size = await _async_page(request)
    items = page["data"]
    follow = request.options.get("all_pages") and any(
        item.key == "after" for item in request.action.fields
    )
    seen: set[str] = set()
    last = page
    while follow and _may_have_more(last) and (cursor := _cursor(last)):
        # A server that repeats its cursor would never end the list.
        if cursor in seen:
            break
        seen.add(cursor)
        following, length = await _async_page(request, after=cursor)
        more = following["data"]
        if not more or _cursor(following) in seen:
            # It has no more, or does not know what `after` is and sends the same again.
            last = {**following, "last_id": cursor}
            break
        items.extend(more)
        size += length
        if len(items) > MAX_ITEMS or size > MAX_BYTES:
            raise api_error("list_too_long", items=MAX_ITEMS, limit=MAX_BYTES // 1024**2)
        last = following
    has_more = last.get("has_more")
    # Lists whose pages have tokens may name the next one alone.
    page["has_more"] = bool(any(map(last.get, _TOKENS)) if has_more is None else has_more)
    page["first_id"] = page.get("first_id") or _id(items[:1])
    page["last_id"] = _cursor(last) or _id(items[-1:])
    return page


async def _async_page(request: ActionCall, **changes: Any) -> tuple[Json, int]:
    """Return a page whose `data` is a list, and its length in bytes; raises UnexpectedBody."""
    body, content_type = await async_fetch(request, **changes)
    page = await response.async_parse_body(request.hass, request.host.settings, body, content_type)
    if not isinstance(page.get("data"), list) and isinstance(inner := unwrapped(page), dict):
        if (error := answer_error(inner)) is not None:
            raise ErrorInResponse(**parse_error_body(error, request.host.settings))
        page = inner if isinstance(inner.get("data"), list) else page
    if changes and page.keys() <= _BESIDE_ITEMS and page.get("data") is None:
        # Some servers end a list like this.
        page["data"] = []
    if not isinstance(page.get("data"), list):
        words = body[:_MAX_SHOWN].decode(errors="replace")
        raise response.unexpected_body_error(request.host.settings, content_type, words)
    return page, len(body)


def _may_have_more(page: Json) -> bool:
    """Return whether the server says that there are more pages, or does not say."""
    has_more = page.get("has_more")
    return has_more is None or bool(has_more)


def _cursor(page: Json) -> str | None:
    """Return where the next page begins."""
    cursor = page.get("last_id") or _id(page["data"][-1:])
    return cursor if isinstance(cursor, str) else None


def _id(items: list[Any]) -> str | None:
    """Return the id of the only item, where it has one."""
    return items[0].get("id") if items and isinstance(items[0], dict) else None
