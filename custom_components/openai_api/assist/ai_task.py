"""The AI task entity of a subentry: data, images and evaluations."""

import re
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.ai_task import (
    AITaskEntity,
    AITaskEntityFeature,
    GenDataTask,
    GenDataTaskResult,
    GenImageTask,
    GenImageTaskResult,
)
from homeassistant.components.conversation import AssistantContent, ChatLog, UserContent
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import json_dumps

from ..types import Json
from . import images, structured_output
from .const import CONF_EVALUATE, CONF_IMAGE_MODEL, CONF_MODEL, CONF_STRUCTURED_OUTPUT
from .errors import NOT_THE_STRUCTURE, AssistError, matches
from .llm_entity import LanguageModelEntity
from .request_builder import Structure
from .turns import Ended, Turn

if TYPE_CHECKING:
    from homeassistant.components.ai_task import EvaluationTask, EvaluationTaskResult

_KIND: Final = "ai_task"
_ROUNDS: Final = 50
_AUTO: Final = "auto"
_MODES: Final = ("json_schema", "json_object", "prompt")
_STRUCTURE_REJECTED: Final = re.compile(
    r"response_format|text\.format|schema|json_object|json mode|structured outputs?|\bgrammar\b"
    r"|response mime type|required for format",
    re.IGNORECASE,
)
# Some servers, such as llama-cpp-python, fail at unknown parameters.
_REJECTING_STATUSES: Final = frozenset({400, 422, 500, 501})
_INVALID_NAME_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_-]+")


class OpenAITaskEntity(LanguageModelEntity, AITaskEntity):
    """Runs AI tasks."""

    is_conversational = False

    @override
    @callback
    def apply_options(self) -> None:
        super().apply_options()
        features = AITaskEntityFeature.GENERATE_DATA | AITaskEntityFeature.SUPPORT_ATTACHMENTS
        if self.options.get(CONF_IMAGE_MODEL):
            features |= AITaskEntityFeature.GENERATE_IMAGE
        if self.option(CONF_EVALUATE) != "off":
            # Home Assistant 2026.10 does not know it.
            features |= getattr(AITaskEntityFeature, "EVALUATE", AITaskEntityFeature(0))
        self._attr_supported_features = features

    @override
    async def _async_generate_data(self, task: GenDataTask, chat_log: ChatLog) -> GenDataTaskResult:
        """Return a text, or data of the wanted structure; raises translated errors."""
        turn = self._start_turn(chat_log.conversation_id)
        with turn.report_failures():
            if task.structure is None:
                await self.async_answer(chat_log, turn, rounds=_ROUNDS)
                data: object = _last_text(chat_log)
            else:
                data = await self._async_structured(task, chat_log, turn)
        turn.set_texts(question=task.instructions, answer=str(data))
        turn.end(Ended.DONE)
        return GenDataTaskResult(conversation_id=chat_log.conversation_id, data=data)

    async def _async_structured(self, task: GenDataTask, chat_log: ChatLog, turn: Turn) -> Json:
        """Return data of the task's structure; after a mismatch the model is asked once more."""
        assert task.structure is not None
        schema = structured_output.to_schema(task.structure, chat_log.llm_api)
        is_correction = False
        while True:
            await self.async_answer_structured(chat_log, turn, task.name, schema)
            try:
                data = structured_output.parse_object(_last_text(chat_log))
                return structured_output.validate(task.structure, schema, data)
            except structured_output.StructureMismatch as err:
                if is_correction:
                    raise AssistError(NOT_THE_STRUCTURE, message=str(err)) from None
                is_correction = True
                # The model has not seen the schema where the service drops what it cannot enforce.
                chat_log.async_add_user_content(
                    UserContent(
                        f"That does not match the structure: {err} Answer again with the corrected "
                        f"JSON object alone. Its JSON Schema:\n{json_dumps(schema)}"
                    )
                )

    async def async_answer_structured(
        self, chat_log: ChatLog, turn: Turn, name: str, schema: Json
    ) -> None:
        """Let the model answer with a JSON object, in the first mode that the service accepts."""
        strict_schema = structured_output.to_strict_schema(schema)
        while True:
            mode = self._mode()
            if mode == "json_schema" and strict_schema is None:
                mode = "json_object"
            structure = Structure(
                name=_INVALID_NAME_CHARACTERS.sub("_", name)[:64] or "data",
                schema=strict_schema if mode == "json_schema" and strict_schema else schema,
                mode=mode,
            )
            start = len(chat_log.content)
            try:
                await self.async_answer(chat_log, turn, rounds=_ROUNDS, structure=structure)
            except HomeAssistantError as err:
                is_rejected = matches(err, _STRUCTURE_REJECTED, _REJECTING_STATUSES)
                if (
                    len(chat_log.content) > start
                    or mode == _MODES[-1]
                    or not is_rejected
                    or self.option(CONF_STRUCTURED_OUTPUT) != _AUTO
                ):
                    raise
                next_mode = _MODES[_MODES.index(mode) + 1]
                self.host.known[CONF_STRUCTURED_OUTPUT] = next_mode
            else:
                return

    def _mode(self) -> str:
        """Return the mode of structured output: `json_schema`, `json_object` or `prompt`."""
        chosen = self.option(CONF_STRUCTURED_OUTPUT)
        known = self.host.known.get(CONF_STRUCTURED_OUTPUT, _MODES[0])
        return str(known if chosen == _AUTO else chosen)

    @override
    async def _async_generate_image(
        self, task: GenImageTask, chat_log: ChatLog
    ) -> GenImageTaskResult:
        """Return an image, made from a text or from the attached ones; raises translated errors."""
        turn = self._start_turn(chat_log.conversation_id)
        turn.data["model"] = self.options.get(CONF_IMAGE_MODEL)
        with turn.report_failures():
            result = await images.async_generate(self, task, turn, chat_log.conversation_id)
        chat_log.async_add_assistant_content_without_tools(
            AssistantContent(agent_id=self.entity_id, content=result.revised_prompt or "Done.")
        )
        turn.end(Ended.DONE)
        return result

    async def _async_evaluate(self, task: EvaluationTask) -> EvaluationTaskResult:
        """Return probabilities for questions; raises translated errors."""
        from . import evaluate  # noqa: PLC0415  # It needs what Home Assistant 2026.11 has.

        turn = self._start_turn(None)
        with turn.report_failures():
            result = await evaluate.async_evaluate(self, task, turn, self.async_answer_structured)
        turn.end(Ended.DONE)
        return result

    def _start_turn(self, conversation_id: str | None) -> Turn:
        """Begin a turn."""
        return Turn(
            self,
            _KIND,
            model=self.options.get(CONF_MODEL),
            context=self._context,
            conversation_id=conversation_id,
        )


def _last_text(chat_log: ChatLog) -> str:
    """Return the last text of the model."""
    last = chat_log.content[-1]
    return (last.content if isinstance(last, AssistantContent) else "") or ""
