"""The conversation agent of a subentry."""

import asyncio
from contextvars import ContextVar
from typing import Final, Literal, override

from homeassistant.components.conversation import (
    AssistantContent,
    ChatLog,
    ConversationEntity,
    ConversationEntityFeature,
    ConversationInput,
    ConversationResult,
    ConverseError,
    async_converse,
    async_get_result_from_chat_log,
)
from homeassistant.const import MATCH_ALL
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN, LOGGER
from .const import (
    CONF_CONTINUE_CONVERSATION,
    CONF_FALLBACK_AGENT,
    CONF_LLM_HASS_API,
    CONF_MAX_TOOL_ROUNDS,
    CONF_MODEL,
    CONF_PLAIN_TEXT,
    CONF_PROMPT,
)
from .continue_conversation import asks
from .errors import is_away
from .llm_entity import LanguageModelEntity
from .turns import Ended, Turn

_asked: ContextVar[frozenset[str]] = ContextVar("openai_api_asked_agents", default=frozenset())
"""The agents that have handed the turn under way over to another."""
_KIND: Final = "conversation"


class ConversationAgent(LanguageModelEntity, ConversationEntity):
    """Answers what people ask Assist."""

    _attr_supports_streaming = True
    _warm_up: asyncio.Task[None] | None = None

    @property
    @override
    def supported_languages(self) -> list[str] | Literal["*"]:
        """Return that the model may know any language."""
        return MATCH_ALL

    @override
    @callback
    def take_options(self) -> None:
        super().take_options()
        self._attr_supported_features = (
            ConversationEntityFeature.CONTROL
            if self.options.get(CONF_LLM_HASS_API)
            else ConversationEntityFeature(0)
        )

    @override
    async def async_prepare(self, language: str | None = None) -> None:
        """Warm up beside what else happens while somebody begins to speak."""
        if self._warm_up is None or self._warm_up.done():
            self._warm_up = self.entry.async_create_background_task(
                self.hass, self.async_warm_up(), f"warm up {self.entity_id}"
            )

    @override
    async def _async_handle_message(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> ConversationResult:
        """Answer a question; raises an error whose text can be spoken, and no other."""
        turn = Turn(
            self,
            _KIND,
            model=self.options.get(CONF_MODEL),
            context=user_input.context,
            conversation_id=chat_log.conversation_id,
            device_id=user_input.device_id,
        )
        turn.note_text(question=user_input.text)
        try:
            await chat_log.async_provide_llm_data(
                user_input.as_llm_context(DOMAIN),
                self.options.get(CONF_LLM_HASS_API),
                self.options.get(CONF_PROMPT),
                user_input.extra_system_prompt,
            )
        except ConverseError as err:
            turn.end(Ended.FAILED, str(err))
            return err.as_conversation_result()
        start = len(chat_log.content)
        try:
            await self.async_answer(
                chat_log,
                turn,
                rounds=int(self.option(CONF_MAX_TOOL_ROUNDS)),
                is_plain=self._is_plain(user_input),
            )
        except asyncio.CancelledError:
            turn.end(Ended.CANCELLED)
            raise
        except Exception as err:  # noqa: BLE001
            return await self._async_failed(err, user_input, chat_log, turn, start)
        result = async_get_result_from_chat_log(user_input, chat_log)
        last = chat_log.content[-1]
        answer = (last.content if isinstance(last, AssistantContent) else "") or ""
        match self.option(CONF_CONTINUE_CONVERSATION):
            case "always":
                result.continue_conversation = True
            case "never":
                result.continue_conversation = False
            case _ if asks(answer):
                result.continue_conversation = True
        turn.note_text(answer=answer)
        turn.end(Ended.DONE)
        return result

    def _is_plain(self, user_input: ConversationInput) -> bool:
        """Tell whether the answer is to be without markup."""
        choice = self.option(CONF_PLAIN_TEXT)
        return choice == "always" or (choice == "auto" and user_input.satellite_id is not None)

    async def _async_failed(
        self,
        err: Exception,
        user_input: ConversationInput,
        chat_log: ChatLog,
        turn: Turn,
        start: int,
    ) -> ConversationResult:
        """Let the fallback agent answer, or raise the error as a sentence that can be spoken."""
        if not isinstance(err, HomeAssistantError):
            LOGGER.exception("A turn of %s failed unexpectedly", self.entity_id, exc_info=err)
        error = await self.async_spoken_error(err, user_input.language)
        has_said = (
            any(
                isinstance(item, AssistantContent) and item.content
                for item in chat_log.content[start:]
            )
            or turn.data["first_piece_ms"] is not None
        )
        fallback = self._fallback(err) if not has_said else None
        if fallback is None:
            turn.end(Ended.FAILED, str(error))
            if turn.is_spoken and chat_log.delta_listener is not None:
                # What was said so far is being spoken already, and would just break off.
                chat_log.delta_listener(chat_log, {"content": f" {error}"})
            raise error from None
        turn.end(Ended.FALLBACK, str(error))
        token = _asked.set(_asked.get() | {self.entity_id})
        try:
            return await async_converse(
                self.hass,
                text=user_input.text,
                conversation_id=chat_log.conversation_id,
                context=user_input.context,
                language=user_input.language,
                agent_id=fallback,
                device_id=user_input.device_id,
                satellite_id=user_input.satellite_id,
                extra_system_prompt=user_input.extra_system_prompt,
            )
        except ValueError:
            # It was removed since it was chosen.
            raise error from None
        finally:
            _asked.reset(token)

    def _fallback(self, err: Exception) -> str | None:
        """Return the agent to ask instead, if the service is away and no circle would close."""
        agent: str | None = self.options.get(CONF_FALLBACK_AGENT)
        if agent is None or agent == self.entity_id or agent in _asked.get():
            return None
        return agent if isinstance(err, HomeAssistantError) and is_away(err) else None
