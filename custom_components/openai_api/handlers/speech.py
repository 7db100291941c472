"""Speech, whole or streamed."""

from .. import stream_runner
from ..action import ActionCall
from ..media.download import (
    WholeResponse,
    async_download,
    async_save_audio,
    async_save_response,
    join_base64,
)
from ..media.storage import async_require_media_directory
from ..types import Json


async def async_create_speech(request: ActionCall) -> Json:
    """Create speech and save it; with `stream_format: sse`, its parts are fired as events.

    Returns what `media.storage.async_save` returns, for a stream with the keys of
    `speech.audio.done` and `stream_id`. Raises StorageError, what `async_download` raises, and what
    `stream_runner.async_run` raises. SDK method: `audio.speech.create`.
    """
    if request.data.get("stream_format") != "sse":
        return await async_download(request)
    directory = await async_require_media_directory(request.hass)

    async def save_body(body: bytes, content_type: str) -> Json:
        return await async_save_response(request, WholeResponse(body, content_type), directory)

    answer = await stream_runner.async_run(request, read_body=save_body)
    if "media_content_id" in answer:
        return answer
    pieces = answer.pop("audio", None)
    audio = await request.hass.async_add_executor_job(join_base64, pieces)
    return {**answer, **await async_save_audio(request, directory, audio)}
