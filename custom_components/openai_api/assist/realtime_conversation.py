"""The conversation entity of a realtime subentry."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final, override

from homeassistant.components import conversation
from homeassistant.components.conversation import (
    ChatLog,
    ConversationInput,
    ConversationResult,
    ToolResultContent,
)
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import chat_session, llm
from homeassistant.helpers.json import json_dumps

from ..const import LOGGER
from ..llm_tools import FunctionTools
from ..types import Json
from . import tools
from .chat_log import end_with_assistant, result_text
from .const import CONF_CONTINUE_CONVERSATION, CONF_MODEL, CONF_SPEAK_AT_ONCE
from .continue_conversation import set_continue_conversation
from .conversation import BaseConversationEntity
from .errors import FAILED, AssistError, SessionLost
from .plain_text import without_controls
from .realtime import realtime_voice
from .realtime_history import Utterance
from .realtime_session import RealtimeSession
from .realtime_turn import RealtimeResponse, RealtimeTurn
from .turns import Ended, Turn

_MAX_ROUNDS: Final = 10
_SPEAK: Final = "speak"
"""An external tool call: a pipeline starts text-to-speech once one follows any text."""


class RealtimeConversationEntity(BaseConversationEntity):
    """Adds the response that the model began at the end of speech to the chat log."""

    @override
    @callback
    def apply_options(self) -> None:
        super().apply_options()
        self._voice = realtime_voice(self.entry, self.subentry)
        # Sessions keep their configuration, so idle ones are closed.
        self._voice.close_sessions()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """End every session."""
        self._voice.close()
        await super().async_will_remove_from_hass()

    @override
    async def async_prepare(self, language: str | None = None) -> None:
        """Open the session while the person speaks to another speech-to-text entity."""
        chat = chat_session.current_session.get()
        if chat is None or self.host.closed:
            return
        session = self._voice.get_session(chat.conversation_id)
        if session.is_open or (session.turn is not None and not session.turn.is_over):
            return
        try:
            config = session.config or await self._voice.async_initial_config(
                self.hass, language or self.hass.config.language
            )
            await session.async_open(config)
        except HomeAssistantError as err:
            # The turn tries it again, and reports the error.
            LOGGER.debug("A realtime session could not be opened in advance: %s", err)

    @override
    async def _async_handle_message(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> ConversationResult:
        """Answer one turn; raises a translated HomeAssistantError, which is spoken."""
        record = Turn(
            self,
            "realtime",
            model=self.options.get(CONF_MODEL),
            context=user_input.context,
            conversation_id=chat_log.conversation_id,
            device_id=user_input.device_id,
        )
        record.data["transport"] = "realtime"
        try:
            with record.report_failures():
                await self.async_provide_llm_data(user_input, chat_log)
                tools.guard(chat_log)
                text = await self._async_answer(user_input, chat_log, record)
        except conversation.ConverseError as err:
            return err.as_conversation_result()
        except HomeAssistantError as err:
            raise await self.async_spoken_error(err, user_input.language) from None
        record.set_texts(question=user_input.text, answer=text)
        record.end(Ended.DONE)
        result = conversation.async_get_result_from_chat_log(user_input, chat_log)
        set_continue_conversation(result, self.option(CONF_CONTINUE_CONVERSATION), text)
        return result

    async def _async_answer(
        self, user_input: ConversationInput, chat_log: ChatLog, record: Turn
    ) -> str:
        """Let the model answer and return its text; raises HomeAssistantError."""
        config = self._voice.session_config(chat_log, user_input.language)
        session = self._voice.get_session(chat_log.conversation_id)
        turn = session.claim_turn(user_input.text)
        text, start = "", len(chat_log.content)
        try:
            # Only now is it known who asks, and from where.
            await session.async_open(config, chat_log.content[:-1])
            if turn is None:
                turn = await self._async_send_text(session, user_input.text, chat_log)
            try:
                text = await self._async_rounds(session, turn, chat_log, record)
            except HomeAssistantError as err:
                if not isinstance(err, SessionLost) or turn.responses:
                    raise
                # Nothing was said yet: once more, in a new session with the earlier messages.
                LOGGER.debug("A realtime session was lost before its answer, a new one is opened")
                await session.async_open(config)
                turn = await self._async_send_text(session, user_input.text, chat_log)
                text = await self._async_rounds(session, turn, chat_log, record)
        except asyncio.CancelledError:
            # Nobody wants the response any more, and its tokens cost.
            session.interrupt()
            raise
        except HomeAssistantError:
            # The rest of the response would come in the middle of the next turn.
            session.close()
            raise
        except Exception:  # noqa: BLE001
            # Tools may raise anything; only our own errors are spoken.
            LOGGER.exception("A turn of a realtime conversation has failed unexpectedly")
            raise AssistError(FAILED) from None
        finally:
            if turn is not None:
                session.finish_turn(
                    turn,
                    chat_log.content,
                    Utterance("user", user_input.text),
                    Utterance("assistant", text),
                )
        if not text and not _is_done(turn, chat_log, start):
            raise AssistError("assist_answer_empty")
        end_with_assistant(chat_log, self.entity_id)
        return text

    async def _async_send_text(
        self, session: RealtimeSession, text: str, chat_log: ChatLog
    ) -> RealtimeTurn:
        """Send the question as text; outside of a pipeline the answer is text alone."""
        turn = await session.async_send_text(text)
        session.request_response(
            None if _has_pipeline(chat_log) else {"output_modalities": ["text"]}
        )
        return turn

    async def _async_rounds(
        self, session: RealtimeSession, turn: RealtimeTurn, chat_log: ChatLog, record: Turn
    ) -> str:
        """Add the responses of a turn to the chat log, which calls the tools; return the text."""
        speaks_immediately = _has_pipeline(chat_log) and self.option(CONF_SPEAK_AT_ONCE)
        index = max(0, len(turn.responses) - 1)
        has_tools = chat_log.llm_api is not None
        functions = tools.function_tools(chat_log.llm_api)
        texts: list[str] = []
        for number in range(1, _MAX_ROUNDS + 1):
            if isinstance(chat_log.llm_api, tools.GuardedTools):
                chat_log.llm_api.round_number = number
            response = await turn.response(index)
            while response.is_interrupted():
                # The person went on to speak: the answer to all of it is the next one.
                index += 1
                response = await turn.response(index)
            deltas = self._deltas(
                record,
                turn,
                response,
                functions,
                speaks_immediately=speaks_immediately and number == 1,
                until_done=has_tools,
            )
            async for _ in chat_log.async_add_delta_content_stream(self.entity_id, deltas):
                pass
            index += 1
            if response.is_interrupted():
                continue
            response.check(self.host.settings)
            if response.status == "cancelled":
                raise AssistError("assist_interrupted")
            texts.append(response.text)
            record.data["rounds"] += 1
            names = [str(call.get("name")) for call in response.calls]
            record.data["tools"] += [functions.tool_name(name) or name for name in names]
            record.add_usage(response.usage)
            if not response.calls:
                break
            await self._async_send_tool_outputs(session, response, chat_log)
            session.request_response({"tool_choice": "none"} if number == _MAX_ROUNDS - 1 else None)
        return " ".join(text.strip() for text in texts if text.strip())

    async def _deltas(
        self,
        record: Turn,
        turn: RealtimeTurn,
        response: RealtimeResponse,
        functions: FunctionTools,
        *,
        speaks_immediately: bool,
        until_done: bool,
    ) -> AsyncGenerator[Any]:
        """Yield the deltas of a response for the chat log."""
        yield {"role": "assistant"}
        if speaks_immediately:
            # A pipeline starts text-to-speech after 60 characters, or once a tool is called after
            # any text; the audio is there already.
            yield {"content": " "}
            call = llm.ToolInput(id=_SPEAK, tool_name=_SPEAK, tool_args={}, external=True)
            yield {"tool_calls": [call]}
            yield {
                "role": "tool_result",
                "tool_call_id": _SPEAK,
                "tool_name": _SPEAK,
                "result": llm.ToolResult(data={}),
            }
            yield {"role": "assistant"}
        async for item in turn.output(response, until_done=until_done):
            if isinstance(item, str):
                if text := without_controls(item):
                    record.mark("first_piece_ms")
                    yield {"content": text}
            elif (tool_input := _tool_input(item, functions)) is not None:
                yield {"tool_calls": [tool_input]}

    async def _async_send_tool_outputs(
        self, session: RealtimeSession, response: RealtimeResponse, chat_log: ChatLog
    ) -> None:
        """Send the outputs of the tool calls to the model."""
        results = {
            content.tool_call_id: content
            for content in chat_log.content
            if isinstance(content, ToolResultContent)
        }
        for call in response.calls:
            call_id = str(call.get("call_id"))
            if (content := results.get(call_id)) is not None:
                output = result_text(content)
            else:
                output = json_dumps(
                    {"error": "The arguments are no JSON object. Nothing was done."}
                )
            await session.async_send_tool_output(call_id, output)


def _is_done(turn: RealtimeTurn, chat_log: ChatLog, start: int) -> bool:
    """Return whether a turn without text is complete: there is audio, or tools have acted.

    `start` is where the turn begins in the log.
    """
    if turn.responses and turn.responses[-1].audio_size:
        return True
    new = chat_log.content[start:]
    return tools.have_all_acted(
        item for item in new if not isinstance(item, ToolResultContent) or item.tool_name != _SPEAK
    )


def _has_pipeline(chat_log: ChatLog) -> bool:
    """Return whether a pipeline listens, which may have a voice."""
    return chat_log.delta_listener is not None


def _tool_input(call: Json, functions: FunctionTools) -> llm.ToolInput | None:
    """Return a call as Home Assistant takes it; None if its arguments cannot be read.

    Nor can those of a call that was cut off before them.
    """
    arguments_json, name = call.get("arguments"), str(call.get("name"))
    if (arguments := tools.parse_arguments(arguments_json)) is None or (
        not arguments_json and call.get("status") == "incomplete"
    ):
        return None
    return llm.ToolInput(
        id=str(call.get("call_id")),
        tool_name=functions.tool_name(name) or name,
        tool_args=arguments,
    )
