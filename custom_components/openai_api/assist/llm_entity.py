"""The base of the entities whose turns a language model answers: rounds, tools and retries."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

from homeassistant.components.conversation import AssistantContentDeltaDict, ChatLog, Content
from homeassistant.exceptions import HomeAssistantError

from .. import issues
from ..const import LOGGER
from ..exceptions import ConnectionFailed, EntryUnloaded, RequestTimedOut
from ..types import Json
from . import tools
from .chat_log import Attachments, end_with_assistant, system_prompt
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
    retry_delay,
)
from .history import count_turns, last_turns, sendable_contents
from .http import Stream, async_stream, async_warm_up
from .loop_turn import LoopTurn
from .plain_text import PlainText
from .request_builder import (
    CHAT,
    METHODS,
    RESPONSES,
    RESPONSES_WEBSOCKET,
    RequestBuilder,
    Structure,
    sdk_arguments,
)
from .responses_websocket import WebSocketStream, connection_pool
from .turns import Turn

_AUTO: Final = "auto"
_TRAILING_EVENTS_SECONDS: Final = 0.5
"""Seconds to wait for the usage and the end of the stream after a complete answer.

Read to its end, the connection can be used for the next round.
"""
_CHUNK_CHARACTERS: Final = 8192
"""Characters whose markup is removed at once."""
_FATAL_ERRORS: Final = (RequestTimedOut, EntryUnloaded)
"""The errors of a WebSocket after which the request is not sent over HTTP."""


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """What changes from one attempt of a round to the next."""

    api: str
    by_websocket: bool
    contents: list[Content]
    retries: int = 0
    """How often the same request was sent again after a transient error."""


class LanguageModelEntity(AssistEntity):
    """An entity whose chat log is answered by a language model, over HTTP or a WebSocket."""

    is_conversational: ClassVar[bool] = True
    """Whether a person gets the answer: then a truncated or an empty one may do."""

    async def async_answer(
        self,
        chat_log: ChatLog,
        turn: Turn,
        *,
        rounds: int,
        removes_markup: bool = False,
        structure: Structure | None = None,
    ) -> None:
        """Add the model's answer to the chat log, with the tool calls before it.

        In at most `rounds` rounds tools may be called, after them the model has to answer. Raises
        AssistError "assist_answer_empty", "assist_answer_broken", "assist_answer_cut",
        "assist_call_in_text", "assist_content_refused" or "assist_attachment_unsupported", and what
        `http.async_stream` and `http.Stream.events` raise.
        """
        guarded_tools = tools.guard(chat_log)
        host_tools = self.options.get(CONF_HOST_TOOLS) or ()
        functions = tools.function_tools(chat_log.llm_api, len(host_tools))
        instructions = functions.rename_in(system_prompt(chat_log))
        builder = RequestBuilder(
            host=self.host,
            options=self.options,
            functions=functions,
            instructions=instructions + (structure.instructions if structure else ""),
            attachments=Attachments(self.hass),
            cache_key=self.subentry.subentry_id,
            structure=structure,
        )
        await builder.attachments.async_read(chat_log.content)
        start = len(chat_log.content)
        for number in range(rounds + 1):
            turn.data["rounds"] += 1
            if guarded_tools is not None:
                guarded_tools.round_number = number
            may_call = number < rounds
            decoder = await self._async_round(
                chat_log, turn, builder, may_call=may_call, removes_markup=removes_markup
            )
            turn.data["tools"] += decoder.calls
            may_call = may_call and bool(functions.definitions)
            self._check_answer(decoder, chat_log, start, may_call=may_call)
            if not chat_log.unresponded_tool_results:
                break
        issues.settle_model(self.hass, self.subentry.subentry_id)

    def _check_answer(
        self, decoder: Decoder, chat_log: ChatLog, start: int, *, may_call: bool
    ) -> None:
        """Raise an error for an unusable answer; `start` is where the turn begins in the chat log."""
        if decoder.has_truncated_call:
            raise AssistError(ANSWER_CUT)
        if decoder.calls:
            return
        if decoder.filter.has_tool_call and may_call:
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
        """Open a connection for the next turn; raises no error of the service."""
        if self._uses_websocket:
            await connection_pool(self.runtime_data).async_prepare()
        if not self._uses_websocket:
            # It may just have turned out that there is none.
            await async_warm_up(self.host)

    async def _async_round(
        self,
        chat_log: ChatLog,
        turn: Turn,
        builder: RequestBuilder,
        *,
        may_call: bool,
        removes_markup: bool,
    ) -> Decoder:
        """Ask the model once, and again after an error that another attempt may avoid."""
        contents = sendable_contents(chat_log.content, int(self.option(CONF_HISTORY_TURNS) or 0))
        attempt = _Attempt(
            api=self._api(),
            by_websocket=self._uses_websocket,
            contents=last_turns(contents, builder.max_turns),
        )
        allows_tools = may_call and bool(builder.functions.definitions)
        while True:
            api = attempt.api
            turn.data["transport"] = RESPONSES_WEBSOCKET if attempt.by_websocket else api
            body = builder.body(api, attempt.contents, may_call=may_call)
            options = {"allows_tools": allows_tools, "reasoning_opened": builder.reasoning_opened}
            decoder: Decoder = (
                ResponsesDecoder(self.host.settings, builder.functions, **options)
                if api == RESPONSES
                else ChatDecoder(builder.functions, **options)
            )
            try:
                async with self._stream(attempt, body, chat_log) as stream:
                    await self._async_read(
                        chat_log, turn, stream, decoder, removes_markup=removes_markup
                    )
            except HomeAssistantError as err:
                await self._async_recover(err, attempt, builder, body, decoder)
                continue
            if self._is_auto:
                self.host.known["api"] = api
            if decoder.filter.has_unopened_end:
                builder.learn_reasoning_opened()
            return decoder

    async def _async_recover(
        self,
        err: HomeAssistantError,
        attempt: _Attempt,
        builder: RequestBuilder,
        body: Json,
        decoder: Decoder,
    ) -> None:
        """Change what the next attempt sends, or raise the error if none would help."""
        if attempt.by_websocket and not decoder.has_begun and not isinstance(err, _FATAL_ERRORS):
            LOGGER.debug("The WebSocket of %s does not serve: %r", self.entity_id, err)
            attempt.by_websocket = False
            return
        self.host.record_failure(err, METHODS[attempt.api], self.options.get(CONF_MODEL))
        if decoder.has_begun:
            raise AssistError(ANSWER_BROKEN) if isinstance(err, ConnectionFailed) else err from None
        if self._is_auto:
            if attempt.api == CHAT and is_bad_request(err):
                # It knows this API, whatever else it does not like.
                self.host.known["api"] = CHAT
            elif (
                attempt.api == RESPONSES
                and "api" not in self.host.known
                and is_api_unsupported(err)
            ):
                attempt.api = CHAT
                return
        max_turns = max(1, count_turns(attempt.contents) // 2)
        shorter = last_turns(attempt.contents, max_turns)
        if is_context_too_long(err) and shorter != attempt.contents:
            LOGGER.debug("A conversation of %s is too long: %r", self.entity_id, err)
            attempt.contents, builder.max_turns = shorter, max_turns
            return
        if builder.learn_from_error(err, body):
            return
        if (delay := retry_delay(err, attempt.retries)) is not None:
            attempt.retries += 1
            await asyncio.sleep(delay)
            return
        if is_model_unknown(err):
            model = str(self.options.get(CONF_MODEL))
            issues.report_model(self.hass, self.entry, self.subentry, model)
        raise err

    def _api(self) -> str:
        """Return the API to ask: the one chosen, the one that works, or the newest."""
        if self._is_auto:
            return str(self.host.known.get("api", RESPONSES))
        chosen = str(self.option(CONF_API))
        return RESPONSES if chosen == RESPONSES_WEBSOCKET else chosen

    @property
    def _uses_websocket(self) -> bool:
        """Whether the option asks for a WebSocket, and the service supports it."""
        return (
            self.option(CONF_API) == RESPONSES_WEBSOCKET
            and connection_pool(self.runtime_data).is_supported
        )

    def _stream(
        self, attempt: _Attempt, body: Json, chat_log: ChatLog
    ) -> AbstractAsyncContextManager[Stream | WebSocketStream]:
        """Return the context manager that sends a request and yields its answer."""
        seconds = float(self.option(CONF_PATIENCE))
        if attempt.by_websocket:
            key = f"{self.subentry.subentry_id}/{chat_log.conversation_id}"
            return connection_pool(self.runtime_data).async_stream(key, body, seconds)
        api = attempt.api
        return async_stream(self.host, METHODS[api], sdk_arguments(api, body), seconds)

    @property
    def _is_auto(self) -> bool:
        """Whether the API depends on what the service supports."""
        return self.option(CONF_API) in {None, _AUTO}

    async def _async_read(
        self,
        chat_log: ChatLog,
        turn: Turn,
        stream: Stream | WebSocketStream,
        decoder: Decoder,
        *,
        removes_markup: bool,
    ) -> None:
        """Add an answer to the chat log, which calls its tools."""
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
        counts = turn.add_usage(decoder.usage)
        self.host.record_event({"response": {"usage": decoder.usage}})
        if counts:
            stats = {key: counts.get(key, 0) for key in ("input_tokens", "output_tokens")}
            chat_log.async_trace({"stats": stats})


async def _deltas(
    stream: Stream | WebSocketStream, decoder: Any, turn: Turn
) -> AsyncIterator[Delta]:
    """Yield the deltas of an answer; text deltas that arrived together are joined."""
    if isinstance(stream, Stream) and not stream.is_event_stream:
        response = await stream.async_json(decoder.accumulator)
        turn.mark("first_piece_ms")
        stream.mark_started()
        for delta in decoder.decode(response):
            yield delta
        return
    has_begun = False
    events, turn_of_loop = stream.events(), LoopTurn()
    while (
        batch := await _async_next(events, _TRAILING_EVENTS_SECONDS if decoder.is_done else None)
    ) is not None:
        joined: Delta | None = None
        for event in batch:
            for delta in decoder.feed(event):
                if joined is not None and delta.keys() == joined.keys() and "content" in delta:
                    joined = {"content": joined["content"] + delta["content"]}
                    continue
                if joined is not None:
                    yield joined
                    await turn_of_loop.async_yield()
                joined = delta
                if not has_begun:
                    has_begun = True
                    turn.mark("first_piece_ms")
                    stream.mark_started()
        if joined is not None:
            yield joined
    for delta in decoder.finish():
        yield delta
    if not decoder.is_done and not (isinstance(decoder, ChatDecoder) and decoder.text_length):
        raise AssistError(ANSWER_BROKEN)


async def _async_next(
    events: AsyncIterator[list[Json]], seconds: float | None
) -> list[Json] | None:
    """Return the next events, None at the end or after a timeout."""
    if seconds is None:
        return await anext(events, None)
    try:
        async with asyncio.timeout(seconds):
            return await anext(events, None)
    except TimeoutError:
        return None


async def _without_markup(deltas: AsyncIterator[Delta]) -> AsyncIterator[Delta]:
    """Yield deltas without the markup of their text."""
    plain, turn_of_loop = PlainText(), LoopTurn()
    async for delta in deltas:
        if "content" in delta and "role" not in delta:
            content = delta["content"]
            for start in range(0, len(content), _CHUNK_CHARACTERS):
                if text := plain.feed(content[start : start + _CHUNK_CHARACTERS]):
                    yield {"content": text}
                await turn_of_loop.async_yield()
            continue
        if "thinking_content" not in delta:
            if rest := plain.flush():
                yield {"content": rest}
            if "role" in delta:
                plain = PlainText()
        yield delta
    if rest := plain.flush():
        yield {"content": rest}
