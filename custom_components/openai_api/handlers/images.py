"""Creates and edits images, and saves them."""

import base64
from functools import partial

from homeassistant.exceptions import HomeAssistantError
import orjson

from .. import stream_runner
from ..action import ActionCall
from ..action_request import async_fetch, async_parse_answer
from ..api.response import unexpected_body_error
from ..const import LOGGER
from ..error_bodies import answer_error
from ..error_translation import parse_error_body
from ..exceptions import ErrorInResponse, ResponseEmpty, api_error
from ..media.images import async_save_all, has_picture_key, picture_in
from ..media.media_types import HEAD_BYTES, detect_media_type, guess_type
from ..media.storage import async_require_media_directory
from ..types import Json

_MAX_SHOWN = 4096
"""Bytes of a response without a picture that are quoted at most."""


async def async_create_images(request: ActionCall) -> Json:
    """Create or edit images, and save them.

    Returns `{"data": […], …, "media": [file, …]}`: the API's object, each file as
    `media.storage.async_save` returns it. An image that cannot be read or saved does not lose the
    others; raises the error of the last one if none was saved, ResponseEmpty, UnexpectedBody,
    ErrorInResponse or HomeAssistantError "picture_garbled" for a response without any, and
    StorageError before the request if the media folder is not writable.
    """
    # First, so that no image is paid for that could not be saved.
    await async_require_media_directory(request.hass)
    if request.data.get("stream"):
        answer = await stream_runner.async_run(request, read_body=partial(_async_read, request))
    else:
        answer = await _async_read(request, *await async_fetch(request))
    label = guess_type(f"x.{request.data.get('output_format') or 'png'}")
    data = answer.get("data")
    files = [
        picture
        for item in (data if isinstance(data, list) else ())
        if (picture := picture_in(item, label)) is not None
    ]
    if not data:
        raise ResponseEmpty
    if not files and not any(map(_has_address, data if isinstance(data, list) else ())):
        raise _missing(request, answer, data)
    if not files and request.data.get("response_format") != "url":
        LOGGER.warning(
            "The service answered with addresses of pictures, which are not saved; "
            "they are in the answer"
        )
    media, error = await async_save_all(request, files)
    if error is not None and not media:
        raise error
    return {**answer, "media": media}


async def _async_read(request: ActionCall, body: bytes, content_type: str) -> Json:
    """Return the API's object with the images that a response holds.

    Returns `{"data": [{"b64_json": …}]}` for a response that is the image itself, as some servers
    send it. Raises what `action_request.async_parse_answer` raises.
    """
    kind = detect_media_type(body[:HEAD_BYTES])
    if kind is None or not kind.startswith("image/"):
        return await async_parse_answer(request, body, content_type)
    encoded = await request.hass.async_add_executor_job(base64.b64encode, body)
    return {"data": [{"b64_json": encoded.decode()}]}


def _missing(request: ActionCall, answer: Json, data: object) -> HomeAssistantError:
    """Return the error for a response without a picture that can be read.

    Why a picture was not drawn, or how it can be fetched later, is told: it may have been paid for.
    """
    settings = request.host.settings
    items = [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
    if any(map(has_picture_key, items)):
        return api_error("picture_garbled")
    for item in items:
        if (error := answer_error(item)) is not None:
            return ErrorInResponse(**parse_error_body(error, settings))
    words = orjson.dumps(answer, default=str)[:_MAX_SHOWN].decode(errors="replace")
    return unexpected_body_error(settings, "application/json", words)


def _has_address(item: object) -> bool:
    """Return whether an object names the address of a picture."""
    return isinstance(item, dict) and any(item.get(key) for key in ("url", "image_url"))
