"""A realtime conversation: every client event and what the server does about it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

from tests.standin import media
from tests.standin.records import Garbled, SocketSession
from tests.standin.routing import Call, check, need
from tests.standin.wire import ApiError, Json, invalid, new_id

from . import realtime_speech as speech
from .realtime_session import heard, new_item, update


class Conversation:
    """The server's side of one realtime connection."""

    def __init__(self, call: Call, socket: SocketSession, session: Json) -> None:
        """Start with a session and nothing said."""
        self.session = session
        self._call = call
        self._socket = socket
        self._id = new_id("conv_")
        self._items: dict[str, Json] = {}
        self._buffer = bytearray()
        self._active: Json | None = None
        self._cancelled = False
        self._task: asyncio.Task[None] | None = None

    async def take(self, frame: Any) -> None:
        """Deal with a client frame."""
        event_id = None
        try:
            if isinstance(frame, Garbled):
                raise invalid("Failed to parse the event as a JSON object.", None, "invalid_json")
            event_id = frame.get("event_id")
            kind = need(frame, "type", str)
            if (handler := HANDLERS.get(kind)) is None:
                raise invalid(f"Invalid value: '{kind}'.", "type", "invalid_value")
            await handler(self, frame)
        except ApiError as err:
            await self.emit("error", error={**err.error, "event_id": event_id})

    async def emit(self, kind: str, **fields: Any) -> None:
        """Send a server event."""
        await self._socket.send({"type": kind, "event_id": new_id("event_"), **fields})

    def stop(self) -> None:
        """Stop speaking for good."""
        if self._task is not None:
            self._task.cancel()

    async def update_session(self, frame: Json) -> None:
        """Change the configuration."""
        update(self.session, need(frame, "session", dict))
        await self.emit("session.updated", session=self.session)

    async def create_item(self, frame: Json) -> None:
        """Put a client's item into the conversation."""
        item = new_item(frame.get("item"))
        if item["id"] in self._items:
            raise invalid(f"The item '{item['id']}' already exists.", "item.id", "item_exists")
        await self._add(item, check(frame, "previous_item_id", str))

    async def retrieve_item(self, frame: Json) -> None:
        """Show an item."""
        item = self._find(frame, "item_retrieve_invalid_item_id")
        await self.emit("conversation.item.retrieved", item=item)

    async def truncate_item(self, frame: Json) -> None:
        """Cut an answer where the user stopped listening."""
        item = self._find(frame, "item_truncate_invalid_item_id")
        index = need(frame, "content_index", int)
        end = need(frame, "audio_end_ms", int)
        parts = item.get("content", [])
        spoken = item.get("role") == "assistant" and 0 <= index < len(parts)
        if not spoken or parts[index]["type"] != "output_audio":
            raise invalid("Only model output audio can be truncated.", "item_id")
        length = media.spoken_seconds(parts[index]["transcript"]) * 1000
        if end > length:
            raise invalid(
                f"Audio content of {length:.0f}ms is already shorter than {end}ms",
                "audio_end_ms",
                "invalid_value",
            )
        # The API deletes the transcript, since nobody knows which words were heard.
        parts[index] = {"type": "output_audio", "transcript": ""}
        await self.emit(
            "conversation.item.truncated",
            item_id=item["id"],
            content_index=index,
            audio_end_ms=end,
        )

    async def delete_item(self, frame: Json) -> None:
        """Take an item out of the conversation."""
        item = self._find(frame, "item_delete_invalid_item_id")
        del self._items[item["id"]]
        await self.emit("conversation.item.deleted", item_id=item["id"])

    async def append_audio(self, frame: Json) -> None:
        """Listen; this event has no answer."""
        try:
            self._buffer += base64.b64decode(need(frame, "audio", str), validate=True)
        except binascii.Error:
            raise invalid(
                "Invalid 'audio'. Expected base64-encoded audio bytes.", "audio", "invalid_value"
            ) from None

    async def clear_audio(self, frame: Json) -> None:
        """Forget what was heard and not committed."""
        self._buffer.clear()
        await self.emit("input_audio_buffer.cleared")

    async def commit_audio(self, frame: Json) -> None:
        """Turn what was heard into an item and write it down."""
        if not self._buffer:
            raise ApiError(
                400,
                "Error committing input audio buffer: the buffer is empty.",
                code="input_audio_buffer_commit_empty",
            )
        settings = self.session["audio"]["input"]
        audio_format = settings["format"]
        seconds = media.audio_seconds(
            len(self._buffer), audio_format["type"], audio_format.get("rate", media.PCM_RATE)
        )
        self._buffer.clear()
        transcript = f"{seconds:.2f} seconds of audio"
        part: Json = {"type": "input_audio", "transcript": None}
        item = new_item({"type": "message", "role": "user", "content": [part]})
        previous = next(reversed(self._items), None)
        await self.emit(
            "input_audio_buffer.committed", item_id=item["id"], previous_item_id=previous
        )
        await self._add(item, None)
        if settings["transcription"] is None:
            return
        part["transcript"] = transcript
        place = {"item_id": item["id"], "content_index": 0}
        kind = "conversation.item.input_audio_transcription"
        await self.emit(f"{kind}.delta", **place, delta=transcript)
        await self.emit(
            f"{kind}.completed",
            **place,
            transcript=transcript,
            usage={"type": "duration", "seconds": round(seconds, 2)},
        )

    async def create_response(self, frame: Json) -> None:
        """Begin to answer."""
        if self._active is not None:
            raise ApiError(
                400,
                "Conversation already has an active response in progress: "
                f"{self._active['id']}. Wait until the response is finished.",
                code="conversation_already_has_active_response",
            )
        asked = check(frame, "response", dict) or {}
        apart = asked.get("conversation") == "none"
        response = speech.new_response(self.session, asked, None if apart else self._id)
        context = list(self._items.values())
        if asked.get("input") is not None:
            context = [self._referenced(item) for item in need(asked, "input", list)]
        self._active, self._cancelled = response, False
        self._task = asyncio.create_task(self._speak(response, asked, context))

    async def cancel_response(self, frame: Json) -> None:
        """Stop answering."""
        wanted = check(frame, "response_id", str)
        active = self._active
        if active is None or wanted not in (None, active["id"]):
            raise ApiError(
                400,
                "Cancellation failed: no active response found",
                code="response_cancel_not_active",
            )
        self._cancelled = True

    async def clear_output(self, frame: Json) -> None:
        """Confirm that nothing more is to be played."""
        await self.emit(
            "output_audio_buffer.cleared", response_id=(self._active or {}).get("id", "")
        )

    def _referenced(self, given: Any) -> Json:
        """Return an item of a response's own input, which may point to another."""
        if isinstance(given, dict) and given.get("type") == "item_reference":
            return self._find({"item_id": given.get("id")}, "invalid_item_reference")
        return new_item(given)

    def _find(self, frame: Json, code: str) -> Json:
        """Return the item that an event names."""
        identifier = need(frame, "item_id", str)
        if identifier not in self._items:
            raise invalid(f"Item with item_id not found: {identifier}", "item_id", code)
        return self._items[identifier]

    async def _add(self, item: Json, previous: str | None, *, done: bool = True) -> None:
        """Put an item behind another one, by default the last."""
        ids = list(self._items)
        if previous is None:
            previous = ids[-1] if ids else None
        elif previous != "root" and previous not in self._items:
            raise invalid(
                f"Previous item with id '{previous}' not found.",
                "previous_item_id",
                "previous_item_not_found",
            )
        position = ids.index(previous) + 1 if previous in self._items else 0
        ordered = list(self._items.items())
        ordered.insert(position, (item["id"], item))
        self._items = dict(ordered)
        place = {"previous_item_id": previous if position else None, "item": item}
        await self.emit("conversation.item.added", **place)
        if done:
            await self.emit("conversation.item.done", **place)

    async def _speak(self, response: Json, asked: Json, context: list[Json]) -> None:
        """Answer, until done or cancelled."""
        await self.emit("response.created", response=dict(response))
        settings = {**self.session, **asked, "output_modalities": response["output_modalities"]}
        last = context[-1] if context else {"type": "message"}
        prompt = heard(last)
        may_call = not last["type"].endswith("_output")
        for index, item in enumerate(speech.new_items(settings, prompt, may_call=may_call)):
            if self._cancelled:
                break
            response["output"].append(item)
            await self._deliver(response, index, item)
        response["status"] = "completed"
        if self._cancelled:
            response["status"] = "cancelled"
            response["status_details"] = {"type": "cancelled", "reason": "client_cancelled"}
        response["usage"] = speech.usage(prompt, response["output"])
        # Free for the next response before the client can know of it.
        self._active = None
        await self.emit("response.done", response=response)
        await self.emit("rate_limits.updated", rate_limits=RATE_LIMITS)

    async def _deliver(self, response: Json, index: int, item: Json) -> None:
        """Send one item piece by piece."""
        of_response = {"response_id": response["id"], "output_index": index}
        start = speech.begun(item)
        await self.emit("response.output_item.added", **of_response, item=start)
        kept = response["conversation_id"] is not None
        previous = next(reversed(self._items), None)
        if kept:
            await self._add(start, None, done=False)
        place = {**of_response, "item_id": item["id"]}
        for event in speech.item_events(place, item, response["audio"]["output"]["format"]):
            await self.emit(event.pop("type"), **event)
            await self._call.standin.pause()
            if self._cancelled:
                item["status"] = "incomplete"
                break
        if kept and item["id"] in self._items:
            self._items[item["id"]] = item
            await self.emit("conversation.item.done", previous_item_id=previous, item=item)
        await self.emit("response.output_item.done", **of_response, item=item)


RATE_LIMITS = [
    {"name": "requests", "limit": 1_000, "remaining": 999, "reset_seconds": 60.0},
    {"name": "tokens", "limit": 50_000, "remaining": 49_950, "reset_seconds": 60.0},
]
HANDLERS: dict[str, Callable[[Conversation, Json], Awaitable[None]]] = {
    "session.update": Conversation.update_session,
    "conversation.item.create": Conversation.create_item,
    "conversation.item.retrieve": Conversation.retrieve_item,
    "conversation.item.truncate": Conversation.truncate_item,
    "conversation.item.delete": Conversation.delete_item,
    "input_audio_buffer.append": Conversation.append_audio,
    "input_audio_buffer.clear": Conversation.clear_audio,
    "input_audio_buffer.commit": Conversation.commit_audio,
    "output_audio_buffer.clear": Conversation.clear_output,
    "response.create": Conversation.create_response,
    "response.cancel": Conversation.cancel_response,
}
