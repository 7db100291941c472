"""Turns a chat log into the input of Responses or the messages of chat completions."""

import base64
from collections.abc import Collection, Iterable
from hashlib import sha256
import json
from pathlib import Path
from typing import Any, Final

from homeassistant.components.conversation import (
    AssistantContent,
    Attachment,
    ChatLog,
    Content,
    SystemContent,
    ToolResultContent,
    UserContent,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import json_dumps

from ..llm_tools import FunctionTools
from ..media.media_types import HEAD_BYTES, detect_media_type
from ..types import Json
from .errors import ATTACHMENT_UNSUPPORTED, AssistError
from .plain_text import without_controls

_IMAGES: Final = {
    "image/jpg": "image/jpeg",
    "image/jpeg": "image/jpeg",
    "image/png": "image/png",
    "image/webp": "image/webp",
    "image/gif": "image/gif",
}
_PDF: Final = "application/pdf"
_LARGEST: Final = 32 * 1024**2
"""Bytes of one attachment."""
_LONGEST_RESULT: Final = 256 * 1024
"""Characters of what a tool has returned: more is no model's to read, in this turn or later."""
_ERROR: Final = "Error: "
"""How Home Assistant 2026.11 begins what it puts into the log for a failed turn."""
_NO_RESPONSE: Final = "(no response)"
CHAT_NATIVE: Final = "chat_completion"
"""The type of what a message of chat completions keeps, for the service wants it back.

`{"calls": {call_id: extra_content}, "reasoning_details": […]}`: Gemini refuses a call without its
signature.
"""
MESSAGE_NATIVE: Final = "message"
"""The type of what a message of Responses keeps: `{"phase": "commentary" | "final_answer"}`.

Models that tell the phase of what they say answer worse where it is not sent back.
"""
REASONING: Final = "reasoning_content"
NO_SYSTEM_ROLE: Final = "no_system_role"
USER_FIRST: Final = "user_first"
SHORT_IDS: Final = "short_ids"
NULL_TEXT: Final = "null_text"
_SHORT_ID: Final = 9
"""Letters and digits."""
TRIGGER_SENTENCE: Final = "trigger_sentence"
"""A tool call that Home Assistant itself puts into the log, marked as external."""


class Attachments:
    """The attachments of a chat log, each read once however often a request is sent."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._urls: dict[Path, tuple[str, str]] = {}

    async def async_read(self, contents: Iterable[Content]) -> None:
        """Read the files of all user contents.

        Raises AssistError "assist_attachment_unsupported" for one that is neither an image nor a
        PDF, cannot be read, or has more than 32 MiB.
        """
        for content in contents:
            if isinstance(content, UserContent):
                for attachment in content.attachments or ():
                    if attachment.path not in self._urls:
                        self._urls[attachment.path] = await self._async_url(attachment)

    async def _async_url(self, attachment: Attachment) -> tuple[str, str]:
        """Return the MIME type of a file and an address that holds all of it."""
        told = attachment.mime_type.partition(";")[0].strip().lower()
        found = await self._hass.async_add_executor_job(_read, attachment.path)
        if found is None:
            raise AssistError(ATTACHMENT_UNSUPPORTED, message=attachment.path.name)
        mime_type = found[0] or _IMAGES.get(told, told)
        if mime_type != _PDF and mime_type not in _IMAGES:
            raise AssistError(ATTACHMENT_UNSUPPORTED, message=mime_type or "?")
        return mime_type, f"data:{mime_type};base64,{found[1]}"

    def parts(self, content: UserContent, *, is_chat: bool) -> str | list[Json]:
        """Return the `content` of a user's message: its text, or a list where files are attached.

        The list is `[{"type": "input_text", …}, {"type": "input_image" | "input_file", …}]`, with
        `is_chat` `[{"type": "text", …}, {"type": "image_url" | "file", …}]`. The files must have
        been read with `async_read`.
        """
        if not content.attachments:
            return sendable(content.content)
        text_type = "text" if is_chat else "input_text"
        parts: list[Json] = [{"type": text_type, "text": sendable(content.content)}]
        for attachment in content.attachments:
            mime_type, url = self._urls[attachment.path]
            if mime_type == _PDF:
                file = {"filename": attachment.path.name, "file_data": url}
                parts.append(
                    {"type": "file", "file": file} if is_chat else {"type": "input_file", **file}
                )
            elif is_chat:
                parts.append({"type": "image_url", "image_url": {"url": url}})
            else:
                parts.append({"type": "input_image", "image_url": url, "detail": "auto"})
        return parts


def _read(path: Path) -> tuple[str | None, str] | None:
    """Return what a file is by its first bytes, if they tell, and all of it in base64; blocks.

    Cameras and integrations do not always know what their images are, and services refuse one
    that is not what it is called. None where it cannot be read or is too large.
    """
    try:
        if path.stat().st_size > _LARGEST:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    kind = _PDF if data.startswith(b"%PDF-") else detect_media_type(data[:HEAD_BYTES])
    return kind, base64.b64encode(data).decode()


def system_prompt(chat_log: ChatLog) -> str:
    """Return the instructions for the model, "" if there are none."""
    first = chat_log.content[0]
    return sendable(first.content) if isinstance(first, SystemContent) else ""


def sendable(text: str) -> str:
    """Return a text as it can be sent: no signs that nothing can show, and no halves of signs."""
    if text.isprintable():
        return text
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return without_controls(text)


def calls_of(content: AssistantContent) -> list[Any]:
    """Return the tool calls that the model is reminded of: not those of the service's tools."""
    return [
        call
        for call in content.tool_calls or ()
        if not call.external or call.tool_name == TRIGGER_SENTENCE or not _is_of_service(call.id)
    ]


_SERVICE: Final = "service:"


def service_call_id(identifier: object) -> str:
    """Return the id under which a call of the service's own tool stands in the log."""
    return f"{_SERVICE}{identifier}"


def _is_of_service(call_id: str) -> bool:
    """Tell whether a call was made by the service to a tool of its own."""
    return call_id.startswith(_SERVICE)


def _is_before_service_call(content: AssistantContent) -> bool:
    """Tell whether a thought led to nothing but calls of the service's own tools.

    These are not sent, and OpenAI refuses a thought without what it led to.
    """
    return bool(content.tool_calls) and not calls_of(content) and not content.content


def is_empty(text: str | None) -> bool:
    """Tell whether a text of the assistant says nothing, or only that a turn failed."""
    return not text or not text.strip() or text == _NO_RESPONSE or text.startswith(_ERROR)


def result_text(content: ToolResultContent) -> str:
    """Return what a tool has returned, as the model reads it."""
    result = {"data": content.result.data, "error": content.result.error}
    try:
        text = json_dumps(result)
    except TypeError, ValueError:
        # Integers of more than 64 bits, halves of signs, keys that are no texts.
        text = json.dumps(result, default=str, skipkeys=True)
    if (size := len(text)) > _LONGEST_RESULT:
        text = f"{text[:_LONGEST_RESULT]}… (cut off: the whole result has {size} characters)"
    return text


def input_items(
    contents: Iterable[Content], attachments: Attachments, functions: FunctionTools
) -> list[Json]:
    """Return the items of a Responses `input`; calls have the names of the functions.

    Each is a `{"type": "message" | "function_call" | "function_call_output" | "reasoning", …}`
    (https://platform.openai.com/docs/api-reference/responses/create).
    """
    items: list[Json] = []
    known = {item.tool_call_id for item in contents if isinstance(item, ToolResultContent)}
    last_question = 0
    for item in contents:
        if isinstance(item, UserContent):
            last_question = len(items)
            items.append(
                {
                    "type": "message",
                    "role": "user",
                    "content": attachments.parts(item, is_chat=False),
                }
            )
        elif isinstance(item, ToolResultContent):
            items.append(
                {
                    "type": "function_call_output",
                    "call_id": item.tool_call_id,
                    "output": result_text(item),
                }
            )
        elif isinstance(item, AssistantContent):
            kept = item.native if isinstance(item.native, dict) else {}
            if kept.get("type") == "reasoning" and not _is_before_service_call(item):
                items.append(kept)
            if item.content and not is_empty(item.content):
                # Another integration's agent may have kept something of its own.
                is_ours = kept.get("type") == MESSAGE_NATIVE and "phase" in kept
                phase = {"phase": kept["phase"]} if is_ours else {}
                items.append(
                    {"type": "message", "role": "assistant", "content": item.content, **phase}
                )
            items += [
                {
                    "type": "function_call",
                    "call_id": call.id,
                    "name": functions.function_name(call.tool_name),
                    "arguments": json_dumps(call.tool_args),
                }
                for call in calls_of(item)
                if call.id in known
            ]
    # Thoughts of earlier turns, maybe of another model, are of no use.
    return [
        item
        for index, item in enumerate(items)
        if index > last_question or item["type"] != "reasoning"
    ]


def messages(
    system: str,
    contents: Iterable[Content],
    attachments: Attachments,
    functions: FunctionTools,
    *,
    wants: Collection[str] = (),
) -> list[Json]:
    """Return the `messages` of a chat completion; calls have the names of the functions.

    Each is a `{"role": "system" | "user" | "assistant" | "tool", "content": …}`
    (https://platform.openai.com/docs/api-reference/chat/create). `wants` is what the model is known
    to need: every message of its own with its thoughts (`REASONING`), instructions as a part of
    the first question (`NO_SYSTEM_ROLE`), ids of nine letters and digits (`SHORT_IDS`), null
    instead of an empty text beside calls (`NULL_TEXT`), which others refuse.
    """
    found: list[Json] = [{"role": "system", "content": system}] if system.strip() else []
    id_of = _short_id if SHORT_IDS in wants else str
    no_text = None if NULL_TEXT in wants else ""
    known = {item.tool_call_id for item in contents if isinstance(item, ToolResultContent)}
    for item in contents:
        if isinstance(item, UserContent):
            found.append({"role": "user", "content": attachments.parts(item, is_chat=True)})
        elif isinstance(item, ToolResultContent):
            found.append(
                {
                    "role": "tool",
                    "tool_call_id": id_of(item.tool_call_id),
                    "content": result_text(item),
                }
            )
        elif isinstance(item, AssistantContent):
            kept = item.native if isinstance(item.native, dict) else {}
            if kept.get("type") != CHAT_NATIVE:
                kept = {}
            extras = kept.get("calls", {})
            calls = [
                {
                    "id": id_of(call.id),
                    "type": "function",
                    "function": {
                        "name": functions.function_name(call.tool_name),
                        "arguments": json_dumps(call.tool_args),
                    },
                    **({"extra_content": extras[call.id]} if call.id in extras else {}),
                }
                for call in calls_of(item)
                if call.id in known
            ]
            text = None if is_empty(item.content) else item.content
            if text is None and not calls:
                continue
            message: Json = {"role": "assistant", "content": text or no_text}
            if found and (last := found[-1])["role"] == "assistant" and "tool_calls" not in last:
                # Templates of many models refuse two in a row.
                message = found.pop() | {"content": f"{last['content']}\n\n{text or ''}".strip()}
            if calls:
                message["tool_calls"] = calls
            if details := kept.get("reasoning_details"):
                message["reasoning_details"] = details
            if REASONING in wants:
                # Neither nothing nor an empty text is taken.
                message[REASONING] = item.thinking_content or " "
            found.append(message)
    return _told_by_user(found) if NO_SYSTEM_ROLE in wants else found


def _short_id(call_id: str) -> str:
    """Return an id as Mistral takes it, the same one for the same call."""
    is_short = len(call_id) == _SHORT_ID and call_id.isalnum() and call_id.isascii()
    return call_id if is_short else sha256(call_id.encode()).hexdigest()[:_SHORT_ID]


def _told_by_user(found: list[Json]) -> list[Json]:
    """Return messages whose first question begins with the instructions."""
    first = next((item for item in found if item["role"] == "user"), None)
    if first is None or found[0]["role"] != "system":
        return found
    system, content = found[0]["content"], first["content"]
    told: Any = f"{system}\n\n{content}"
    if isinstance(content, list):
        told = [{"type": "text", "text": system}, *content]
    return [{**item, "content": told} if item is first else item for item in found[1:]]
