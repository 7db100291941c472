"""Generates the image of an AI task."""

import base64
import binascii
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from homeassistant.components.ai_task import GenImageTask, GenImageTaskResult
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from yarl import URL

from ..exceptions import ResponseTooLarge
from ..media.images import IMAGE_TYPES, detect_image_type
from ..types import Json
from .const import CONF_EXTRA_BODY, CONF_IMAGE_MODEL, CONF_PATIENCE
from .errors import ATTACHMENT_UNSUPPORTED, AssistError, names
from .http import async_ask
from .llm_entity import LanguageModelEntity

NO_IMAGE: Final = "assist_no_image"
_LARGEST: Final = 32 * 1024**2
_IN_BASE64: Final = "response_format"
_DEFAULT: Final = "image/png"
"""What `detect_image_type` returns for bytes that it does not know."""
_PNG: Final = b"\x89PNG"


async def async_generate(
    entity: LanguageModelEntity, task: GenImageTask, conversation_id: str
) -> GenImageTaskResult:
    """Return the image that the service generates; with attachments, an edit of these images.

    Raises AssistError "assist_attachment_unsupported" for a file that is no image,
    "assist_no_image" and "picture_garbled" for an answer without a usable one, ResponseTooLarge
    beyond 32 MiB, and what `http.async_ask` raises.
    """
    host, model = entity.host, str(entity.options[CONF_IMAGE_MODEL])
    seconds = float(entity.option(CONF_PATIENCE))
    arguments: Json = {"model": model, "prompt": task.instructions}
    method = "images.generate"
    if task.attachments:
        method = "images.edit"
        files = []
        for attachment in task.attachments:
            mime_type = attachment.mime_type.partition(";")[0].strip().lower()
            if mime_type not in IMAGE_TYPES and mime_type != "image/jpg":
                raise AssistError(ATTACHMENT_UNSUPPORTED, message=attachment.mime_type)
            data = await entity.hass.async_add_executor_job(attachment.path.read_bytes)
            files.append((attachment.path.name, data, mime_type))
        arguments["image"] = files
    elif extra := entity.option(CONF_EXTRA_BODY):
        arguments["extra_body"] = extra
    refused: set[str] = host.known.setdefault("refused_parameters", set())
    if "gpt-image" not in model and _IN_BASE64 not in refused:
        # Models of OpenAI that know nothing else refuse to be told.
        arguments[_IN_BASE64] = "b64_json"
    try:
        answer = await async_ask(host, method, arguments, seconds)
    except HomeAssistantError as err:
        if _IN_BASE64 not in arguments or not names(err, _IN_BASE64):
            host.record_failure(err, method, model)
            raise
        refused.add(_IN_BASE64)
        del arguments[_IN_BASE64]
        answer = await async_ask(host, method, arguments, seconds)
    host.record_success(answer, method, model)
    items = answer.get("data")
    item: Any = items[0] if isinstance(items, list) and items else None
    if not isinstance(item, dict):
        raise AssistError(NO_IMAGE)
    data = await _async_bytes(entity, item, seconds)
    if (mime_type := detect_image_type(data)) == _DEFAULT and not data.startswith(_PNG):
        raise AssistError("picture_garbled")
    width, height = _size(answer.get("size"))
    revised = item.get("revised_prompt")
    return GenImageTaskResult(
        image_data=data,
        conversation_id=conversation_id,
        mime_type=mime_type,
        width=width,
        height=height,
        model=model,
        revised_prompt=revised if isinstance(revised, str) else None,
    )


async def _async_bytes(entity: LanguageModelEntity, item: Json, seconds: float) -> bytes:
    """Return the bytes of an image that the service has put into its answer, or beside it."""
    encoded, url = item.get("b64_json"), item.get("url")
    if isinstance(encoded, str) and encoded:
        try:
            return await entity.hass.async_add_executor_job(base64.b64decode, encoded)
        except binascii.Error, ValueError:
            raise AssistError("picture_garbled") from None
    settings = entity.host.settings
    session = async_get_clientsession(entity.hass, verify_ssl=settings.verify_ssl)
    timeout = aiohttp.ClientTimeout(total=seconds)
    data = bytearray()
    try:
        # Another server's address could be one in the home that nobody else can reach.
        if not isinstance(url, str) or URL(url).host != URL(settings.base_url).host:
            raise AssistError(NO_IMAGE)
        async with session.get(url, timeout=timeout, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise AssistError(NO_IMAGE)
            async for chunk in response.content.iter_any():
                data += chunk
                if len(data) > _LARGEST:
                    raise ResponseTooLarge(_LARGEST)
    except aiohttp.ClientError, TimeoutError, ValueError:
        raise AssistError(NO_IMAGE) from None
    return bytes(data)


def _size(size: Any) -> tuple[int | None, int | None]:
    """Return width and height in pixels, where the service tells them."""
    width, _, height = size.partition("x") if isinstance(size, str) else ("", "", "")
    if width.isdecimal() and height.isdecimal() and len(size) < 20:
        return int(width), int(height)
    return None, None
