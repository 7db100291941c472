"""Conversations that are kept here, for servers that keep none: the field `conversation_id`."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
import time
from typing import Any, Final

from homeassistant.core import callback
from homeassistant.util.hass_dict import HassKey
from lru import LRU

from ..action import ActionCall
from ..const import DOMAIN
from ..exceptions import validation_error
from ..types import Json
from ..websocket.access import async_is_admin

_MAX_CONVERSATIONS: Final = 100
_MAX_ITEMS: Final = 200
"""Of one conversation; the oldest are dropped."""
_KEEP_SECONDS: Final = 3600.0
"""After the last answer of a conversation."""
_TEXT_PARTS: Final = frozenset({"input_text", "output_text", "text"})


@dataclass(slots=True)
class KeptConversation:
    """The items of one conversation, as the API takes them."""

    user_id: str | None
    items: list[Json] = field(default_factory=list)
    used: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def async_check_access(self, request: ActionCall, name: str) -> None:
        """Check that a call may go on with this conversation, once no other call does.

        What somebody has said is read with the rights of whoever goes on. So only who began it may;
        one without a user, such as that of an automation, is open to administrators, too.
        Raises ServiceValidationError "conversation_of_another".
        """
        user_id = request.context.user_id
        if not self.items:
            # Whoever began it has got no answer.
            self.user_id = user_id
        if self.user_id == user_id:
            return
        if self.user_id is None and await async_is_admin(request.hass, request.context):
            return
        raise validation_error("conversation_of_another", conversation_id=name)

    def add(self, items: Iterable[Json]) -> None:
        """Keep items after those before, without what would fill the memory."""
        self.items = _shortened([*self.items, *map(_without_files, items)])
        self.used = time.monotonic()


_CONVERSATIONS: HassKey[LRU[tuple[str, str, str], KeptConversation]] = HassKey(
    f"{DOMAIN}_conversations"
)


@callback
def kept_conversation(request: ActionCall, name: str) -> KeptConversation:
    """Return the conversation of an entry that is kept under a name, a new one if there is none."""
    conversations = request.hass.data.setdefault(_CONVERSATIONS, LRU(_MAX_CONVERSATIONS))
    key = (request.entry.entry_id, request.operation.method, name)
    kept: KeptConversation | None = conversations.get(key)
    if kept is None or (time.monotonic() - kept.used > _KEEP_SECONDS and not kept.lock.locked()):
        kept = conversations[key] = KeptConversation(request.context.user_id)
    return kept


def role_of(item: Any) -> Any:
    """Return the role of a message, None for anything else."""
    return item.get("role") if isinstance(item, dict) else None


def _without_files(item: Json) -> Json:
    """Return an item without attachments, which would fill the memory."""
    content = item.get("content")
    if not isinstance(content, list):
        return item
    parts = [part for part in content if isinstance(part, dict) and part.get("type") in _TEXT_PARTS]
    return {**item, "content": parts or ""}


def _shortened(items: list[Json]) -> list[Json]:
    """Return the last items, from a user message on, without reasoning."""
    items = [item for item in items if item.get("type") != "reasoning"]
    start = max(0, len(items) - _MAX_ITEMS)
    while start and start < len(items) and role_of(items[start]) != "user":
        start += 1
    return items[start:]
