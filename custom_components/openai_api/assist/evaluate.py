"""Evaluates the questions of an AI task, a feature of Home Assistant since 2026.11."""

from collections.abc import Awaitable, Callable, Mapping
import math
from typing import Any, Final

from homeassistant.components.ai_task import (
    ChoiceAnswer,
    EvaluationAnswer,
    EvaluationQuestion,
    EvaluationTask,
    EvaluationTaskResult,
    NoulAnswer,
    ScoreAnswer,
)
from homeassistant.components.conversation import ChatLog, SystemContent, UserContent
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import json_dumps
from homeassistant.util.ulid import ulid_now

from ..types import Json
from . import structured_output
from .chat_log import Attachments
from .const import CONF_EVALUATE, CONF_MODEL, CONF_PATIENCE
from .errors import (
    CONTENT_REFUSED,
    NOT_THE_STRUCTURE,
    AssistError,
    is_api_unsupported,
    is_model_unknown,
)
from .http import async_request
from .llm_entity import LanguageModelEntity
from .turns import Turn

_METHOD: Final = "decisions.create"
_DECISIONS: Final = "decisions"
_PROMPT: Final = (
    "You estimate probabilities. Answer every question about the given state with numbers from "
    "0 to 1; those of the alternatives of one question add up to 1."
)


type AnswerStructured = Callable[[ChatLog, Turn, str, Json], Awaitable[None]]


async def async_evaluate(
    entity: LanguageModelEntity,
    task: EvaluationTask,
    turn: Turn,
    answer_structured: AnswerStructured,
) -> EvaluationTaskResult:
    """Return the answers of the Decisions API, or of structured output.

    `answer_structured` lets the model of the entity answer with a JSON object of a schema.
    Raises AssistError "assist_content_refused" or "assist_not_the_structure", and ApiError.
    """
    known = entity.host.known
    option = entity.option(CONF_EVALUATE)
    method = known.get(CONF_EVALUATE, _DECISIONS) if option == "auto" else option
    if method == _DECISIONS:
        try:
            return await _async_decide(entity, task, turn)
        except HomeAssistantError as err:
            if option != "auto" or not (is_api_unsupported(err) or is_model_unknown(err)):
                entity.host.record_failure(err, _METHOD, entity.options.get(CONF_MODEL))
                raise
            known[CONF_EVALUATE] = "structured"
    return await _async_estimate(entity, task, turn, answer_structured)


async def _async_decide(
    entity: LanguageModelEntity, task: EvaluationTask, turn: Turn
) -> EvaluationTaskResult:
    """Ask the Decisions API."""
    turn.data["transport"] = _DECISIONS
    content = UserContent(_state(task), attachments=task.attachments)
    attachments = Attachments(entity.hass)
    await attachments.async_read([content])
    parts = attachments.content_parts(content, is_chat=False)
    if isinstance(parts, list):
        # It takes the URL of an image and nothing more.
        parts = [
            {key: value for key, value in part.items() if key != "detail"}
            for part in (parts if task.state is not None else parts[1:])
        ]
    body: Json = {
        "model": entity.options[CONF_MODEL],
        "input": [{"role": "user", "content": parts}] if isinstance(parts, list) else parts,
        "questions": [_question(name, item) for name, item in task.questions.items()],
    }
    arguments = {"model": body["model"], "input": "", "questions": [], "extra_body": body}
    seconds = float(entity.option(CONF_PATIENCE))
    answer = await async_request(entity.host, _METHOD, arguments, seconds)
    turn.mark("first_piece_ms")
    turn.data["rounds"] += 1
    turn.add_usage(answer.get("usage"))
    entity.host.record_success(answer, _METHOD, body["model"])
    answers: dict[str, EvaluationAnswer] = {}
    items = answer.get("answers")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and (name := item.get("name")) in task.questions:
            if item.get("type") == "refusal":
                raise AssistError(CONTENT_REFUSED)
            answers[str(name)] = _decision_answer(task.questions[str(name)], item)
    return _result(task, answers)


def _state(task: EvaluationTask) -> str:
    """Return the state that the questions are about, as a text."""
    return task.state if isinstance(task.state, str) else json_dumps(task.state)


def _question(name: str, question: EvaluationQuestion) -> Json:
    """Return a question in the form of the Decisions API."""
    common: Json = {"name": name, "instructions": question["instructions"]}
    if question["type"] == "noul":
        return {"type": "predicate", **common}
    if question["type"] == "choice":
        choices = [
            {"value": value, "description": text} for value, text in question["criteria"].items()
        ]
        return {"type": "choice", **common, "choices": choices}
    levels = [
        {"label": str(index), "description": text}
        for index, text in enumerate(question["criteria"])
    ]
    return {"type": "score", **common, "levels": levels}


def _decision_answer(question: EvaluationQuestion, item: Json) -> EvaluationAnswer:
    """Return the answer to a question from an item of the Decisions API."""
    shares = item.get("probabilities")
    shares = [share for share in shares if isinstance(share, dict)] if shares else []
    if question["type"] == "noul":
        return NoulAnswer(noul=_probability(item.get("probability")))
    if question["type"] == "choice":
        answer = {
            str(share.get("value")): _probability(share.get("probability")) for share in shares
        }
        return _choice(question["criteria"], answer)
    by_level = {share.get("value"): _probability(share.get("probability")) for share in shares}
    levels = [by_level.get(index, 0.0) for index in range(len(question["criteria"]))]
    return _score(levels)


async def _async_estimate(
    entity: LanguageModelEntity,
    task: EvaluationTask,
    turn: Turn,
    answer_structured: AnswerStructured,
) -> EvaluationTaskResult:
    """Return the probabilities that the model estimates, as structured output."""
    ids = {f"q{index}": name for index, name in enumerate(task.questions)}
    schema: Json = {
        "type": "object",
        "properties": {key: _schema(task.questions[name]) for key, name in ids.items()},
        "required": list(ids),
        "additionalProperties": False,
    }
    questions = {
        key: {"instructions": task.questions[name]["instructions"], **_criteria(task, name)}
        for key, name in ids.items()
    }
    chat_log = ChatLog(entity.hass, ulid_now())
    chat_log.content[0] = SystemContent(content=_PROMPT)
    chat_log.async_add_user_content(
        UserContent(
            f"State:\n{_state(task)}\n\nQuestions:\n{json_dumps(questions)}",
            attachments=task.attachments,
        )
    )
    await answer_structured(chat_log, turn, task.name, schema)
    last = chat_log.content[-1]
    try:
        data = structured_output.parse_object(getattr(last, "content", None) or "")
    except structured_output.StructureMismatch as err:
        raise AssistError(NOT_THE_STRUCTURE, message=str(err)) from None
    return _result(
        task,
        {
            name: _estimate_answer(task.questions[name], data[key])
            for key, name in ids.items()
            if key in data
        },
    )


def _schema(question: EvaluationQuestion) -> Json:
    """Return the schema of the answer to a question."""
    number: Json = {"type": "number"}
    if question["type"] == "noul":
        return {**number, "description": "The probability that the answer is yes."}
    keys = (
        [f"c{index}" for index in range(len(question["criteria"]))]
        if question["type"] == "choice"
        else [f"level{index}" for index in range(len(question["criteria"]))]
    )
    return {
        "type": "object",
        "properties": dict.fromkeys(keys, number),
        "required": keys,
        "additionalProperties": False,
    }


def _criteria(task: EvaluationTask, name: str) -> Json:
    """Return the descriptions of the alternatives of a question."""
    question = task.questions[name]
    if question["type"] == "noul":
        return {}
    if question["type"] == "choice":
        texts = [f"{value}: {text}" for value, text in question["criteria"].items()]
        return {"alternatives": {f"c{index}": text for index, text in enumerate(texts)}}
    return {"levels": {f"level{index}": text for index, text in enumerate(question["criteria"])}}


def _estimate_answer(question: EvaluationQuestion, value: Any) -> EvaluationAnswer:
    """Return the answer to a question from the numbers of the model."""
    if question["type"] == "noul":
        return NoulAnswer(noul=_probability(value))
    if not isinstance(value, dict):
        raise AssistError(NOT_THE_STRUCTURE, message=str(value)[:100])
    if question["type"] == "choice":
        answer = {
            name: _probability(value.get(f"c{index}", 0))
            for index, name in enumerate(question["criteria"])
        }
        return _choice(question["criteria"], answer)
    return _score(
        [_probability(value.get(f"level{index}", 0)) for index in range(len(question["criteria"]))]
    )


def _probability(value: Any) -> float:
    """Return a number from 0 to 1; raises `assist_not_the_structure`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise AssistError(NOT_THE_STRUCTURE, message=str(value)[:100])
    return min(1.0, max(0.0, float(value)))


def _choice(criteria: Mapping[str, str], weights: Mapping[str, float]) -> ChoiceAnswer:
    """Return a choice with probabilities that add up to 1."""
    shares = _normalised([weights.get(name, 0.0) for name in criteria])
    probabilities = dict(zip(criteria, shares, strict=True))
    return ChoiceAnswer(
        choice=max(probabilities, key=lambda name: probabilities[name]), probabilities=probabilities
    )


def _score(weights: list[float]) -> ScoreAnswer:
    """Return the expected level with probabilities that add up to 1."""
    shares = _normalised(weights)
    return ScoreAnswer(
        score=sum(index * share for index, share in enumerate(shares)), probabilities=shares
    )


def _normalised(weights: list[float]) -> list[float]:
    """Return numbers that add up to 1; raises `assist_not_the_structure` where all are 0."""
    if (total := sum(weights)) <= 0:
        raise AssistError(NOT_THE_STRUCTURE, message="0")
    return [value / total for value in weights]


def _result(task: EvaluationTask, answers: dict[str, EvaluationAnswer]) -> EvaluationTaskResult:
    """Return the answers in the order of the questions; raises if one is missing."""
    if missing := [name for name in task.questions if name not in answers]:
        raise AssistError(NOT_THE_STRUCTURE, message=", ".join(missing))
    return EvaluationTaskResult(answers={name: answers[name] for name in task.questions})
