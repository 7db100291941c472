"""Decisions: the answer is yes where the evidence names the question."""

from __future__ import annotations

import json

from tests.standin import answers
from tests.standin.routing import Call, Route, need
from tests.standin.wire import Json, invalid


def _answer(question: Json, evidence: str) -> Json:
    """Answer one question."""
    need(question, "instructions", str)
    common = {"type": question.get("type"), "name": question.get("name")}
    match question.get("type"):
        case "predicate":
            words = question["instructions"].lower().split()
            is_named = any(len(word) > 3 and word in evidence for word in words)
            return {**common, "probability": 0.9 if is_named else 0.1}
        case "choice":
            values = [choice["value"] for choice in need(question, "choices", list)]
            chosen = next((item for item in values if str(item).lower() in evidence), values[0])
            shares = [{"value": item, "probability": float(item == chosen)} for item in values]
            return {**common, "choice": chosen, "confidence": 1.0, "probabilities": shares}
        case "score":
            labels = [level["label"] for level in need(question, "levels", list)]
            shares = [
                {"label": label, "value": value, "probability": 1 / len(labels)}
                for value, label in enumerate(labels)
            ]
            middle = (len(labels) - 1) / 2
            return {**common, "score": middle, "confidence": 0.5, "probabilities": shares}
    raise invalid("Invalid value for 'questions[].type'.", "questions", "invalid_value")


async def create(call: Call) -> Json:
    """Answer the questions, in their order."""
    evidence = json.dumps(need(call.json, "input", str, list)).lower()
    heard = answers.tokens(evidence)
    questions = need(call.json, "questions", list)
    return {
        "model": need(call.json, "model", str),
        "answers": [_answer(question, evidence) for question in questions],
        "usage": {
            "input_tokens": heard,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": len(questions),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": heard + len(questions),
        },
    }


ROUTES = (Route("POST", "/decisions", create),)
