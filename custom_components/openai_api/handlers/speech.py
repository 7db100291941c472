"""Spoken texts, whether they come whole or in pieces."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .. import streams
from ..files.download import (
    WholeResponse,
    async_download,
    async_save_audio,
    async_save_response,
    join_base64,
)
from ..files.source import async_data_url
from ..files.storage import async_require_folder
from ..model import Json

if TYPE_CHECKING:
    from ..requests import Request


async def async_into_references(
    request: Request, arguments: Json, items: Sequence[Mapping[str, str]]
) -> None:
    """Add the recordings of known speakers, as addresses that hold all of them."""
    arguments["known_speaker_references"] = [
        name if (name := item["id"]).startswith("data:") else await async_data_url(request, item)
        for item in items
    ]


async def async_create_speech(request: Request) -> Json:
    """Save the speech; its pieces are fired as events if they were asked for.

    A host that does not stream it has it saved all the same.
    """
    if request.data.get("stream_format") != "sse":
        return await async_download(request)
    target_folder = await async_require_folder(request.hass)

    async def save_body(body: bytes, content_type: str) -> Json:
        return await async_save_response(request, WholeResponse(body, content_type), target_folder)

    answer = await streams.async_run(request, read_body=save_body)
    if "media_content_id" in answer:
        return answer
    pieces = answer.pop("audio", None)
    audio = await request.hass.async_add_executor_job(join_base64, pieces)
    return {**answer, **await async_save_audio(request, target_folder, audio)}
