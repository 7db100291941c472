"""The conversation entity of a subentry, and the base of both conversation entities."""

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
from .continue_conversation import set_continue_conversation
from .entity import AssistEntity
from .errors import is_service_unavailable
from .llm_entity import LanguageModelEntity
from .tools import async_provide_llm_data
from .turns import Ended, Turn

_failed_agents: ContextVar[frozenset[str]] = ContextVar(
    "openai_api_failed_agents", default=frozenset()
)
"""The agents that have handed the current turn over to their fallback agents."""
_KIND: Final = "conversation"


class BaseConversationEntity(AssistEntity, ConversationEntity):
    """The base of the conversation entities."""

    _attr_supports_streaming = True

    @property
    @override
    def supported_languages(self) -> list[str] | Literal["*"]:
        """Return that the model may know any language."""
        return MATCH_ALL

    @override
    @callback
    def apply_options(self) -> None:
        super().apply_options()
        self._attr_supported_features = (
            ConversationEntityFeature.CONTROL
            if self.options.get(CONF_LLM_HASS_API)
            else ConversationEntityFeature(0)
        )

    async def async_provide_llm_data(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> None:
        """Set the prompt and the tools of a chat log; raises ConverseError and AssistError."""
        await async_provide_llm_data(
            chat_log,
            user_input.as_llm_context(DOMAIN),
            self.options.get(CONF_LLM_HASS_API),
            self.options.get(CONF_PROMPT),
            user_input.extra_system_prompt,
        )


class OpenAIConversationEntity(LanguageModelEntity, BaseConversationEntity):
    """Answers with a language model."""

    _warm_up: asyncio.Task[None] | None = None

    @override
    async def async_prepare(self, language: str | None = None) -> None:
        """Open a connection in the background while the user begins to speak."""
        if self._warm_up is None or self._warm_up.done():
            self._warm_up = self.entry.async_create_background_task(
                self.hass, self.async_warm_up(), f"warm up {self.entity_id}"
            )

    @override
    async def _async_handle_message(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> ConversationResult:
        """Answer a question; raises a translated HomeAssistantError, which is spoken."""
        turn = Turn(
            self,
            _KIND,
            model=self.options.get(CONF_MODEL),
            context=user_input.context,
            conversation_id=chat_log.conversation_id,
            device_id=user_input.device_id,
        )
        turn.set_texts(question=user_input.text)
        start = len(chat_log.content)
        try:
            await self.async_provide_llm_data(user_input, chat_log)
            await self.async_answer(
                chat_log,
                turn,
                rounds=int(self.option(CONF_MAX_TOOL_ROUNDS)),
                removes_markup=self._removes_markup(user_input),
            )
        except ConverseError as err:
            turn.end(Ended.FAILED, str(err))
            return err.as_conversation_result()
        except asyncio.CancelledError:
            turn.end(Ended.CANCELLED)
            raise
        except Exception as err:  # noqa: BLE001
            return await self._async_handle_error(err, user_input, chat_log, turn, start)
        result = async_get_result_from_chat_log(user_input, chat_log)
        last = chat_log.content[-1]
        answer = (last.content if isinstance(last, AssistantContent) else "") or ""
        set_continue_conversation(result, self.option(CONF_CONTINUE_CONVERSATION), answer)
        turn.set_texts(answer=answer)
        turn.end(Ended.DONE)
        return result

    def _removes_markup(self, user_input: ConversationInput) -> bool:
        """Return whether to remove the markup of the answer."""
        choice = self.option(CONF_PLAIN_TEXT)
        return choice == "always" or (choice == "auto" and user_input.satellite_id is not None)

    async def _async_handle_error(
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
        has_answered = (
            any(
                isinstance(item, AssistantContent) and item.content
                for item in chat_log.content[start:]
            )
            or turn.data["first_piece_ms"] is not None
        )
        fallback = self._fallback(err) if not has_answered else None
        if fallback is None:
            turn.end(Ended.FAILED, str(error))
            if turn.is_spoken and chat_log.delta_listener is not None:
                # The answer so far is being spoken already, and would just break off.
                chat_log.delta_listener(chat_log, {"content": f" {error}"})
            raise error from None
        turn.end(Ended.FALLBACK, str(error))
        token = _failed_agents.set(_failed_agents.get() | {self.entity_id})
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
            _failed_agents.reset(token)

    def _fallback(self, err: Exception) -> str | None:
        """Return the agent to ask instead, if the service is unavailable and there is no loop."""
        agent: str | None = self.options.get(CONF_FALLBACK_AGENT)
        if agent is None or agent == self.entity_id or agent in _failed_agents.get():
            return None
        return (
            agent if isinstance(err, HomeAssistantError) and is_service_unavailable(err) else None
        )
