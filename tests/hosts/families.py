"""The calls that are made of each family, and what to show of their answers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.blackbox.home_assistant import png

from .server import Json, Server

QUESTION: Final = "Which light is on?"
SPOKEN: Final = "Turn on the light in the kitchen, please."
"""What is said in the sound that is sent for transcription."""
SCHEMA: Final = {
    "type": "object",
    "properties": {"room": {"enum": ["kitchen", "garden"]}, "on": {"type": "boolean"}},
    "required": ["room", "on"],
    "additionalProperties": False,
}
LONG: Final = "a very long question " * 3000


@dataclass(frozen=True, kw_only=True)
class Check:
    """One call of an action."""

    name: str
    action: str
    data: Json
    show: str = ""
    """The part of the answer to show, keys and numbers between dots."""


def find(answer: Any, path: str) -> Any:
    """Return the part of an answer at a path, None if there is none."""
    for part in path.split(".") if path else ():
        try:
            answer = answer[int(part) if part.isdecimal() else part]
        except KeyError, IndexError, TypeError:
            return None
    return answer


def _function(nested: bool) -> Json:
    """Return a tool, as chat completions have it or as responses do."""
    plain = {"name": "set_light", "description": "Turns a light on.", "parameters": SCHEMA}
    return {"type": "function", "function": plain} if nested else {"type": "function", **plain}


def _models(_server: Server, _files: Path) -> list[Check]:
    """Return the calls of the list of models."""
    return [Check(name="models", action="list_models", data={}, show="data.0.id")]


def _chat(server: Server, files: Path) -> list[Check]:
    """Return the calls of chat completions."""
    ask: Json = {"model": server.model("chat")}
    ask["messages"] = [{"role": "user", "content": QUESTION}]
    ask["max_tokens"] = 200
    form = {"type": "json_schema", "json_schema": {"name": "light", "schema": SCHEMA}}
    tools: Json = {"tools": [_function(True)], "tool_choice": "required"}
    asked = {"role": "assistant", "content": None, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "set_light", "arguments": "{}"}}
    ]}  # fmt: skip
    done = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
    text, call = "choices.0.message.content", "choices.0.message.tool_calls.0.function"

    def check(
        name: str, show: str = text, *, action: str = "create_chat_completion", **data: Any
    ) -> Check:
        """Return one of them."""
        return Check(name=f"chat: {name}", action=action, data={**ask, **data}, show=show)

    return [
        check("plain"),
        check("streamed", stream=True),
        check("streamed, usage left to the default", "usage", stream=True),
        check("tool", call, **tools),
        check("tool, streamed", call, stream=True, **tools),
        check("cut tool", call, **tools, max_tokens=6),
        check("tool answered", messages=[*ask["messages"], asked, done], tools=tools["tools"]),
        check("JSON", "choices.0.message.parsed", action="parse_chat_completion", response_format=form),
        check("developer's words", messages=[{"role": "developer", "content": "Be brief."}, *ask["messages"]]),
        check("picture", attachments=[str(files / "picture.png")]),
        check("cut", "choices.0.finish_reason", max_tokens=2),
        check("too long", messages=[{"role": "user", "content": LONG}]),
        check("too long, streamed", messages=[{"role": "user", "content": LONG}], stream=True),
        check("unknown model", model="no-such-model"),
        check("no messages", messages=[]),
    ]  # fmt: skip


def _responses(server: Server, files: Path) -> list[Check]:
    """Return the calls of responses."""
    ask = {"model": server.model("chat"), "input": QUESTION, "max_output_tokens": 200}
    form = {"format": {"type": "json_schema", "name": "light", "schema": SCHEMA}}
    tools: Json = {"tools": [_function(False)], "tool_choice": "required"}

    def check(
        name: str, show: str = "output_text", *, action: str = "create_model_response", **data: Any
    ) -> Check:
        """Return one of them."""
        return Check(name=f"responses: {name}", action=action, data={**ask, **data}, show=show)

    return [
        check("plain"),
        check("streamed", stream=True),
        check("tool", "output", **tools),
        check("tool, streamed", "output", stream=True, **tools),
        check("cut tool", "output", **tools, max_output_tokens=16),
        check("JSON", "output_parsed", action="parse_model_response", text=form),
        check("JSON, streamed", "output_parsed", action="parse_model_response", text=form, stream=True),
        check("picture", attachments=[str(files / "picture.png")]),
        check("cut", "status", max_output_tokens=16),
        check("web search", tools=[{"type": "web_search"}]),
        check("kept", "status", store=True, background=True),
        check("conversation", conversation="conv_none"),
        check("previous response", previous_response_id="resp_none"),
        check("too long", input=LONG),
        check("too long, streamed", "status", input=LONG, stream=True),
        check("unknown model", model="no-such-model"),
        Check(name="responses: input tokens", action="count_input_tokens", data={k: ask[k] for k in ("model", "input")}, show="input_tokens"),
    ]  # fmt: skip


def _completions(server: Server, _files: Path) -> list[Check]:
    """Return the calls of text completions."""
    data = {"model": server.model("chat"), "prompt": "The light", "max_tokens": 12}
    action = "create_completion"
    return [
        Check(name="completions: plain", action=action, data=data, show="choices.0.text"),
        Check(name="completions: streamed", action=action, data={**data, "stream": True}, show="usage"),
    ]  # fmt: skip


def _embeddings(server: Server, _files: Path) -> list[Check]:
    """Return the calls of embeddings."""
    data = {"model": server.model("embeddings"), "input": "The light in the kitchen"}
    action = "create_embedding"
    return [
        Check(name="embeddings: plain", action=action, data=data, show="usage"),
        Check(name="embeddings: base64", action=action, data={**data, "encoding_format": "base64"}, show="usage"),
        Check(name="embeddings: dimensions", action=action, data={**data, "dimensions": 8}, show="usage"),
        Check(name="embeddings: too long", action=action, data={**data, "input": LONG}, show="usage"),
    ]  # fmt: skip


def _transcription(server: Server, files: Path) -> list[Check]:
    """Return the calls of transcription."""
    data = {"model": server.model("transcription"), "file": str(files / "spoken.wav")}
    names = ("json", "text", "srt", "vtt", "verbose_json")
    action = "create_transcription"
    return [
        *(
            Check(name=f"transcription: {name}", action=action, data={**data, "response_format": name}, show="text")
            for name in names
        ),
        Check(name="transcription: streamed", action=action, data={**data, "stream": True}, show="text"),
        Check(name="transcription: no sound", action=action, data={**data, "file": str(files / "picture.png")}, show="text"),
        Check(name="translation", action="create_translation", data=data, show="text"),
    ]  # fmt: skip


def _speech(server: Server, _files: Path) -> list[Check]:
    """Return the calls of speech."""
    data = {"model": server.model("speech"), "voice": server.voice, "input": SPOKEN}
    action = "create_speech"
    return [
        *(
            Check(name=f"speech: {name}", action=action, data={**data, "response_format": name}, show="media_content_type")
            for name in ("wav", "mp3", "opus", "flac", "pcm")
        ),
        Check(name="speech: no format", action=action, data=data, show="media_content_type"),
        Check(name="speech: as events", action=action, data={**data, "stream_format": "sse"}, show="media_content_type"),
        Check(name="speech: unknown voice", action=action, data={**data, "voice": "nobody"}, show="media_content_type"),
    ]  # fmt: skip


def _images(server: Server, _files: Path) -> list[Check]:
    """Return the calls of pictures."""
    data = {"model": server.model("images"), "prompt": "A house"}
    return [
        Check(name="images", action="create_image", data=data, show="media.0.media_content_type")
    ]


def _missing(server: Server, _files: Path) -> list[Check]:
    """Return calls of what few servers have."""
    return [
        Check(name="missing: vector stores", action="list_vector_stores", data={}),
        Check(name="missing: model", action="retrieve_model", data={"model": server.model("chat")}, show="id"),
        Check(name="missing: response", action="get_model_response", data={"response_id": "resp_none"}),
        Check(name="missing: deletion", action="delete_model_response", data={"response_id": "resp_none"}),
        Check(name="missing: moderation", action="create_moderation", data={"input": "Hello"}),
    ]  # fmt: skip


FAMILIES: Final[dict[str, Callable[[Server, Path], list[Check]]]] = {
    "models": _models,
    "chat": _chat,
    "responses": _responses,
    "completions": _completions,
    "embeddings": _embeddings,
    "transcription": _transcription,
    "speech": _speech,
    "images": _images,
    "missing": _missing,
}
SOCKETS: Final = {
    "responses_socket": ("manage_model_response_websocket", {"action": "connect"}),
    "realtime_socket": ("connect_realtime_websocket", {}),
}
"""The actions that open a WebSocket; every server is asked for one."""


def write_files(folder: Path) -> None:
    """Write what is sent."""
    (folder / "picture.png").write_bytes(png(16, 16))
