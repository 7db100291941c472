"""The Responses WebSocket: one response after the other on a lasting connection."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.standin.records import Garbled, SocketSession
from tests.standin.routing import Call, SocketRoute
from tests.standin.wire import ApiError, Json, invalid, new_id

from .responses import RESPONSES, input_items, respond
from .responses_events import events


class Conversation:
    """What one connection is busy with and remembers."""

    def __init__(self, call: Call, session: SocketSession) -> None:
        """Start with nothing to do."""
        self._call = call
        self._session = session
        self._waiting: asyncio.Queue[Json] = asyncio.Queue()
        self._remembered: dict[str, Json] = {}
        self._active: Json | None = None
        self._steered: list[Json] = []
        self._sequence = 0

    async def take(self, frame: Any) -> None:
        """Deal with a client frame."""
        kind = None if isinstance(frame, Garbled) else frame.get("type")
        if kind == "response.create":
            self._waiting.put_nowait(frame)
        elif kind == "response.steer":
            await self._steer(frame)
        elif kind is None:
            await self._refuse(invalid("Expected a JSON object with a type.", "type"))
        else:
            message = f"Invalid value: '{kind}'."
            await self._refuse(invalid(message, "type", "invalid_value"))

    async def work(self) -> None:
        """Answer requests one at a time, in the order they came."""
        while True:
            frame = await self._waiting.get()
            try:
                await self._respond(frame)
            except ApiError as err:
                await self._refuse(err)

    async def _respond(self, frame: Json) -> None:
        """Answer one request, and what steered it meanwhile."""
        body = {key: value for key, value in frame.items() if key != "type"}
        final = respond(self._call, body, self._remembered)
        lane = {"stream_id": body["stream_id"]} if "stream_id" in body else {}
        self._active = final
        for event in events(final):
            self._sequence = event["sequence_number"] + 1
            await self._session.send({**event, **lane})
            await self._call.standin.pause()
        self._active = None
        self._remembered[final["id"]] = final
        if final["store"]:
            self._call.collection(RESPONSES).add(final)
        if self._steered:
            steered, self._steered = self._steered, []
            await self._respond({**body, "input": steered, "previous_response_id": final["id"]})

    async def _steer(self, frame: Json) -> None:
        """Queue input that continues the response in flight."""
        target = frame.get("previous_response_id")
        error = None
        try:
            items = input_items(frame)
        except ApiError as err:
            items, error = [], ("invalid_input", str(err))
        if error is None and not items:
            error = ("invalid_input", "The input is empty.")
        elif error is None and (self._active or {}).get("id") != target:
            done = target in self._remembered
            error = (
                "response_already_completed" if done else "response_not_found",
                "The response is not active on this connection.",
            )
        self._sequence += 1
        event: Json = {"sequence_number": self._sequence}
        if error is None:
            self._steered += items
            steer = {"id": new_id("steer_"), "previous_response_id": target}
            event |= {"type": "response.steer.accepted", "steer": steer}
        else:
            event |= {
                "type": "response.steer.failed",
                "steer": {"previous_response_id": target, "input": frame.get("input")},
                "error": {
                    "type": "invalid_request_error",
                    "code": error[0],
                    "message": error[1],
                },
            }
        await self._session.send(event)

    async def _refuse(self, err: ApiError) -> None:
        """Send an error event; the connection stays open."""
        await self._session.send(
            {
                "type": "error",
                "status": err.status,
                "error": err.error,
            }
        )


async def converse(call: Call, session: SocketSession) -> None:
    """Serve one connection until it ends."""
    conversation = Conversation(call, session)
    worker = asyncio.create_task(conversation.work())
    try:
        async for frame in session.frames():
            await conversation.take(frame)
    finally:
        worker.cancel()


SOCKETS = (SocketRoute("/responses", converse),)
