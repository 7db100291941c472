"""Pictures that hosts make: returned as they came, and kept where they last."""

import base64
import binascii
from dataclasses import replace
from typing import TYPE_CHECKING

from . import files, requests, streams
from .errors import failure
from .model import Json

if TYPE_CHECKING:
    from .requests import Request

_SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


async def async_create_pictures(request: Request) -> Json:
    """Return the host's object, with every picture that it carries saved under `media`."""
    target_folder = files.folder(request.hass)
    if request.data.get("stream"):
        answer = await streams.async_run(request)
    else:
        plain = replace(request, action=replace(request.action, handler=None))
        answer = await requests.async_ask(plain)
    media = []
    for item in answer.get("data") or []:
        # Some hosts answer with addresses instead, which is theirs to keep alive.
        if isinstance(item, dict) and isinstance(encoded := item.get("b64_json"), str):
            try:
                picture = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                raise failure("picture_garbled") from None
            media.append(
                await files.async_save(
                    request.hass,
                    target_folder,
                    files.async_chunks(picture),
                    _kind(picture),
                    name=request.options.get("filename"),
                    made_by=request.action.key,
                )
            )
    return {**answer, "media": media}


def _kind(picture: bytes) -> str:
    """Return the content type of a picture, which its first bytes tell."""
    return next(
        (kind for start, kind in _SIGNATURES.items() if picture.startswith(start)), "image/png"
    )
