"""Decisions: questions and their answers."""

from openai import AsyncOpenAI
import pytest

from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
EXISTS = hasattr(AsyncOpenAI(api_key="unused"), "decisions")
QUESTION = {"type": "predicate", "name": "alarm", "instructions": "Did the doorbell ring?"}


@pytest.mark.skipif(not EXISTS, reason="this SDK makes no decisions")
async def test_create_decision(standin: StandIn, call: Call) -> None:
    asked = {"model": "m-1", "input": "The doorbell rang.", "questions": [QUESTION]}
    answer = await call("create_decision", **asked, safety_identifier=None)

    assert answer["answers"] == [{"type": "predicate", "name": "alarm", "probability": 0.9}]
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/decisions")
    assert sent.body == {**asked, "safety_identifier": None}
