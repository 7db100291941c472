"""The head of a realtime conversation: its words become the chat log, its calls are the home's."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final, Literal, override

from homeassistant.components import conversation
from homeassistant.components.conversation import (
    AssistantContent,
    ChatLog,
    ConversationEntity,
    ConversationEntityFeature,
    ConversationInput,
    ConversationResult,
    ToolResultContent,
)
from homeassistant.const import MATCH_ALL
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import chat_session, llm
from homeassistant.helpers.json import json_dumps

from ..const import DOMAIN, LOGGER
from ..llm_tools import FunctionTools
from ..types import Json
from . import tools, turns
from .chat_log import result_text
from .const import (
    CONF_CONTINUE_CONVERSATION,
    CONF_LLM_HASS_API,
    CONF_MODEL,
    CONF_PROMPT,
    CONF_SPEAK_AT_ONCE,
)
from .continue_conversation import asks
from .entity import AssistEntity
from .errors import FAILED, AssistError, SessionLost
from .plain_text import without_controls
from .realtime import prompt_of, realtime_voice, tools_of
from .realtime_session import Talk, Utterance
from .realtime_turn import RealtimeResponse, Turn

_PATIENCE: Final = 30.0
"""Seconds until a response begins, and between two pieces of one."""
_ROUNDS: Final = 10
_SPEAK: Final = "speak"
"""An external tool call: a pipeline lets satellites fetch the sound once one follows a text."""


class RealtimeAgent(AssistEntity, ConversationEntity):
    """Takes over the answer that the model began when it noticed the end of speech."""

    _attr_supports_streaming = True

    @override
    @callback
    def take_options(self) -> None:
        super().take_options()
        self._voice = realtime_voice(self.entry, self.subentry)
        # Sessions keep what they were begun with, so idle ones begin anew.
        self._voice.close_sessions()
        has_tools = bool(self.option(CONF_LLM_HASS_API))
        self._attr_supported_features = (
            ConversationEntityFeature.CONTROL if has_tools else ConversationEntityFeature(0)
        )

    @property
    @override
    def supported_languages(self) -> Literal["*"]:
        """Return all: the model finds out by itself."""
        return MATCH_ALL

    @override
    async def async_will_remove_from_hass(self) -> None:
        """End every session."""
        self._voice.close()
        await super().async_will_remove_from_hass()

    @override
    async def async_prepare(self, language: str | None = None) -> None:
        """Open the session while the person speaks to another ear."""
        session = chat_session.current_session.get()
        if session is None or self.host.closed:
            return
        talk = self._voice.talk(session.conversation_id)
        if talk.is_open or (talk.turn is not None and not talk.turn.is_over):
            return
        try:
            wanted = talk.session or await self._voice.async_prepare_session(
                self.hass, language or self.hass.config.language
            )
            await talk.async_open(wanted)
        except HomeAssistantError as err:
            # The turn tries it again, and tells what is wrong.
            LOGGER.debug("A realtime session could not be opened in advance: %s", err)

    @override
    async def _async_handle_message(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> ConversationResult:
        """Answer one turn; raises a translated HomeAssistantError, which is spoken."""
        try:
            await chat_log.async_provide_llm_data(
                user_input.as_llm_context(DOMAIN),
                self.option(CONF_LLM_HASS_API),
                self.option(CONF_PROMPT),
                user_input.extra_system_prompt,
            )
        except conversation.ConverseError as err:
            return err.as_conversation_result()
        tools.guard(chat_log)
        record = turns.Turn(
            self,
            "realtime",
            model=self.options.get(CONF_MODEL),
            context=user_input.context,
            conversation_id=chat_log.conversation_id,
            device_id=user_input.device_id,
        )
        record.data["transport"] = "realtime"
        try:
            with record.failures_reported():
                said = await self._async_answer(user_input, chat_log, record)
        except HomeAssistantError as err:
            raise await self.async_spoken_error(err, user_input.language) from None
        record.note_text(question=user_input.text, answer=said)
        record.end(turns.Ended.DONE)
        result = conversation.async_get_result_from_chat_log(user_input, chat_log)
        match self.option(CONF_CONTINUE_CONVERSATION):
            case "always":
                result.continue_conversation = True
            case "never":
                result.continue_conversation = False
            case _ if asks(said):
                result.continue_conversation = True
        return result

    async def _async_answer(
        self, user_input: ConversationInput, chat_log: ChatLog, record: turns.Turn
    ) -> str:
        """Have the model answer, and return what it has said; raises translated errors."""
        session = self._voice.session(prompt_of(chat_log), tools_of(chat_log), user_input.language)
        talk = self._voice.talk(chat_log.conversation_id)
        turn = talk.claim(user_input.text)
        said, start = "", len(chat_log.content)
        try:
            # Somebody else may be asking than the ear took it for: from here on it is right.
            await talk.async_open(session)
            if turn is None:
                turn = await self._async_write(talk, user_input.text, chat_log)
            try:
                said = await self._async_rounds(talk, turn, chat_log, record)
            except HomeAssistantError as err:
                if not isinstance(err, SessionLost) or turn.responses:
                    raise
                # Nothing was said yet: once more, in a session that is told what was said before.
                LOGGER.debug("A realtime session was lost before its answer, a new one is opened")
                await talk.async_open(session)
                turn = await self._async_write(talk, user_input.text, chat_log)
                said = await self._async_rounds(talk, turn, chat_log, record)
        except asyncio.CancelledError:
            # Nobody wants the answer any more, and what is made of it costs.
            talk.interrupt()
            raise
        except HomeAssistantError:
            # What the service still owes would come in the middle of the next turn.
            talk.close()
            raise
        except Exception:  # noqa: BLE001
            # Tools come from anywhere and raise anything; only our own errors are spoken.
            LOGGER.exception("A turn of a realtime conversation has failed unexpectedly")
            raise AssistError(FAILED) from None
        finally:
            if turn is not None:
                talk.finish(turn, Utterance("user", user_input.text), Utterance("assistant", said))
        if not said and not _is_done(turn, chat_log, start):
            raise AssistError("assist_answer_empty")
        if not isinstance(chat_log.content[-1], AssistantContent):
            # What was asked for is done, and the model has no more to say.
            chat_log.async_add_assistant_content_without_tools(
                AssistantContent(agent_id=self.entity_id, content="")
            )
        return said

    async def _async_write(self, talk: Talk, text: str, chat_log: ChatLog) -> Turn:
        """Ask in writing; outside of a pipeline nobody would hear an answer."""
        turn = await talk.async_write(text)
        talk.ask(None if _is_heard(chat_log) else {"output_modalities": ["text"]})
        return turn

    async def _async_rounds(
        self, talk: Talk, turn: Turn, chat_log: ChatLog, record: turns.Turn
    ) -> str:
        """Follow the responses of a turn, and let the home do what they ask for."""
        at_once = _is_heard(chat_log) and self.option(CONF_SPEAK_AT_ONCE)
        index = max(0, len(turn.responses) - 1)
        has_tools = chat_log.llm_api is not None
        offered = tools.functions(chat_log.llm_api)
        said: list[str] = []
        for number in range(1, _ROUNDS + 1):
            if isinstance(chat_log.llm_api, tools.GuardedTools):
                chat_log.llm_api.round_number = number
            response = await turn.response(index, _PATIENCE)
            while response.is_given_up():
                # The person went on to speak: the answer to all of it is the next one.
                index += 1
                response = await turn.response(index, _PATIENCE)
            deltas = self._deltas(
                record,
                turn,
                response,
                offered,
                at_once=at_once and number == 1,
                until_done=has_tools,
            )
            async for _ in chat_log.async_add_delta_content_stream(self.entity_id, deltas):
                pass
            index += 1
            if response.is_given_up():
                continue
            response.check(self.host.settings)
            if response.status == "cancelled":
                raise AssistError("assist_interrupted")
            said.append(response.text)
            record.data["rounds"] += 1
            names = [str(call.get("name")) for call in response.calls]
            record.data["tools"] += [offered.tool_name(name) or name for name in names]
            record.count(response.usage)
            if not response.calls:
                break
            await self._async_answer_calls(talk, response, chat_log)
            talk.ask({"tool_choice": "none"} if number == _ROUNDS - 1 else None)
        return " ".join(text.strip() for text in said if text.strip())

    async def _deltas(
        self,
        record: turns.Turn,
        turn: Turn,
        response: RealtimeResponse,
        offered: FunctionTools,
        *,
        at_once: bool,
        until_done: bool,
    ) -> AsyncGenerator[Any]:
        """Yield a response as the chat log takes it."""
        yield {"role": "assistant"}
        if at_once:
            # A satellite would get the sound after 60 characters only, or once a tool is called
            # after a text. It is there already.
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
        async for piece in turn.words(response, _PATIENCE, until_done=until_done):
            if isinstance(piece, str):
                if text := without_controls(piece):
                    record.mark("first_piece_ms")
                    yield {"content": text}
            elif (wanted := _tool_input(piece, offered)) is not None:
                yield {"tool_calls": [wanted]}

    async def _async_answer_calls(
        self, talk: Talk, response: RealtimeResponse, chat_log: ChatLog
    ) -> None:
        """Tell the model what its calls have brought."""
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
            await talk.async_answer_call(call_id, output)


def _is_done(turn: Turn, chat_log: ChatLog, start: int) -> bool:
    """Return whether a turn without words is complete: there is a voice, or tools have acted.

    `start` is where the turn begins in the log.
    """
    if turn.responses and turn.responses[-1].size:
        return True
    new = chat_log.content[start:]
    return tools.have_all_acted(
        item for item in new if not isinstance(item, ToolResultContent) or item.tool_name != _SPEAK
    )


def _is_heard(chat_log: ChatLog) -> bool:
    """Return whether a pipeline listens, which may have a voice."""
    return chat_log.delta_listener is not None


def _tool_input(call: Json, offered: FunctionTools) -> llm.ToolInput | None:
    """Return a call as Home Assistant takes it; None if its arguments cannot be read.

    Nor can those of a call that was cut off before them.
    """
    found, name = call.get("arguments"), str(call.get("name"))
    if (arguments := tools.arguments(found)) is None or (
        not found and call.get("status") == "incomplete"
    ):
        return None
    return llm.ToolInput(
        id=str(call.get("call_id")),
        tool_name=offered.tool_name(name) or name,
        tool_args=arguments,
    )
