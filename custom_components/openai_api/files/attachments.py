"""Puts local pictures and files into a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import valid_entity_id
from homeassistant.exceptions import Unauthorized, UnknownUser

from .. import files
from ..errors import refusal
from ..model import Json

if TYPE_CHECKING:
    from ..requests import Request

_SHOWING = ("camera", "image")
"""The kinds of entity that show a picture."""
_SOUNDS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/vnd.wave": "wav",
}
"""The formats in which a chat model may hear something."""


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """One file, or what a camera sees right now."""

    name: str
    content_type: str
    url: str
    """An address that holds all of it."""


async def async_into_input(request: Request, arguments: Json, items: Any) -> None:
    """Add the files to the `input` of a model response."""
    parts = [_input_part(found) for found in await _async_read(request, items)]
    arguments["input"] = _joined(arguments.get("input"), parts, "input_text")


async def async_into_messages(request: Request, arguments: Json, items: Any) -> None:
    """Add the files to the `messages` of a chat completion."""
    parts = [_message_part(found) for found in await _async_read(request, items)]
    arguments["messages"] = _joined(arguments.get("messages"), parts, "text")


def _joined(question: Any, parts: Sequence[Json], text_type: str) -> list[Any]:
    """Return the question with the parts in the last message of the user, or in a new one."""
    if isinstance(question, str):
        question = [{"role": "user", "content": question}]
    messages = list(question or ())
    for index, message in reversed(list(enumerate(messages))):
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = message.get("content") or []
            if isinstance(content, str):
                content = [{"type": text_type, "text": content}]
            messages[index] = {**message, "content": [*content, *parts]}
            return messages
    return [*messages, {"role": "user", "content": list(parts)}]


def _input_part(found: Attachment) -> Json:
    """Return a file as a part of a model response's input."""
    if found.content_type.startswith("image/"):
        return {"type": "input_image", "image_url": found.url, "detail": "auto"}
    return {"type": "input_file", "filename": found.name, "file_data": found.url}


def _message_part(found: Attachment) -> Json:
    """Return a file as a part of a chat message."""
    if found.content_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": found.url}}
    if sound := _SOUNDS.get(found.content_type):
        data = found.url.partition(",")[2]
        return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
    return {"type": "file", "file": {"filename": found.name, "file_data": found.url}}


async def _async_read(request: Request, items: Sequence[Mapping[str, str]]) -> list[Attachment]:
    """Return what the items name; raises a translated error if it is too much for a question."""
    hass, room = request.hass, files.LARGEST_INLINE
    found = []
    for item in items:
        if (entity_id := _entity_id(request, item["id"])) is not None:
            name, content, content_type = await _async_look(request, entity_id)
        else:
            name, content, content_type = await files.async_read_one(
                hass, item, files.LARGEST_INLINE
            )
        if (room := room - len(content)) < 0:
            raise refusal("attachments_too_large", limit=files.LARGEST_INLINE // 1024**2)
        url = await hass.async_add_executor_job(files.data_url, content, content_type)
        found.append(Attachment(name=name, content_type=content_type, url=url))
    return found


def _entity_id(request: Request, name: str) -> str | None:
    """Return the entity that an item names, as media or by itself."""
    for domain in _SHOWING:
        if name.startswith(f"media-source://{domain}/"):
            return name.removeprefix(f"media-source://{domain}/")
    domain = name.partition(".")[0]
    # The name of a file may look like that of an entity.
    if domain in _SHOWING and valid_entity_id(name) and request.hass.states.get(name):
        return name
    return None


async def _async_look(request: Request, entity_id: str) -> tuple[str, bytes, str]:
    """Return what an entity shows right now, if whoever asks may see it."""
    hass, context = request.hass, request.context
    if context.user_id is not None:
        if (user := await hass.auth.async_get_user(context.user_id)) is None:
            raise UnknownUser(context=context)
        if not user.permissions.check_entity(entity_id, POLICY_READ):
            raise Unauthorized(context=context, entity_id=entity_id, permission=POLICY_READ)
    domain = entity_id.partition(".")[0]
    if domain not in _SHOWING or hass.states.get(entity_id) is None:
        raise refusal("media_not_found", media=entity_id)
    # The entity is there, so nothing of these is left to be imported.
    if domain == "camera":
        from homeassistant.components import camera  # noqa: PLC0415

        view = await camera.async_get_image(hass, entity_id)
        return entity_id, view.content, view.content_type
    from homeassistant.components import image  # noqa: PLC0415

    picture = await image.async_get_image(hass, entity_id)
    return entity_id, picture.content, picture.content_type
