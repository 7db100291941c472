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
_MAX_IMAGE_BYTES: Final = 32 * 1024**2
_RESPONSE_FORMAT: Final = "response_format"
_CHAT_MODALITIES: Final = "images_by_chat"
"""Key of `ServiceHost.known`: by method and model, the modalities of the chat that makes images."""
_MODALITIES: Final = "modalities"
_MODALITIES_STATUSES: Final = REJECTED_STATUSES | {HTTPStatus.NOT_FOUND}
_DATA_IMAGE: Final = "data:image/"
_DEFAULT_TYPE: Final = "image/png"
"""What `detect_image_type` returns for bytes that it does not know."""
_PNG_SIGNATURE: Final = b"\x89PNG"


async def async_generate(
    entity: LanguageModelEntity, task: GenImageTask, turn: Turn, conversation_id: str
) -> GenImageTaskResult:
    """Return the image that the service generates; with attachments, an edit of these images.

    Where the service has no Images API, or the model is not one of it, chat completions are
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
    chat_modalities: dict[tuple[str, str], list[str]] = host.known.setdefault(_CHAT_MODALITIES, {})
    turn.data["transport"] = "images"
    answer: Json | None = None
    images_error: HomeAssistantError | None = None
    if (method, model) not in chat_modalities:
        try:
            answer = await _async_with_images_api(entity, task, method, model, seconds)
        except HomeAssistantError as err:
            if not (is_api_unsupported(err) or is_model_unknown(err)):
                host.record_failure(err, method, model)
                raise
            images_error = err
    if answer is None:
        turn.data["transport"] = CHAT
        answer = await _async_with_chat(entity, task, (method, model), seconds, images_error)
    host.record_success(answer, method, model)
    items = answer.get("data")
    item: Any = items[0] if isinstance(items, list) and items else None
    if not isinstance(item, dict):
        raise AssistError(NO_IMAGE)
    data = await _async_bytes(entity, item, seconds)
    if (mime_type := detect_image_type(data)) == _DEFAULT_TYPE and not data.startswith(
        _PNG_SIGNATURE
    ):
        raise AssistError("picture_garbled")
    width, height = _parse_size(answer.get("size"))
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


async def _async_with_images_api(
    entity: LanguageModelEntity, task: GenImageTask, method: str, model: str, seconds: float
) -> Json:
    """Return the response of the Images API: `{"data": [{"b64_json" | "url": …}], …}`."""
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
    rejected: set[str] = host.known.setdefault("refused_parameters", set())
    if "gpt-image" not in model and _RESPONSE_FORMAT not in rejected:
        # Models of OpenAI that know nothing else refuse to be told.
        request[_RESPONSE_FORMAT] = "b64_json"
    try:
        return await async_request(host, method, request, seconds)
    except HomeAssistantError as err:
        if _RESPONSE_FORMAT not in request or not mentions_parameter(err, _RESPONSE_FORMAT):
            raise
        rejected.add(_RESPONSE_FORMAT)
        del request[_RESPONSE_FORMAT]
        return await async_request(host, method, request, seconds)


async def _async_with_chat(
    entity: LanguageModelEntity,
    task: GenImageTask,
    key: tuple[str, str],
    seconds: float,
    images_error: HomeAssistantError | None,
) -> Json:
    """Return the image of a chat completion in the form of the Images API.

    Models of OpenRouter, Vercel and LiteLLM are asked so
    (https://openrouter.ai/docs/features/multimodal/image-generation). `images_error` is that of the
    Images API: it is raised where chat completions do not have the model, either.
    """
    host, model = entity.host, key[1]
    chat_modalities: dict[tuple[str, str], list[str]] = host.known[_CHAT_MODALITIES]
    content = UserContent(task.instructions, attachments=task.attachments)
    attachments = Attachments(entity.hass)
    await attachments.async_read([content])
    body: Json = {
        "model": model,
        "messages": [{"role": "user", "content": attachments.content_parts(content, is_chat=True)}],
        _MODALITIES: chat_modalities.get(key, ["image", "text"]),
        **(entity.option(CONF_EXTRA_BODY) or {}),
    }
    while True:
        try:
            answer = await async_request(host, METHODS[CHAT], sdk_arguments(CHAT, body), seconds)
            break
        except HomeAssistantError as err:
            if body[_MODALITIES] == ["image", "text"] and mentions_parameter(
                err, _MODALITIES, _MODALITIES_STATUSES
            ):
                # The model generates images alone.
                body[_MODALITIES] = ["image"]
                continue
            is_known = not is_api_unsupported(err) and not is_model_unknown(err)
            if images_error is not None and (not is_known or is_model_unknown(images_error)):
                err = images_error
            host.record_failure(err, METHODS[CHAT], model)
            raise err from None
    url = _image_url(answer)
    if url is not None:
        chat_modalities[key] = body[_MODALITIES]
    return {**answer, "data": [] if url is None else [{"url": url}]}


def _image_url(completion: Json) -> str | None:
    """Return the URL of the first image in a chat completion, None if there is none."""
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
    """Return the bytes of an image: from base64, a data URL, or a URL of the same host."""
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
        # Any other URL could be that of a device in the home that is not reachable from outside.
        if not isinstance(url, str) or URL(url).host != URL(settings.base_url).host:
            raise AssistError(NO_IMAGE)
        async with session.get(url, timeout=timeout, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise AssistError(NO_IMAGE)
            async for chunk in response.content.iter_any():
                data += chunk
                if len(data) > _MAX_IMAGE_BYTES:
                    raise ResponseTooLarge(_MAX_IMAGE_BYTES)
    except aiohttp.ClientError, TimeoutError, ValueError:
        raise AssistError(NO_IMAGE) from None
    return bytes(data)


def _parse_size(size: Any) -> tuple[int | None, int | None]:
    """Return width and height in pixels, None where the service does not send them."""
    width, _, height = size.partition("x") if isinstance(size, str) else ("", "", "")
    if width.isdecimal() and height.isdecimal() and len(size) < 20:
        return int(width), int(height)
    return None, None
