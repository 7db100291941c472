"""The AI task entity of a subentry: data, images, and the evaluation of questions."""

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
from . import images, structures
from .const import CONF_EVALUATE, CONF_IMAGE_MODEL, CONF_MODEL, CONF_STRUCTURED_OUTPUT
from .errors import NOT_THE_STRUCTURE, AssistError, is_about
from .llm_entity import LanguageModelEntity
from .request import Structure
from .turns import Ended, Turn

if TYPE_CHECKING:
    from homeassistant.components.ai_task import EvaluationTask, EvaluationTaskResult

_KIND: Final = "ai_task"
_ROUNDS: Final = 50
_AUTO: Final = "auto"
_MODES: Final = ("json_schema", "json_object", "prompt")
_REFUSED: Final = re.compile(
    r"response_format|text\.format|schema|json_object|json mode|structured outputs?|\bgrammar\b"
    r"|response mime type|required for format",
    re.IGNORECASE,
)
"""What services call a structure that they refuse."""
# Some servers break at what they do not know, as llama-cpp-python does.
_STATUSES: Final = frozenset({400, 422, 500, 501})
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")


class TaskEntity(LanguageModelEntity, AITaskEntity):
    """Does AI tasks."""

    is_spoken_to = False

    @override
    @callback
    def take_options(self) -> None:
        super().take_options()
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
        turn = self._turn(chat_log.conversation_id)
        with turn.failures_reported():
            if task.structure is None:
                await self.async_answer(chat_log, turn, rounds=_ROUNDS)
                data: object = _last_text(chat_log)
            else:
                data = await self._async_structured(task, chat_log, turn)
        turn.note_text(question=task.instructions, answer=str(data))
        turn.end(Ended.DONE)
        return GenDataTaskResult(conversation_id=chat_log.conversation_id, data=data)

    async def _async_structured(self, task: GenDataTask, chat_log: ChatLog, turn: Turn) -> Json:
        """Return data of the task's structure, after one more question if need be."""
        assert task.structure is not None
        schema = structures.to_schema(task.structure, chat_log.llm_api)
        await self.async_answer_structured(chat_log, turn, task.name, schema)
        try:
            return structures.check(task.structure, schema, structures.parse(_last_text(chat_log)))
        except structures.Mismatch as err:
            # Some services leave out what they do not enforce: the model has not seen it then.
            chat_log.async_add_user_content(
                UserContent(
                    f"That does not match the structure: {err} Answer again with the corrected "
                    f"JSON object alone. Its JSON Schema:\n{json_dumps(schema)}"
                )
            )
        await self.async_answer_structured(chat_log, turn, task.name, schema)
        try:
            return structures.check(task.structure, schema, structures.parse(_last_text(chat_log)))
        except structures.Mismatch as err:
            raise AssistError(NOT_THE_STRUCTURE, message=str(err)) from None

    async def async_answer_structured(
        self, chat_log: ChatLog, turn: Turn, name: str, schema: Json
    ) -> None:
        """Let the model answer with a JSON object, in the best way that the service takes."""
        enforced = structures.strict(schema)
        while True:
            mode = self._mode()
            if mode == "json_schema" and enforced is None:
                mode = "json_object"
            structure = Structure(
                name=_NOT_IN_NAMES.sub("_", name)[:64] or "data",
                schema=enforced if mode == "json_schema" and enforced else schema,
                mode=mode,
            )
            before = len(chat_log.content)
            try:
                await self.async_answer(chat_log, turn, rounds=_ROUNDS, structure=structure)
            except HomeAssistantError as err:
                is_refused = is_about(err, _REFUSED, _STATUSES)
                if (
                    len(chat_log.content) > before
                    or mode == _MODES[-1]
                    or not is_refused
                    or self.option(CONF_STRUCTURED_OUTPUT) != _AUTO
                ):
                    raise
                following = _MODES[_MODES.index(mode) + 1]
                self.host.known[CONF_STRUCTURED_OUTPUT] = following
            else:
                return

    def _mode(self) -> str:
        """Return how the service is told a structure."""
        chosen = self.option(CONF_STRUCTURED_OUTPUT)
        known = self.host.known.get(CONF_STRUCTURED_OUTPUT, _MODES[0])
        return str(known if chosen == _AUTO else chosen)

    @override
    async def _async_generate_image(
        self, task: GenImageTask, chat_log: ChatLog
    ) -> GenImageTaskResult:
        """Return an image, made from a text or from the attached ones; raises translated errors."""
        turn = self._turn(chat_log.conversation_id)
        turn.data["model"] = self.options.get(CONF_IMAGE_MODEL)
        with turn.failures_reported():
            result = await images.async_generate(self, task, turn, chat_log.conversation_id)
        chat_log.async_add_assistant_content_without_tools(
            AssistantContent(agent_id=self.entity_id, content=result.revised_prompt or "Done.")
        )
        turn.end(Ended.DONE)
        return result

    async def _async_evaluate(self, task: EvaluationTask) -> EvaluationTaskResult:
        """Return probabilities for questions; raises translated errors."""
        from . import evaluate  # noqa: PLC0415  # It needs what Home Assistant 2026.11 has.

        turn = self._turn(None)
        with turn.failures_reported():
            result = await evaluate.async_evaluate(self, task, turn, self.async_answer_structured)
        turn.end(Ended.DONE)
        return result

    def _turn(self, conversation_id: str | None) -> Turn:
        """Begin a turn."""
        return Turn(
            self,
            _KIND,
            model=self.options.get(CONF_MODEL),
            context=self._context,
            conversation_id=conversation_id,
        )


def _last_text(chat_log: ChatLog) -> str:
    """Return what the model said last."""
    last = chat_log.content[-1]
    return (last.content if isinstance(last, AssistantContent) else "") or ""
