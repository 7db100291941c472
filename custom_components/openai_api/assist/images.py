"""Generates the image of an AI task."""

import base64
import binascii
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from homeassistant.components.ai_task import GenImageTask, GenImageTaskResult
from homeassistant.components.conversation import Attachment, UserContent
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from yarl import URL

from ..exceptions import ResponseTooLarge
from ..media.images import IMAGE_TYPES, detect_image_type
from ..types import Json
from .chat_log import Attachments
from .const import CONF_EXTRA_BODY, CONF_IMAGE_MODEL, CONF_PATIENCE
from .errors import (
    ATTACHMENT_UNSUPPORTED,
    REJECTED_STATUSES,
    AssistError,
    is_api_unsupported,
    is_model_unknown,
    mentions_parameter,
)
from .http import async_request
from .llm_entity import LanguageModelEntity
from .request_builder import CHAT, METHODS, sdk_arguments
from .turns import Turn

NO_IMAGE: Final = "assist_no_image"
_LARGEST: Final = 32 * 1024**2
_IN_BASE64: Final = "response_format"
_BY_CHAT: Final = "images_by_chat"
"""Key of `ServiceHost.known`: by method and model, the modalities of the chat that makes images."""
_MODALITIES: Final = "modalities"
_STATUSES: Final = REJECTED_STATUSES | {HTTPStatus.NOT_FOUND}
_DATA_IMAGE: Final = "data:image/"
_DEFAULT: Final = "image/png"
"""What `detect_image_type` returns for bytes that it does not know."""
_PNG: Final = b"\x89PNG"


async def async_generate(
    entity: LanguageModelEntity, task: GenImageTask, turn: Turn, conversation_id: str
) -> GenImageTaskResult:
    """Return the image that the service generates; with attachments, an edit of these images.

    Where the service has no path for images, or the model is none of it, chat completions are
    asked. Raises AssistError "assist_attachment_unsupported" for a file that is no image,
    "assist_no_image" and "picture_garbled" for an answer without a usable one, ResponseTooLarge
    beyond 32 MiB, and what `http.async_request` raises.
    """
    host, model = entity.host, str(entity.options[CONF_IMAGE_MODEL])
    seconds = float(entity.option(CONF_PATIENCE))
    for attachment in task.attachments or ():
        mime_type = _mime_type(attachment)
        if mime_type not in IMAGE_TYPES and mime_type != "image/jpg":
            raise AssistError(ATTACHMENT_UNSUPPORTED, message=attachment.mime_type)
    method = "images.edit" if task.attachments else "images.generate"
    by_chat: dict[tuple[str, str], list[str]] = host.known.setdefault(_BY_CHAT, {})
    turn.data["transport"] = "images"
    answer: Json | None = None
    refusal: HomeAssistantError | None = None
    if (method, model) not in by_chat:
        try:
            answer = await _async_by_images(entity, task, method, model, seconds)
        except HomeAssistantError as err:
            if not (is_api_unsupported(err) or is_model_unknown(err)):
                host.record_failure(err, method, model)
                raise
            refusal = err
    if answer is None:
        turn.data["transport"] = CHAT
        answer = await _async_by_chat(entity, task, (method, model), seconds, refusal)
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


def _mime_type(attachment: Attachment) -> str:
    """Return the MIME type of a file, without its parameters."""
    return attachment.mime_type.partition(";")[0].strip().lower()


async def _async_by_images(
    entity: LanguageModelEntity, task: GenImageTask, method: str, model: str, seconds: float
) -> Json:
    """Return what the path for images answers: `{"data": [{"b64_json" | "url": …}], …}`."""
    host = entity.host
    request: Json = {"model": model, "prompt": task.instructions}
    if task.attachments:
        files = []
        for attachment in task.attachments:
            data = await entity.hass.async_add_executor_job(attachment.path.read_bytes)
            files.append((attachment.path.name, data, _mime_type(attachment)))
        request["image"] = files
    elif extra := entity.option(CONF_EXTRA_BODY):
        request["extra_body"] = extra
    refused: set[str] = host.known.setdefault("refused_parameters", set())
    if "gpt-image" not in model and _IN_BASE64 not in refused:
        # Models of OpenAI that know nothing else refuse to be told.
        request[_IN_BASE64] = "b64_json"
    try:
        return await async_request(host, method, request, seconds)
    except HomeAssistantError as err:
        if _IN_BASE64 not in request or not mentions_parameter(err, _IN_BASE64):
            raise
        refused.add(_IN_BASE64)
        del request[_IN_BASE64]
        return await async_request(host, method, request, seconds)


async def _async_by_chat(
    entity: LanguageModelEntity,
    task: GenImageTask,
    key: tuple[str, str],
    seconds: float,
    refusal: HomeAssistantError | None,
) -> Json:
    """Return what chat completions answer, in the form of the path for images.

    Models of OpenRouter, Vercel and LiteLLM are asked so
    (https://openrouter.ai/docs/features/multimodal/image-generation). `refusal` is what the path
    for images has said: it is raised where chat completions do not know the model, either.
    """
    host, model = entity.host, key[1]
    by_chat: dict[tuple[str, str], list[str]] = host.known[_BY_CHAT]
    content = UserContent(task.instructions, attachments=task.attachments)
    attachments = Attachments(entity.hass)
    await attachments.async_read([content])
    body: Json = {
        "model": model,
        "messages": [{"role": "user", "content": attachments.content_parts(content, is_chat=True)}],
        _MODALITIES: by_chat.get(key, ["image", "text"]),
        **(entity.option(CONF_EXTRA_BODY) or {}),
    }
    while True:
        try:
            answer = await async_request(host, METHODS[CHAT], sdk_arguments(CHAT, body), seconds)
            break
        except HomeAssistantError as err:
            if body[_MODALITIES] == ["image", "text"] and mentions_parameter(
                err, _MODALITIES, _STATUSES
            ):
                # The model makes images alone.
                body[_MODALITIES] = ["image"]
                continue
            is_known = not is_api_unsupported(err) and not is_model_unknown(err)
            if refusal is not None and (not is_known or is_model_unknown(refusal)):
                err = refusal
            host.record_failure(err, METHODS[CHAT], model)
            raise err from None
    url = _url_in(answer)
    if url is not None:
        by_chat[key] = body[_MODALITIES]
    return {**answer, "data": [] if url is None else [{"url": url}]}


def _url_in(completion: Json) -> str | None:
    """Return the address of the first image in a chat completion, None if there is none."""
    choices = completion.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return None
    content = message.get("content")
    for parts in (message.get("images"), content):
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                image = part.get("image_url") or part.get("imageUrl")
                url = image.get("url") if isinstance(image, dict) else image
                if isinstance(url, str) and url:
                    return url
    if isinstance(content, str) and (start := content.find(_DATA_IMAGE)) >= 0:
        # Some write it in markdown.
        return content[start:].partition(")")[0].split(maxsplit=1)[0]
    return None


async def _async_bytes(entity: LanguageModelEntity, item: Json, seconds: float) -> bytes:
    """Return the bytes of an image that the service has put into its answer, or beside it."""
    encoded, url = item.get("b64_json"), item.get("url")
    if isinstance(url, str) and url.startswith("data:"):
        head, _, encoded = url.partition(",")
        if not head.endswith(";base64") or not encoded:
            raise AssistError("picture_garbled")
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
