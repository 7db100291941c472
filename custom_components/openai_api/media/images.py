"""Images and audio that models generate: returned as they came, and saved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from homeassistant.core import ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.json import JsonValueType

from ..action import ActionCall
from ..action_request import async_run_large
from ..const import LOGGER
from ..exceptions import api_error
from ..streaming.answer_objects import objects_in
from ..types import Json
from .base64_text import decode_base64
from .media_types import (
    HEAD_BYTES,
    OCTET_STREAM,
    PCM,
    canonical_media_type,
    detect_media_type,
    guess_type,
    is_text,
    media_type_of,
    suffix_of,
)
from .saved_files import SavedFile, find_saved
from .source import URL_SCHEMES
from .storage import (
    async_require_media_directory,
    async_save,
    iter_bytes,
    media_directory,
    saved_file_response,
)

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The image types that every browser shows, and that cannot hold scripts."""
_MARKDOWN_IMAGE = "](data:image/"
_MAX_TITLE_LENGTH = 1000
_PICTURE_KEYS = ("b64_json", "url", "image_url", "result", "image_base64", "base64", "image")
_ENCODED_KEYS = frozenset({"b64_json", "result", "image_base64", "base64", "image"})
"""Those that hold base64, unless it is an address."""
_SOUND_KEYS = ("data", "audio")


@dataclass(frozen=True, kw_only=True)
class GeneratedFile:
    """An image or audio in a response."""

    encoded: str
    """Base64 or a `data:` URL."""
    label: str
    """The content type that was requested or is likely."""
    fallback: str = "image/png"
    """The content type if neither bytes nor label have one."""
    identifier: object = None
    """The id of the API, which names the file, so that it is saved once."""


async def async_save_generated_media(
    request: ActionCall, answer: ServiceResponse
) -> ServiceResponse:
    """Save the images and audio in a response of a model.

    Returns `{…, "media": [file, …]}` with the files as `async_save` returns them; a response
    without any is returned as it is. Errors of saving are logged: the rest of the response was paid
    for.
    """
    if answer is None:
        return answer
    generated = await async_run_large(request, lambda: list(_generated(request, answer)))
    if not generated:
        return answer
    media, _ = await async_save_all(request, generated)
    return {**answer, "media": media}


async def async_save_all(
    request: ActionCall, files: Sequence[GeneratedFile]
) -> tuple[list[JsonValueType], HomeAssistantError | None]:
    """Save generated files.

    Returns `([file, …], error)`: the saved files as `async_save` returns them, and the error of the
    last one that failed or None.
    """
    media: list[JsonValueType] = []
    error = None
    for file in files:
        try:
            media.append(await _async_save_once(request, file))
        except HomeAssistantError as err:
            LOGGER.warning("A file in the answer could not be saved: %s", err)
            request.host.record_error(str(err))
            error = err
    return media, error


def _generated(request: ActionCall, answer: Mapping[str, Any]) -> Iterator[GeneratedFile]:
    """Yield the images and audio in a model response or a chat completion."""
    for item in objects_in(answer.get("output")):
        if item.get("type") == "image_generation_call":
            if (picture := picture_in(item, "image/png")) is not None:
                yield replace(picture, identifier=item.get("id"))
        elif item.get("type") == "message":
            yield from _in_content(item.get("content"), "")
    if not (choices := answer.get("choices")):
        return
    audio = request.data.get("audio")
    audio_format = audio.get("format") if isinstance(audio, Mapping) else None
    # OpenAI calls it `pcm16`.
    sound = guess_type(f"x.{str(audio_format or '').removesuffix('16')}")
    for choice in objects_in(choices):
        if isinstance(message := choice.get("message"), Mapping):
            yield from _in_message(message, sound)


def _in_message(message: Mapping[str, Any], sound: str) -> Iterator[GeneratedFile]:
    """Yield the images and audio of a chat message."""
    if isinstance(audio := message.get("audio"), Mapping):
        yield from _sound_in(audio, sound, audio.get("id"))
    for image in objects_in(message.get("images")):
        if (picture := picture_in(image, "image/png")) is not None:
            yield picture
    yield from _in_content(message.get("content"), sound)


def _in_content(content: object, sound: str) -> Iterator[GeneratedFile]:
    """Yield the images and audio in content parts, or in Markdown."""
    if isinstance(content, str):
        yield from _in_markdown(content)
    for part in objects_in(content):
        part_type = str(part.get("type"))
        if "image" in part_type:
            if (picture := picture_in(part, "image/png")) is not None:
                yield picture
        elif "audio" in part_type:
            yield from _sound_in(part, sound, part.get("id"))
        elif isinstance(data := part.get("inline_data"), Mapping):
            if isinstance(encoded := data.get("data"), str):
                yield GeneratedFile(encoded=encoded, label=str(data.get("mime_type") or ""))
        else:
            yield from _in_content(part.get("text"), sound)


def _in_markdown(text: str) -> Iterator[GeneratedFile]:
    """Yield the pictures that a text holds as `![title](data:image/…)`.

    No regular expression: one would hold Python's lock for as long as a picture is large.
    """
    middle = text.find(_MARKDOWN_IMAGE)
    while middle >= 0:
        start, end = middle + 2, text.find(")", middle)
        title = text.rfind("![", max(0, middle - _MAX_TITLE_LENGTH - 2), middle)
        address = text[start:end]
        if (
            title >= 0
            and "]" not in text[title:middle]
            and end > start
            and address.split() == [address]
        ):
            yield GeneratedFile(encoded=address, label="image/png")
        middle = text.find(_MARKDOWN_IMAGE, start)


def picture_in(item: object, label: str) -> GeneratedFile | None:
    """Return the image in an object; None for an HTTP URL, or if there is none.

    `label` is its likely content type, unless the object has an `output_format`.
    """
    if not isinstance(item, Mapping):
        return None
    if isinstance(output_format := item.get("output_format"), str) and output_format:
        label = guess_type(f"x.{output_format}")
    for key in _PICTURE_KEYS:
        value = item.get(key)
        if isinstance(value, Mapping):
            # {"type": "image_url", "image_url": {"url": …}}
            if (picture := picture_in(value, label)) is not None:
                return picture
        elif (
            isinstance(value, str)
            and value
            and (key in _ENCODED_KEYS or _is_data(value))
            and not value[:8].lower().startswith(URL_SCHEMES)
        ):
            return GeneratedFile(encoded=value, label=label)
    return None


def has_picture_key(item: Mapping[str, Any]) -> bool:
    """Return whether an object holds something where an image or its URL would be."""
    return any(item.get(key) for key in _PICTURE_KEYS)


def _sound_in(item: Mapping[str, Any], label: str, identifier: object) -> Iterator[GeneratedFile]:
    """Yield the audio in an object, or in an object within it."""
    if isinstance(audio_format := item.get("format"), str):
        label = guess_type(f"x.{audio_format.removesuffix('16')}")
    for key in (*_SOUND_KEYS, "input_audio", "output_audio", "audio_url", "url"):
        value = item.get(key)
        if isinstance(value, Mapping):
            yield from _sound_in(value, label, value.get("id") or identifier)
            return
        if isinstance(value, str) and value and (key in _SOUND_KEYS or _is_data(value)):
            # Streamed audio is PCM, which has no signature.
            yield GeneratedFile(encoded=value, label=label, fallback=PCM, identifier=identifier)
            return


def _is_data(address: str) -> bool:
    """Return whether a URL is a `data:` URL."""
    return address[:5].lower() == "data:"


async def _async_save_once(request: ActionCall, file: GeneratedFile) -> Json:
    """Save a file with its id as the name, unless it was saved before."""
    hass = request.hass
    content, media_type = await hass.async_add_executor_job(_decode, file)
    name = None
    if isinstance(file.identifier, str) and file.identifier:
        name = f"{file.identifier}{suffix_of(media_type) or ''}"
        directory = media_directory(hass)

        def find() -> SavedFile | None:
            saved = find_saved(directory, name)
            return saved if saved and saved.path.read_bytes() == content else None

        if (saved := await hass.async_add_executor_job(find)) is not None:
            return saved_file_response(hass, saved.path, media_type, saved.size)
    return await async_save(
        request.host,
        await async_require_media_directory(hass),
        iter_bytes(content),
        media_type,
        name=name,
        source_action=request.action.key,
    )


def _decode(file: GeneratedFile) -> tuple[bytes, str]:
    """Return the bytes of a file and its media type; blocks.

    Raises HomeAssistantError "picture_garbled" or "sound_garbled" for invalid base64, and for text
    in it.
    """
    garbled = "sound_garbled" if file.fallback == PCM else "picture_garbled"
    try:
        content = decode_base64(file.encoded)
    except ValueError:
        raise api_error(garbled) from None
    label = file.label
    if _is_data(file.encoded):
        label = file.encoded[5:].partition(",")[0] or label
    # A few samples of PCM may look like a text.
    is_plain = canonical_media_type(label) not in {PCM, "image/svg+xml"}
    if is_plain and is_text(content[:HEAD_BYTES]):
        raise api_error(garbled)
    media_type = media_type_of(content[:HEAD_BYTES], label)
    return content, file.fallback if media_type == OCTET_STREAM else media_type


def detect_image_type(picture: bytes) -> str:
    """Return the content type of an image by its first bytes, by default `image/png`."""
    detected = detect_media_type(picture)
    return detected if detected is not None and detected.startswith("image/") else "image/png"
