"""Pictures that hosts make: returned as they came, and kept where they last."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homeassistant.core import ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.json import JsonValueType

from .. import files, requests, streams
from ..const import LOGGER
from ..errors import failure
from ..model import Json
from .saved import SavedFile, find_saved

if TYPE_CHECKING:
    from ..requests import Request

_SIGNATURES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
KINDS = frozenset(_SIGNATURES.values())
"""The content types that every browser shows, and that hold nothing but a picture."""


async def async_create_pictures(request: Request) -> Json:
    """Return the host's object, with every picture that it carries saved under `media`."""
    # Asked first, so that nothing is paid for that could not be kept.
    files.folder(request.hass)
    if request.data.get("stream"):
        answer = await streams.async_run(request)
    else:
        plain = replace(request, action=replace(request.action, handler=None))
        answer = await requests.async_ask(plain)
    media = []
    for item in answer.get("data") or []:
        # Some hosts answer with addresses instead, which is theirs to keep alive.
        if isinstance(item, dict) and isinstance(encoded := item.get("b64_json"), str):
            picture = await request.hass.async_add_executor_job(_decode, encoded)
            media.append(await _async_save(request, picture, None))
    return {**answer, "media": media}


async def async_keep_drawn(request: Request, answer: ServiceResponse) -> ServiceResponse:
    """Return the answer; if a model has drawn in its course, with the pictures under `media`.

    What cannot be saved is no reason to lose the rest of the answer, which was paid for.
    """
    if answer is None or not (drawn := list(_drawn(answer))):
        return answer
    media: list[JsonValueType] = []
    try:
        for item in drawn:
            media += [await _async_keep(request, item)]
    except HomeAssistantError as err:
        LOGGER.warning("A picture could not be saved: %s", err)
        request.host.note(str(err))
    return {**answer, "media": media}


def _drawn(answer: Mapping[str, Any]) -> Iterator[Json]:
    """Yield the items of a response that hold a picture."""
    output = answer.get("output")
    for item in output if isinstance(output, list) else ():
        if (
            isinstance(item, dict)
            and item.get("type") == "image_generation_call"
            and isinstance(item.get("result"), str)
        ):
            yield item


async def _async_keep(request: Request, item: Json) -> Json:
    """Save a picture under its id, unless the response was read before; say where it is."""
    picture = await request.hass.async_add_executor_job(_decode, item["result"])
    if not isinstance(name := item.get("id"), str):
        return await _async_save(request, picture, None)
    kind = kind_of(picture)
    name = f"{name}.{kind.rpartition('/')[2]}"
    target_folder = files.folder(request.hass)

    def is_there() -> SavedFile | None:
        found = find_saved(target_folder, name)
        return found if found and found.path.read_bytes() == picture else None

    if (found := await request.hass.async_add_executor_job(is_there)) is not None:
        return files.describe(request.hass, found.path, kind, found.size)
    return await _async_save(request, picture, name)


def _decode(encoded: str) -> bytes:
    """Return the bytes of a picture. Slow for a large one: for the executor."""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise failure("picture_garbled") from None


async def _async_save(request: Request, picture: bytes, name: str | None) -> Json:
    """Save a picture and say where it is."""
    return await files.async_save(
        request.host,
        files.folder(request.hass),
        files.async_chunks(picture),
        kind_of(picture),
        name=name,
        made_by=request.action.key,
    )


def kind_of(picture: bytes) -> str:
    """Return the content type of a picture, which its first bytes tell."""
    return next(
        (kind for start, kind in _SIGNATURES.items() if picture.startswith(start)), "image/png"
    )
