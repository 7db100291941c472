"""Creates and edits images, and saves them."""

from .. import stream_runner
from ..action import ActionCall
from ..action_request import async_request_json
from ..const import LOGGER
from ..exceptions import ResponseEmpty, api_error
from ..media.images import async_save_all, picture_in
from ..media.media_types import guess_type
from ..media.storage import async_require_media_directory
from ..types import Json


async def async_create_images(request: ActionCall) -> Json:
    """Create or edit images, and save them.

    Returns `{"data": […], …, "media": [file, …]}`: the API's object, each file as
    `media.storage.async_save` returns it. An image that cannot be read or saved does not lose the
    others; raises the error of the last one if none was saved, ResponseEmpty or HomeAssistantError
    "picture_garbled" for a response without any, and StorageError before the request if the media
    folder is not writable.
    """
    # First, so that no image is paid for that could not be saved.
    await async_require_media_directory(request.hass)
    if request.data.get("stream"):
        answer = await stream_runner.async_run(request)
    else:
        answer = await async_request_json(request)
    label = guess_type(f"x.{request.data.get('output_format') or 'png'}")
    data = answer.get("data")
    files = [
        found
        for item in (data if isinstance(data, list) else ())
        if (found := picture_in(item, label)) is not None
    ]
    if not data:
        raise ResponseEmpty
    if not files and not any(map(_has_address, data if isinstance(data, list) else ())):
        raise api_error("picture_garbled")
    if not files and request.data.get("response_format") != "url":
        LOGGER.warning(
            "The service answered with addresses of pictures, which are not saved; "
            "they are in the answer"
        )
    media, error = await async_save_all(request, files)
    if error is not None and not media:
        raise error
    return {**answer, "media": media}


def _has_address(item: object) -> bool:
    """Return whether an object names the address of a picture."""
    return isinstance(item, dict) and any(item.get(key) for key in ("url", "image_url"))
