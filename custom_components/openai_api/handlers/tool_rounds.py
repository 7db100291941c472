"""Model responses with Home Assistant's LLM tools and with kept conversations.

`llm_hass_api` lets the model call the tools with the rights of the user who calls the action;
`conversation_id` names a conversation of `kept_conversations`.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
import json
from typing import Any, Final

from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.json import json_dumps
from homeassistant.util.ulid import ulid_now

from .. import dispatch
from ..action import ActionCall
from ..exceptions import validation_error
from ..llm_tools import LIMIT_REACHED, MAX_CONCURRENT_CALLS
from ..realtime.tools import HomeTools, error_output
from ..statuses import cut_reason
from ..types import Json
from .kept_conversations import kept_conversation, role_of

LLM_HASS_API: Final = "llm_hass_api"
CONVERSATION_ID: Final = "conversation_id"
_OWN_KEYS: Final = frozenset({LLM_HASS_API, CONVERSATION_ID})
_MAX_ROUNDS: Final = 10
_THOUGHT: Final = "reasoning_content"


async def async_answer(request: ActionCall) -> Json:
    """Return the response of a model, after the Home Assistant tools that it has called.

    Returns the API's `response` or `chat.completion`; with `conversation_id`, which may be any
    text, that is added. Raises ServiceValidationError "conversation_kept_twice" or
    "conversation_of_another", and what `HomeTools.async_load` and `dispatch.async_send` raise.
    """
    if request.data.keys().isdisjoint(_OWN_KEYS):
        return await dispatch.async_send(request) or {}
    data = dict(request.data)
    api_ids, conversation_id = data.pop(LLM_HASS_API, None), data.pop(CONVERSATION_ID, None)
    plain = replace(request, data=data)
    if not api_ids and conversation_id is None:
        return await dispatch.async_send(plain) or {}
    tools = await HomeTools.async_load(request.hass, api_ids, request.context) if api_ids else None
    for item in request.action.fields:
        if item.encode is not None and item.key in data:
            await item.encode(plain, data, item.key)
    if conversation_id is None:
        return await _ToolRounds(plain, tools, []).async_run()
    if "conversation" in data or "previous_response_id" in data:
        raise validation_error("conversation_kept_twice")
    name = str(conversation_id) or ulid_now()
    conversation = kept_conversation(request, name)
    async with conversation.lock:
        await conversation.async_check_access(request, name)
        rounds = _ToolRounds(plain, tools, conversation.items)
        answer = await rounds.async_run()
        conversation.add(rounds.items)
    return {**answer, CONVERSATION_ID: name}


class _ToolRounds:
    """The requests of one call: another one after each round of tool calls."""

    def __init__(self, request: ActionCall, tools: HomeTools | None, before: list[Json]) -> None:
        self._request = request
        self._tools = tools
        self._before = before
        self._is_chat = request.operation.method.startswith("chat.")
        self._limit = tools.call_limit() if tools else None
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._thoughts: dict[int, Any] = {}
        """What the model thought before a message of `items`, by the identity of that."""
        self._wants_thoughts = False
        self.items: list[Json] = []
        """The input, the tool calls with their results, and the output."""

    async def async_run(self) -> Json:
        """Return the last response."""
        data = dict(self._request.data)
        key = "messages" if self._is_chat else "input"
        question = data.get(key) or []
        items = [{"role": "user", "content": question}] if isinstance(question, str) else question
        # A server that keeps the conversation gets the new items only.
        is_kept = "conversation" in data
        system = []
        if self._is_chat:
            system = [item for item in items if role_of(item) in {"system", "developer"}]
            items = [item for item in items if role_of(item) not in {"system", "developer"}]
        self.items = list(items)
        self._add_tools(data, system)
        new = self.items
        number = 0
        while True:
            asked = new if is_kept else [*self._before, *self.items]
            data[key] = [*system, *asked]
            if number == _MAX_ROUNDS and self._tools is not None:
                data["tool_choice"] = "none"
            answer = await self._async_ask(data)
            output = self._output_items(answer)
            if _is_cut(answer):
                # Calls that were cut off are not made: the caller is told that the answer was.
                output = [item for item in map(_without_calls, output) if item]
            self.items += output
            calls = [call for item in output for call in _calls(item)]
            known = self._tools.functions.tool_names if self._tools else {}
            if not calls or number == _MAX_ROUNDS or any(call[1] not in known for call in calls):
                # The caller has defined a function, and calls it.
                return answer
            self._request.host.record_success(
                answer, self._request.operation.method, self._request.data.get("model")
            )
            new = await self._async_call(calls)
            self.items += new
            number += 1

    def _add_tools(self, data: Json, system: list[Json]) -> None:
        """Add the tools and the instructions of the LLM APIs."""
        if self._tools is None:
            return
        own = list(data.get("tools") or ())
        offered = [
            {"type": "function", "function": tool_without_type(item)}
            if self._is_chat
            else {**item, "strict": False}
            for item in self._tools.offer(_function_names(own))
        ]
        data["tools"] = [*own, *offered]
        instructions = self._tools.instructions
        if not self._is_chat:
            known = data.get("instructions")
            data["instructions"] = f"{known}\n{instructions}" if known else instructions
        elif system and isinstance(system[0].get("content"), str):
            system[0] = {**system[0], "content": f"{system[0]['content']}\n{instructions}"}
        else:
            system.insert(0, {"role": "system", "content": instructions})

    async def _async_ask(self, data: Json) -> Json:
        """Send one request; with the model's thoughts where it wants to see them again."""
        if self._wants_thoughts:
            data = {**data, "messages": [self._with_thought(item) for item in data["messages"]]}
        try:
            answer = await dispatch.async_send(replace(self._request, data=data))
        except ServiceValidationError as err:
            # Models of DeepSeek and Moonshot do after a tool call.
            if not self._is_chat or self._wants_thoughts or _THOUGHT not in str(err):
                raise
            self._wants_thoughts = True
            return await self._async_ask(data)
        return dict(answer or {})

    def _with_thought(self, item: Any) -> Any:
        """Return a message, if it is the model's with what the model thought."""
        if role_of(item) != "assistant":
            return item
        # Neither nothing nor an empty text is taken.
        return {_THOUGHT: self._thoughts.get(id(item)) or " ", **item}

    def _output_items(self, answer: Mapping[str, Any]) -> list[Json]:
        """Return the model's output as items of the next input."""
        if self._is_chat:
            choices = answer.get("choices")
            message = choices[0].get("message") if isinstance(choices, list) and choices else None
            if not isinstance(message, dict):
                return []
            kept = ("role", "content", "tool_calls", "reasoning_details")
            item = {key: message[key] for key in kept if message.get(key) is not None}
            self._thoughts[id(item)] = message.get(_THOUGHT)
            return [item]
        items: list[Json] = []
        is_stored = self._request.data.get("store") is not False
        for item in answer.get("output") or ():
            if not isinstance(item, dict):
                continue
            match item.get("type"):
                case "message":
                    items.append(
                        {
                            "type": "message",
                            "role": "assistant",
                            "content": "".join(
                                str(part.get("text") or part.get("refusal") or "")
                                for part in item.get("content") or ()
                                if isinstance(part, dict)
                            ),
                        }
                    )
                case "function_call":
                    keys = ("type", "call_id", "name", "arguments")
                    items.append({key: item.get(key) for key in keys})
                case "reasoning":
                    if is_stored or item.get("encrypted_content"):
                        items.append(item)
                case _:
                    _drop_reasoning(items)
        _drop_reasoning(items)
        return items

    async def _async_call(self, calls: list[tuple[str, str, str]]) -> list[Json]:
        """Call tools, a few at a time, and return their results as items."""
        results = await asyncio.gather(
            *(self._async_call_one(name, arguments) for _, name, arguments in calls)
        )
        if self._is_chat:
            return [
                {"role": "tool", "tool_call_id": call_id, "content": text}
                for (call_id, _, _), (_, text) in zip(calls, results, strict=True)
            ]
        return [
            {"type": "function_call_output", "call_id": call_id, "output": text}
            for (call_id, _, _), (_, text) in zip(calls, results, strict=True)
        ]

    async def _async_call_one(self, name: str, text: str) -> tuple[Any, str]:
        """Call a tool with its arguments as text, unless it has been called too often."""
        assert self._tools is not None
        assert self._limit is not None
        arguments: Any = text
        with suppress(ValueError, RecursionError):
            arguments = json.loads(text)
        if not self._limit.start_call(self._tools.functions.tool_names[name], arguments):
            return error_output("LimitReached", LIMIT_REACHED)
        async with self._slots:
            return await self._tools.async_call(name, text)


def _function_names(tools: Iterable[Any]) -> frozenset[str]:
    """Return the names of the caller's functions, which tools must not take."""
    functions = (item.get("function", item) for item in tools if isinstance(item, dict))
    return frozenset(
        name
        for function in functions
        if isinstance(function, dict) and isinstance(name := function.get("name"), str)
    )


def tool_without_type(definition: Json) -> Json:
    """Return a function tool as chat completions nest it.

    `{"type": "function", "name": …, …}` becomes `{"name": …, …}`.
    """
    return {key: value for key, value in definition.items() if key != "type"}


def _calls(item: Json) -> list[tuple[str, str, str]]:
    """Return the id, name and arguments of each function call in an item."""
    if item.get("type") == "function_call":
        return [(str(item.get("call_id")), str(item.get("name")), _text(item.get("arguments")))]
    calls = item.get("tool_calls")
    return [
        (
            str(call.get("id")),
            str(function.get("name")),
            _text(function.get("arguments")),
        )
        for call in (calls if isinstance(calls, list) else ())
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict)
    ]


def _drop_reasoning(items: list[Json]) -> None:
    """Remove reasoning at the end: OpenAI refuses it without what it led to, such as a search."""
    while items and items[-1].get("type") == "reasoning":
        items.pop()


def _is_cut(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer ended before it was whole, as at a limit of its length."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    reason = choice.get("finish_reason") if isinstance(choice, dict) else None
    return cut_reason(reason) is not None or answer.get("status") == "incomplete"


def _without_calls(item: Json) -> Json:
    """Return an item without the calls in it; nothing if it has nothing else."""
    if item.get("type") in {"function_call", "reasoning"}:
        return {}
    kept = {key: value for key, value in item.items() if key != "tool_calls"}
    return kept if kept.get("content") else {}


def _text(arguments: Any) -> str:
    """Return the arguments of a call as JSON."""
    # Some servers send the object itself.
    return arguments if isinstance(arguments, str) else json_dumps(arguments or {})
