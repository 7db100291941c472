"""Runs the tool calls of a model, within limits."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

from homeassistant.core import callback

from .limits import MAX_CONCURRENT_CALLS, MAX_ROUNDS, ToolLimits
from .notices import RealtimeNotice
from .tools import HomeTools, error_output, is_named


class ToolCall(NamedTuple):
    """A function call of the model."""

    call_id: str
    name: str
    """Of the function."""
    arguments: str
    response_id: Any


class Conversation(Protocol):
    """What a tool runner needs of the connection."""

    opened: int
    """How often the connection was opened."""

    @property
    def is_open(self) -> bool:
        """Whether events can be sent."""

    def notify(self, notice: RealtimeNotice, **data: Any) -> None:
        """Fire a notice."""

    def run(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Run a background task."""

    def answer_call(self, call_id: str, output: str, *, respond: bool) -> None:
        """Send the output of a function call."""


class ToolRunner:
    """Runs the tool calls of one connection: a few at a time, some after an approval."""

    def __init__(
        self,
        connection: Conversation,
        tools: HomeTools,
        limits: ToolLimits,
        require_approval: Sequence[str],
    ) -> None:
        """Initialize with the names of tools that wait for approval.

        Raises ServiceValidationError "tool_unknown" for a name that no tool has.
        """
        tools.check_names(require_approval)
        self._connection = connection
        self._tools = tools
        self._limits = limits
        limits.same = tools.call_limit(limits.max_calls)
        self._require_approval = require_approval
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._awaiting_approval: dict[str, ToolCall] = {}

    @callback
    def start(self, call: ToolCall) -> None:
        """Run a call, request its approval, or refuse it; calls of other functions are ignored."""
        if (tool_name := self._tools.functions.tool_name(call.name)) is None:
            return
        if not self._limits.start_call(call.response_id, tool_name, call.arguments):
            self._refuse(call)
        elif is_named(tool_name, self._require_approval):
            self._awaiting_approval[call.call_id] = call
            self._connection.notify(
                RealtimeNotice.TOOL_APPROVAL_REQUEST,
                approval_request_id=call.call_id,
                call_id=call.call_id,
                name=call.name,
                arguments=call.arguments,
                response_id=call.response_id,
            )
        else:
            self._run(call)

    @callback
    def answer_approval(self, request_id: str, *, approve: bool, reason: str | None) -> bool:
        """Run or refuse a call that waits for approval; False if there is none with this id."""
        if (call := self._awaiting_approval.pop(request_id, None)) is None:
            return False
        if approve:
            self._run(call)
        else:
            text = reason or "The use of this tool was not approved."
            self._finish(call, *error_output("NotApproved", text))
        return True

    @callback
    def clear(self) -> None:
        """Drop the calls that wait for approval: the server has dropped them, too."""
        self._awaiting_approval.clear()

    def _refuse(self, call: ToolCall) -> None:
        """Send the model an error, without the response in which it would go on."""
        _, output = error_output(
            "LimitReached", "Too many calls since the user's last message. Ask the user to go on."
        )
        notify_limit(self._connection, self._limits, call.call_id, call.name)
        self._connection.answer_call(call.call_id, output, respond=False)

    def _run(self, call: ToolCall) -> None:
        """Run a call in the background."""
        self._connection.run(self._async_run(call, self._connection.opened), "tool")

    async def _async_run(self, call: ToolCall, opened: int) -> None:
        """Run a call, unless the connection is lost before a slot is free."""
        async with self._slots:
            if self._connection.opened != opened:
                return
            result, output = await self._tools.async_call(call.name, call.arguments)
        self._finish(call, result, output, opened)

    def _finish(self, call: ToolCall, result: Any, output: str, opened: int | None = None) -> None:
        """Fire the result of a call, and send it to the model."""
        self._connection.notify(
            RealtimeNotice.TOOL_RESULT,
            call_id=call.call_id,
            name=call.name,
            arguments=call.arguments,
            result=result,
        )
        # After a reconnect the server does not know the call.
        if opened in (None, self._connection.opened) and self._connection.is_open:
            self._connection.answer_call(call.call_id, output, respond=True)


@callback
def notify_limit(connection: Conversation, limits: ToolLimits, call_id: Any, name: Any) -> None:
    """Fire `tool_limit_reached` for the first call since the last message of the user."""
    if limits.is_reached:
        return
    limits.is_reached = True
    connection.notify(
        RealtimeNotice.TOOL_LIMIT_REACHED,
        call_id=call_id,
        name=name,
        max_calls=limits.max_calls,
        max_rounds=MAX_ROUNDS,
    )
