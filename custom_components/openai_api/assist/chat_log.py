"""Converts a chat log into the input of Responses or the messages of chat completions."""

import base64
from collections.abc import Callable, Collection, Iterable
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
_MAX_ATTACHMENT_BYTES: Final = 32 * 1024**2
"""Bytes of one attachment."""
_MAX_RESULT_CHARACTERS: Final = 256 * 1024
"""Characters of a tool result; the rest is cut off."""
_ERROR_PREFIX: Final = "Error: "
"""How Home Assistant 2026.11 begins what it puts into the log for a failed turn."""
_NO_RESPONSE: Final = "(no response)"
CHAT_NATIVE: Final = "chat_completion"
"""The type of the `native` data of a chat completion, which is sent back to the service.

`{"calls": {call_id: extra_content}, "reasoning_details": […]}`: Gemini refuses a call without its
signature.
"""
MESSAGE_NATIVE: Final = "message"
"""The type of the `native` data of a Responses message: `{"phase": "commentary" | "final_answer"}`.

Models that send the phase answer worse where it is not sent back.
"""
REASONING: Final = "reasoning_content"
NO_SYSTEM_ROLE: Final = "no_system_role"
USER_FIRST: Final = "user_first"
SHORT_IDS: Final = "short_ids"
NULL_TEXT: Final = "null_text"
_SHORT_ID: Final = 9
"""Letters and digits."""


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
                        self._urls[attachment.path] = await self._async_data_url(attachment)

    async def _async_data_url(self, attachment: Attachment) -> tuple[str, str]:
        """Return the MIME type of a file and its data URL."""
        declared_type = attachment.mime_type.partition(";")[0].strip().lower()
        file = await self._hass.async_add_executor_job(_read_base64, attachment.path)
        if file is None:
            raise AssistError(ATTACHMENT_UNSUPPORTED, message=attachment.path.name)
        mime_type = file[0] or _IMAGES.get(declared_type, declared_type)
        if mime_type != _PDF and mime_type not in _IMAGES:
            raise AssistError(ATTACHMENT_UNSUPPORTED, message=mime_type or attachment.path.name)
        return mime_type, f"data:{mime_type};base64,{file[1]}"

    def content_parts(self, content: UserContent, *, is_chat: bool) -> str | list[Json]:
        """Return the `content` of a user's message: its text, or a list where files are attached.

        The list is `[{"type": "input_text", …}, {"type": "input_image" | "input_file", …}]`, with
        `is_chat` `[{"type": "text", …}, {"type": "image_url" | "file", …}]`. The files must have
        been read with `async_read`.
        """
        if not content.attachments:
            return valid_text(content.content)
        text_type = "text" if is_chat else "input_text"
        parts: list[Json] = [{"type": text_type, "text": valid_text(content.content)}]
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


def _read_base64(path: Path) -> tuple[str | None, str] | None:
    """Return the MIME type of a file by its first bytes, if known, and its base64; blocks.

    Cameras and integrations do not always know what their images are, and services refuse one
    that is not what it is called. None where it cannot be read or is too large.
    """
    try:
        if path.stat().st_size > _MAX_ATTACHMENT_BYTES:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    kind = _PDF if data.startswith(b"%PDF-") else detect_media_type(data[:HEAD_BYTES])
    return kind, base64.b64encode(data).decode()


def system_prompt(chat_log: ChatLog) -> str:
    """Return the instructions for the model, "" if there are none."""
    first = chat_log.content[0]
    return valid_text(first.content) if isinstance(first, SystemContent) else ""


def valid_text(text: str) -> str:
    """Return a text without control characters and lone surrogates."""
    if text.isprintable():
        return text
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return without_controls(text)


def function_calls(content: AssistantContent) -> list[Any]:
    """Return the tool calls of an answer, without those of the service to its own tools."""
    return [
        call
        for call in content.tool_calls or ()
        if not call.external or not call.id.startswith(_SERVER_TOOL_PREFIX)
    ]


_SERVER_TOOL_PREFIX: Final = "service:"


def server_tool_call_id(identifier: object) -> str:
    """Return the id of a server tool call in the chat log."""
    return f"{_SERVER_TOOL_PREFIX}{identifier}"


def _is_before_server_tool_call(content: AssistantContent) -> bool:
    """Return whether reasoning led to nothing but server tool calls.

    These are not sent, and OpenAI refuses reasoning without the item after it.
    """
    return bool(content.tool_calls) and not function_calls(content) and not content.content


def is_empty(text: str | None) -> bool:
    """Return whether a text of the assistant is empty, or only says that a turn failed."""
    return not text or not text.strip() or text == _NO_RESPONSE or text.startswith(_ERROR_PREFIX)


def result_text(content: ToolResultContent) -> str:
    """Return the result of a tool as text for the model."""
    result = {"data": content.result.data, "error": content.result.error}
    try:
        text = json_dumps(result)
    except TypeError, ValueError:
        # Integers of more than 64 bits, lone surrogates, keys that are no strings.
        text = json.dumps(result, default=str, skipkeys=True)
    if (size := len(text)) > _MAX_RESULT_CHARACTERS:
        text = f"{text[:_MAX_RESULT_CHARACTERS]}… (cut off: the whole result has {size} characters)"
    return text


def input_items(
    contents: Collection[Content], attachments: Attachments, functions: FunctionTools
) -> list[Json]:
    """Return the items of a Responses `input`; calls have the names of the functions.

    Each is a `{"type": "message" | "function_call" | "function_call_output" | "reasoning", …}`
    (https://platform.openai.com/docs/api-reference/responses/create).
    """
    items: list[Json] = []
    answered = _answered_calls(contents)
    last_question = 0
    for item in contents:
        if isinstance(item, UserContent):
            last_question = len(items)
            content = attachments.content_parts(item, is_chat=False)
            items.append({"type": "message", "role": "user", "content": content})
        elif isinstance(item, ToolResultContent):
            call_id, output = item.tool_call_id, result_text(item)
            items.append({"type": "function_call_output", "call_id": call_id, "output": output})
        elif isinstance(item, AssistantContent):
            items += _output_items(item, answered, functions)
    # Reasoning of earlier turns, maybe of another model, is of no use.
    return [
        item
        for index, item in enumerate(items)
        if index > last_question or item["type"] != "reasoning"
    ]


def _answered_calls(contents: Iterable[Content]) -> set[str]:
    """Return the ids of the tool calls that have a result."""
    return {item.tool_call_id for item in contents if isinstance(item, ToolResultContent)}


def _output_items(
    content: AssistantContent, answered: set[str], functions: FunctionTools
) -> list[Json]:
    """Return the items of an answer: reasoning, text and the function calls with a result."""
    items: list[Json] = []
    native = content.native if isinstance(content.native, dict) else {}
    if native.get("type") == "reasoning" and not _is_before_server_tool_call(content):
        items.append(native)
    if content.content and not is_empty(content.content):
        message: Json = {"type": "message", "role": "assistant", "content": content.content}
        # The agent of another integration may have stored something else.
        if native.get("type") == MESSAGE_NATIVE and "phase" in native:
            message["phase"] = native["phase"]
        items.append(message)
    items += [
        {
            "type": "function_call",
            "call_id": call.id,
            "name": functions.function_name(call.tool_name),
            "arguments": json_dumps(call.tool_args),
        }
        for call in function_calls(content)
        if call.id in answered
    ]
    return items


def chat_messages(
    system: str,
    contents: Collection[Content],
    attachments: Attachments,
    functions: FunctionTools,
    *,
    requirements: Collection[str] = (),
) -> list[Json]:
    """Return the `messages` of a chat completion; calls have the names of the functions.

    Each is a `{"role": "system" | "user" | "assistant" | "tool", "content": …}`
    (https://platform.openai.com/docs/api-reference/chat/create). `requirements` of the model are
    `REASONING` (assistant messages with their reasoning), `NO_SYSTEM_ROLE` (instructions in the
    first user message), `SHORT_IDS` (call ids of nine letters and digits) and `NULL_TEXT` (null
    instead of an empty text beside calls, which others reject).
    """
    result: list[Json] = [{"role": "system", "content": system}] if system.strip() else []
    to_call_id = _short_id if SHORT_IDS in requirements else str
    answered = _answered_calls(contents)
    for item in contents:
        if isinstance(item, UserContent):
            content = attachments.content_parts(item, is_chat=True)
            result.append({"role": "user", "content": content})
        elif isinstance(item, ToolResultContent):
            call_id, text = to_call_id(item.tool_call_id), result_text(item)
            result.append({"role": "tool", "tool_call_id": call_id, "content": text})
        elif isinstance(item, AssistantContent):
            message = _assistant_message(item, answered, functions, to_call_id)
            if message is None:
                continue
            if REASONING in requirements:
                # Neither nothing nor an empty text is taken.
                message[REASONING] = item.thinking_content or " "
            if NULL_TEXT in requirements:
                message["content"] = message["content"] or None
            last = result[-1] if result else {}
            if last.get("role") == "assistant" and "tool_calls" not in last:
                # Templates of many models refuse two in a row.
                text = f"{last['content']}\n\n{message['content'] or ''}".strip()
                message = result.pop() | message | {"content": text}
            result.append(message)
    return _system_prompt_in_first_message(result) if NO_SYSTEM_ROLE in requirements else result


def _assistant_message(
    content: AssistantContent,
    answered: set[str],
    functions: FunctionTools,
    to_call_id: Callable[[str], str],
) -> Json | None:
    """Return the message of an answer, None without text and function calls with a result."""
    native = content.native if isinstance(content.native, dict) else {}
    if native.get("type") != CHAT_NATIVE:
        native = {}
    extras = native.get("calls", {})
    calls = [
        {
            "id": to_call_id(call.id),
            "type": "function",
            "function": {
                "name": functions.function_name(call.tool_name),
                "arguments": json_dumps(call.tool_args),
            },
            **({"extra_content": extras[call.id]} if call.id in extras else {}),
        }
        for call in function_calls(content)
        if call.id in answered
    ]
    text = "" if is_empty(content.content) else content.content
    if not text and not calls:
        return None
    message: Json = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = calls
    if details := native.get("reasoning_details"):
        message["reasoning_details"] = details
    return message


def _short_id(call_id: str) -> str:
    """Return a call id in the form of Mistral, the same one for the same call."""
    is_short = len(call_id) == _SHORT_ID and call_id.isalnum() and call_id.isascii()
    return call_id if is_short else sha256(call_id.encode()).hexdigest()[:_SHORT_ID]


def _system_prompt_in_first_message(result: list[Json]) -> list[Json]:
    """Return messages with the instructions at the beginning of the first user message."""
    first = next((item for item in result if item["role"] == "user"), None)
    if first is None or result[0]["role"] != "system":
        return result
    system, content = result[0]["content"], first["content"]
    merged: Any = f"{system}\n\n{content}"
    if isinstance(content, list):
        merged = [{"type": "text", "text": system}, *content]
    return [{**item, "content": merged} if item is first else item for item in result[1:]]


def end_with_assistant(chat_log: ChatLog, agent_id: str) -> None:
    """End the chat log with an empty answer where the model had nothing to say after its tools."""
    if not isinstance(chat_log.content[-1], AssistantContent):
        chat_log.async_add_assistant_content_without_tools(
            AssistantContent(agent_id=agent_id, content="")
        )
