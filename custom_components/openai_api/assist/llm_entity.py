"""Answers a chat log with a language model: rounds, tools, retries, and what a turn has taken."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Final, cast

from homeassistant.components.conversation import (
    AssistantContentDeltaDict,
    ChatLog,
    Content,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import json_dumps

from .. import issues
from ..const import LOGGER
from ..exceptions import ConnectionFailed, EntryUnloaded, RequestTimedOut
from ..types import Json
from . import tools
from .chat_log import (
    USER_FIRST,
    Attachments,
    end_with_assistant,
    input_items,
    messages,
    system_prompt,
)
from .const import CONF_API, CONF_HISTORY_TURNS, CONF_HOST_TOOLS, CONF_MODEL, CONF_PATIENCE
from .decoder import Decoder, Delta
from .decoder_chat import ChatDecoder
from .decoder_responses import ResponsesDecoder
from .entity import AssistEntity
from .errors import (
    ANSWER_BROKEN,
    ANSWER_CUT,
    ANSWER_EMPTY,
    CALL_IN_TEXT,
    AssistError,
    is_api_unsupported,
    is_bad_request,
    is_context_too_long,
    is_model_unknown,
    is_transient,
    retry_after,
)
from .history import count_turns, last_turns, sendable_contents, start_with_user
from .http import Stream, async_stream, async_warm_up
from .loop_turn import LoopTurn
from .plain_text import PlainText
from .request_builder import (
    CHAT,
    METHODS,
    RESPONSES,
    RESPONSES_SOCKET,
    RequestBuilder,
    Structure,
    arguments,
)
from .responses_websocket import WebSocketStream, connection_pool
from .turns import Turn

_AUTO: Final = "auto"
_LINGER: Final = 0.5
"""Seconds: what comes after an answer that is whole are its counts and the end of the stream.

Read to its end, the connection can be used for the next round.
"""
_PAUSE: Final = 10.0
"""Seconds for which somebody who has asked may be kept waiting where a service is busy."""
_SLICE: Final = 8192
"""Characters of a text that are made plain at once."""
_FINAL: Final = (RequestTimedOut, EntryUnloaded)
"""The errors of a WebSocket after which the same is not asked over HTTP: it is too late."""


class LanguageModelEntity(AssistEntity):
    """An entity whose turns are answered by a language model, over HTTP or a WebSocket."""

    is_conversational: ClassVar[bool] = True
    """Whether a person hears the answer: one that was cut, or came with no words, may do then."""

    async def async_answer(
        self,
        chat_log: ChatLog,
        turn: Turn,
        *,
        rounds: int,
        removes_markup: bool = False,
        structure: Structure | None = None,
    ) -> None:
        """Add the model's answer to the chat log, and the tools it calls on the way.

        In at most `rounds` rounds tools may be called, after them the model has to answer.
        `removes_markup`: without markup. Raises AssistError "assist_answer_empty",
        "assist_answer_broken", "assist_answer_cut", "assist_call_in_text",
        "assist_content_refused" or "assist_attachment_unsupported", and what `http.async_stream`
        and `http.Stream.events` raise.
        """
        guarded = tools.guard(chat_log)
        host_tools = self.options.get(CONF_HOST_TOOLS) or ()
        question = RequestBuilder(
            host=self.host,
            options=self.options,
            functions=tools.function_tools(chat_log.llm_api, len(host_tools)),
            cache_key=self.subentry.subentry_id,
            structure=structure,
        )
        attachments = Attachments(self.hass)
        await attachments.async_read(chat_log.content)
        system = question.functions.rename_in(system_prompt(chat_log))
        if structure is not None and structure.mode != "json_schema":
            system = f"{system}\n{_instructions(structure)}"
        start = len(chat_log.content)
        for number in range(rounds + 1):
            turn.data["rounds"] += 1
            if guarded is not None:
                guarded.round_number = number
            decoder = await self._async_round(
                chat_log,
                turn,
                question,
                system,
                attachments,
                may_call=number < rounds,
                removes_markup=removes_markup,
            )
            turn.data["tools"] += decoder.calls
            may_call = number < rounds and bool(question.functions.definitions)
            self._check(decoder, chat_log, start, may_call=may_call)
            if not chat_log.unresponded_tool_results:
                break
        issues.settle_model(self.hass, self.subentry.subentry_id)

    def _check(self, decoder: Decoder, chat_log: ChatLog, start: int, *, may_call: bool) -> None:
        """Raise an error for an answer that is none; `start` is where the turn begins in the log."""
        if decoder.has_truncated_call:
            raise AssistError(ANSWER_CUT)
        if decoder.calls:
            return
        if decoder.has_tool_call_in_text and may_call:
            raise AssistError(CALL_IN_TEXT)
        if not decoder.text_length:
            if decoder.is_truncated:
                raise AssistError(ANSWER_CUT)
            is_done = not decoder.has_ignored_call and tools.have_all_acted(
                chat_log.content[start:]
            )
            if not self.is_conversational or not is_done:
                raise AssistError(ANSWER_EMPTY)
        elif decoder.is_truncated and not self.is_conversational:
            raise AssistError(ANSWER_CUT)
        # The model may have had no more to say, or only an emoji.
        end_with_assistant(chat_log, self.entity_id)

    async def async_warm_up(self) -> None:
        """Open a connection for the turn that is about to come; raises nothing of the service."""
        if self._uses_socket:
            await connection_pool(self.runtime_data).async_prepare()
        if not self._uses_socket:
            # It may just have turned out that there is none.
            await async_warm_up(self.host)

    async def _async_round(
        self,
        chat_log: ChatLog,
        turn: Turn,
        question: RequestBuilder,
        system: str,
        attachments: Attachments,
        *,
        may_call: bool,
        removes_markup: bool,
    ) -> Decoder:
        """Ask once, again where the service takes another API, other parameters, or was busy."""
        contents = sendable_contents(chat_log.content, int(self.option(CONF_HISTORY_TURNS) or 0))
        contents = last_turns(contents, question.turns)
        allows_tools = may_call and bool(question.functions.definitions)
        is_retry = False
        api, by_socket = self._api(), self._uses_socket
        while True:
            turn.data["transport"] = RESPONSES_SOCKET if by_socket else api
            items = _items(api, system, contents, attachments, question)
            body = question.body(api, system, items, may_call=may_call)
            known = {"allows_tools": allows_tools, "thinks_first": question.reasoning_opened}
            decoder: Decoder = (
                ResponsesDecoder(self.host.settings, question.functions, **known)
                if api == RESPONSES
                else ChatDecoder(question.functions, **known)
            )
            try:
                async with self._stream(api, body, chat_log, by_socket=by_socket) as stream:
                    await self._async_read(
                        chat_log, turn, stream, decoder, removes_markup=removes_markup
                    )
            except HomeAssistantError as err:
                if by_socket and not decoder.has_begun and not isinstance(err, _FINAL):
                    LOGGER.debug("The WebSocket of %s does not serve: %r", self.entity_id, err)
                    by_socket = False
                    continue
                self.host.record_failure(err, METHODS[api], self.options.get(CONF_MODEL))
                if decoder.has_begun:
                    if isinstance(err, ConnectionFailed):
                        raise AssistError(ANSWER_BROKEN) from None
                    raise
                if self._falls_back(api, err):
                    api = CHAT
                    continue
                if api == CHAT and self._is_auto and is_bad_request(err):
                    # It knows this API, whatever else it does not like.
                    self.host.known["api"] = api
                most = max(1, count_turns(contents) // 2)
                if is_context_too_long(err) and (shorter := last_turns(contents, most)) != contents:
                    LOGGER.debug("A conversation of %s is too long: %r", self.entity_id, err)
                    contents, question.turns = shorter, most
                    continue
                if question.learn(err, body):
                    continue
                if not is_retry and is_transient(err) and (pause := retry_after(err)) <= _PAUSE:
                    is_retry = True
                    await asyncio.sleep(pause)
                    continue
                if is_model_unknown(err):
                    model = str(self.options.get(CONF_MODEL))
                    issues.report_model(self.hass, self.entry, self.subentry, model)
                raise
            if self._is_auto:
                self.host.known["api"] = api
            if decoder.has_unopened_end:
                question.learn_reasoning_opened()
            return decoder

    def _api(self) -> str:
        """Return the API to ask: the one chosen, the one that works, or the newest."""
        if self._is_auto:
            return str(self.host.known.get("api", RESPONSES))
        chosen = str(self.option(CONF_API))
        return RESPONSES if chosen == RESPONSES_SOCKET else chosen

    @property
    def _uses_socket(self) -> bool:
        """Whether a WebSocket is wanted, and the service has not refused one."""
        return (
            self.option(CONF_API) == RESPONSES_SOCKET
            and connection_pool(self.runtime_data).is_supported
        )

    def _stream(
        self, api: str, body: Json, chat_log: ChatLog, *, by_socket: bool
    ) -> AbstractAsyncContextManager[Stream | WebSocketStream]:
        """Return what sends a request and yields its answer."""
        seconds = float(self.option(CONF_PATIENCE))
        if by_socket:
            key = f"{self.subentry.subentry_id}/{chat_log.conversation_id}"
            return connection_pool(self.runtime_data).async_stream(key, body, seconds)
        return async_stream(self.host, METHODS[api], arguments(api, body), seconds)

    @property
    def _is_auto(self) -> bool:
        """Whether the API is to be found out."""
        return self.option(CONF_API) in {None, _AUTO}

    def _falls_back(self, api: str, err: HomeAssistantError) -> bool:
        """Tell whether to ask chat completions, for the service does not have Responses."""
        return (
            api == RESPONSES
            and self._is_auto
            and "api" not in self.host.known
            and is_api_unsupported(err)
        )

    async def _async_read(
        self,
        chat_log: ChatLog,
        turn: Turn,
        stream: Stream | WebSocketStream,
        decoder: Decoder,
        *,
        removes_markup: bool,
    ) -> None:
        """Add what comes back to the chat log, tools included."""
        turn.data["reused"] |= stream.is_follow_up
        deltas = _deltas(stream, decoder, turn)
        if removes_markup:
            deltas = _without_markup(deltas)
        try:
            async for _ in chat_log.async_add_delta_content_stream(
                self.entity_id, cast("AsyncIterable[AssistantContentDeltaDict]", deltas)
            ):
                pass
        finally:
            turn.add_text_length(decoder.text_length, calls_tools=bool(decoder.calls))
        turn.count(decoder.usage)
        self.host.record_event({"response": {"usage": decoder.usage}})
        if isinstance(decoder.usage, dict):
            chat_log.async_trace({"stats": {**_stats(decoder.usage)}})


def _items(
    api: str,
    system: str,
    contents: list[Content],
    attachments: Attachments,
    question: RequestBuilder,
) -> list[Json]:
    """Return what is said in a conversation, as an API takes it."""
    functions, wants = question.functions, question.wants
    if USER_FIRST in wants:
        contents = start_with_user(contents)
    if api == RESPONSES:
        return input_items(contents, attachments, functions)
    return messages(system, contents, attachments, functions, wants=wants)


def _instructions(structure: Structure) -> str:
    """Return how a model is told a structure where the API cannot."""
    return (
        "Answer with nothing but one JSON object, without any text around it, "
        f"that matches this JSON Schema:\n{json_dumps(structure.schema)}"
    )


def _stats(usage: Json) -> Json:
    """Return the counts that Home Assistant's trace shows."""
    return {
        "input_tokens": usage.get("input_tokens", usage.get("prompt_tokens", 0)),
        "output_tokens": usage.get("output_tokens", usage.get("completion_tokens", 0)),
    }


async def _deltas(
    stream: Stream | WebSocketStream, decoder: Any, turn: Turn
) -> AsyncIterator[Delta]:
    """Yield the deltas of an answer; texts that arrived together come together."""
    if isinstance(stream, Stream) and not stream.is_event_stream:
        whole = await stream.async_json(decoder.accumulator)
        _begin(stream, turn)
        for delta in decoder.whole(whole):
            yield delta
        return
    has_begun = False
    events, turn_of_loop = stream.events(), LoopTurn()
    while (found := await _async_next(events, _LINGER if decoder.is_done else None)) is not None:
        joined: Delta | None = None
        for event in found:
            for delta in decoder.feed(event):
                if joined is not None and delta.keys() == joined.keys() and "content" in delta:
                    joined = {"content": joined["content"] + delta["content"]}
                    continue
                if joined is not None:
                    yield joined
                    await turn_of_loop.async_give_way()
                joined = delta
                if not has_begun:
                    has_begun = True
                    _begin(stream, turn)
        if joined is not None:
            yield joined
    for delta in decoder.finish():
        yield delta
    if not decoder.is_done and not (isinstance(decoder, ChatDecoder) and decoder.text_length):
        raise AssistError(ANSWER_BROKEN)


async def _async_next(
    events: AsyncIterator[list[Json]], seconds: float | None
) -> list[Json] | None:
    """Return the next events, None at the end or where none come within the time."""
    if seconds is None:
        return await anext(events, None)
    try:
        async with asyncio.timeout(seconds):
            return await anext(events, None)
    except TimeoutError:
        return None


def _begin(stream: Stream | WebSocketStream, turn: Turn) -> None:
    """Take note that an answer has begun."""
    turn.mark("first_piece_ms")
    stream.mark_started()


async def _without_markup(deltas: AsyncIterator[Delta]) -> AsyncIterator[Delta]:
    """Yield deltas whose texts are fit to be spoken."""
    plain, turn_of_loop = PlainText(), LoopTurn()
    async for delta in deltas:
        if "content" in delta and "role" not in delta:
            content = delta["content"]
            for start in range(0, len(content), _SLICE):
                if text := plain.feed(content[start : start + _SLICE]):
                    yield {"content": text}
                await turn_of_loop.async_give_way()
            continue
        if "thinking_content" not in delta:
            if rest := plain.flush():
                yield {"content": rest}
            if "role" in delta:
                plain = PlainText()
        yield delta
    if rest := plain.flush():
        yield {"content": rest}
