"""Attaches files, camera images and URLs to the input of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import mimetypes
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import valid_entity_id
from homeassistant.exceptions import Unauthorized, UnknownUser

from ..action import ActionCall
from ..exceptions import validation_error
from ..types import Json
from .base64_text import decode_base64
from .media_types import OCTET_STREAM, canonical_media_type, detect_media_type, guess_type
from .source import MAX_INLINE_BYTES, URL_SCHEMES, async_read_file, data_url

_IMAGE_DOMAINS = ("camera", "image")
"""The domains of entities with an image."""
_SOUNDS = {"audio/mpeg": "mp3", "audio/wav": "wav"}
"""The audio formats of chat completions."""
_JPEG = b"\xff\xd8\xff"
# Bytes of the header of an image in a multipart stream.
_MAX_PART_HEADER = 1024


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file, the current image of an entity, or a URL."""

    name: str
    content_type: str
    url: str
    """A `data:` URL, or an HTTP URL that the server opens itself."""

    @property
    def is_remote(self) -> bool:
        """Whether the server opens the URL itself."""
        return self.url.lower().startswith(URL_SCHEMES)


async def async_attach_to_input(request: ActionCall, arguments: Json, key: str) -> int:
    """Move the files in `arguments[key]`, each `{"id": …}`, to the `input` of a model response.

    Returns 0, the bytes to upload apart from the JSON. Raises ServiceValidationError, for example
    "attachments_too_large" for more than 20 MiB, and what `async_read_file` raises.
    """
    parts = [
        _input_part(attachment) for attachment in await _async_read(request, arguments.pop(key))
    ]
    arguments["input"] = _append_parts(arguments.get("input"), parts, "input_text")
    return 0


async def async_attach_to_messages(request: ActionCall, arguments: Json, key: str) -> int:
    """Move the files in `arguments[key]`, each `{"id": …}`, to the messages of a chat completion.

    Returns 0, the bytes to upload apart from the JSON. Raises ServiceValidationError
    "attachment_not_for_chat", and what `async_attach_to_input` raises.
    """
    parts = [
        _message_part(attachment) for attachment in await _async_read(request, arguments.pop(key))
    ]
    arguments["messages"] = _append_parts(arguments.get("messages"), parts, "text")
    return 0


def _append_parts(question: Any, parts: Sequence[Json], text_type: str) -> list[Any]:
    """Return the input with the parts in the last user message, or in a new one."""
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


def _input_part(attachment: Attachment) -> Json:
    """Return a file as a part of a model response's input."""
    if attachment.content_type.startswith("image/"):
        return {"type": "input_image", "image_url": attachment.url, "detail": "auto"}
    if attachment.is_remote:
        return {"type": "input_file", "file_url": attachment.url}
    return {"type": "input_file", "filename": attachment.name, "file_data": attachment.url}


def _message_part(attachment: Attachment) -> Json:
    """Return a file as a part of a chat message."""
    if attachment.content_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": attachment.url}}
    if attachment.is_remote:
        raise validation_error("attachment_not_for_chat", name=attachment.name)
    if sound := _SOUNDS.get(canonical_media_type(attachment.content_type)):
        data = attachment.url.partition(",")[2]
        return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
    return {"type": "file", "file": {"filename": attachment.name, "file_data": attachment.url}}


async def _async_read(request: ActionCall, items: Sequence[Mapping[str, str]]) -> list[Attachment]:
    """Return the attachments; raises ServiceValidationError if they are too large."""
    remaining = MAX_INLINE_BYTES
    attachments = []
    for item in items:
        if item["id"].lower().startswith(URL_SCHEMES):
            attachments.append(_remote(item))
            continue
        name, content, content_type = await _async_content(request, item)
        if (remaining := remaining - len(content)) < 0:
            raise validation_error("attachments_too_large", limit=MAX_INLINE_BYTES // 1024**2)
        url = await request.hass.async_add_executor_job(data_url, content, content_type)
        attachments.append(Attachment(name=name, content_type=content_type, url=url))
    return attachments


def _remote(item: Mapping[str, str]) -> Attachment:
    """Return a URL that the server opens: an image, unless its name says otherwise."""
    try:
        path = unquote(urlsplit(item["id"]).path)
    except ValueError:
        raise validation_error("address_is_no_file", address=item["id"][:200]) from None
    name = PurePosixPath(path).name
    guessed = item.get("content_type") or guess_type(name)
    if guessed == OCTET_STREAM or guessed.startswith("text/html"):
        # Such as that of a camera: /snapshot.cgi, /api/camera_proxy/camera.door
        guessed = "image/*"
    return Attachment(name=name, content_type=guessed, url=item["id"])


async def _async_content(request: ActionCall, item: Mapping[str, str]) -> tuple[str, bytes, str]:
    """Return the name, content and content type of an item."""
    name = item["id"]
    if name[:5].lower() == "data:":
        return await request.hass.async_add_executor_job(_inline, name)
    if (entity_id := _entity_id(request, name)) is not None:
        return await _async_snapshot(request, entity_id)
    name, content, content_type = await async_read_file(request, item, MAX_INLINE_BYTES)
    return name, content, _by_content(content, content_type)


def _inline(address: str) -> tuple[str, bytes, str]:
    """Return the name, content and content type of a `data:` URL; blocks."""
    label = address[5:].partition(",")[0].partition(";")[0]
    try:
        content = decode_base64(address)
    except ValueError:
        content = b""
    if not content:
        raise validation_error("address_garbled")
    content_type = _by_content(content, label or "text/plain")
    return f"attachment{mimetypes.guess_extension(content_type) or ''}", content, content_type


def _by_content(content: bytes, label: str) -> str:
    """Return the content type of an image by its first bytes, otherwise the label."""
    detected = detect_media_type(content, label)
    return detected if detected is not None and detected.startswith("image/") else label


def _entity_id(request: ActionCall, name: str) -> str | None:
    """Return the entity that an item names, as a media item or by its id.

    Raises ServiceValidationError for an entity that does not exist or has no image.
    """
    for domain in _IMAGE_DOMAINS:
        if name.startswith(f"media-source://{domain}/"):
            return name.removeprefix(f"media-source://{domain}/")
    if not valid_entity_id(name):
        return None
    is_there = request.hass.states.get(name) is not None
    if name.partition(".")[0] in _IMAGE_DOMAINS:
        if is_there:
            return name
        # The name of a file may look like that of an entity.
        if mimetypes.guess_type(name)[0] is None:
            raise validation_error("entity_missing", entity_id=name)
    elif is_there:
        raise validation_error("entity_without_picture", entity_id=name)
    return None


async def _async_snapshot(request: ActionCall, entity_id: str) -> tuple[str, bytes, str]:
    """Return the current image of an entity, if the user of the call may read it."""
    hass, context = request.hass, request.context
    if context.user_id is not None:
        if (user := await hass.auth.async_get_user(context.user_id)) is None:
            raise UnknownUser(context=context)
        if not user.permissions.check_entity(entity_id, POLICY_READ):
            raise Unauthorized(context=context, entity_id=entity_id, permission=POLICY_READ)
    domain, state = entity_id.partition(".")[0], hass.states.get(entity_id)
    if domain not in _IMAGE_DOMAINS or state is None:
        raise validation_error("media_not_found", media=entity_id)
    if state.attributes.get("media_content_id", "") is None:
        # The image entity of a service without an image.
        raise validation_error("entity_shows_nothing", entity_id=entity_id)
    # The entity exists, so that these are imported already.
    if domain == "camera":
        from homeassistant.components import camera  # noqa: PLC0415

        view = await camera.async_get_image(hass, entity_id)
        return entity_id, *_picture(entity_id, view.content, view.content_type)
    from homeassistant.components import image  # noqa: PLC0415

    picture = await image.async_get_image(hass, entity_id)
    return entity_id, *_picture(entity_id, picture.content, picture.content_type)


def _picture(entity_id: str, content: bytes, label: str) -> tuple[bytes, str]:
    """Return an image and its type by its first bytes: cameras use many content types.

    Raises ServiceValidationError for anything else, such as a login page.
    """
    content_type = canonical_media_type(label)
    if content.startswith(b"--") and (start := content.find(_JPEG, 0, _MAX_PART_HEADER)) >= 0:
        # A part of a multipart stream, with its header.
        content = content[start:]
    if (detected := detect_media_type(content, content_type)) is not None and detected.startswith(
        "image/"
    ):
        return content, detected
    if content_type.startswith("image/"):
        return content, content_type
    raise validation_error("entity_without_picture", entity_id=entity_id)
