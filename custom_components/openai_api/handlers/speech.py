"""Spoken texts, whether they come whole or in pieces."""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .. import files, streams
from ..errors import failure
from ..model import Json

if TYPE_CHECKING:
    from ..requests import Request

_DEFAULT_FORMAT = "mp3"


async def async_into_references(
    request: Request, arguments: Json, items: Sequence[Mapping[str, str]]
) -> None:
    """Add the recordings of known speakers, as addresses that hold all of them."""
    arguments["known_speaker_references"] = [
        name
        if (name := item["id"]).startswith("data:")
        else await files.async_data_url(request.hass, item)
        for item in items
    ]


async def async_create_speech(request: Request) -> Json:
    """Save the speech; its pieces are fired as events if they were asked for."""
    if request.data.get("stream_format") != "sse":
        return await files.async_download(request)
    target_folder = files.folder(request.hass)
    answer = await streams.async_run(request)
    try:
        audio = b"".join(base64.b64decode(piece) for piece in answer.pop("audio"))
    except KeyError, TypeError, ValueError:
        raise failure("stream_garbled") from None
    name = request.options.get("filename")
    kind = files.guess_type(f"speech.{request.data.get('response_format', _DEFAULT_FORMAT)}")
    saved = await files.async_save(
        request.host,
        target_folder,
        files.async_chunks(audio),
        kind,
        name=name,
        made_by=request.action.key,
    )
    return {**answer, **saved}
