"""Errors are spoken in the language of the user, and the next turn works."""

from collections.abc import Callable
import json
import time
from typing import Any

from homeassistant.core import Event, HomeAssistant
import pytest

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..conftest import CANARY
from .answers import (
    SSE,
    completed,
    says,
    sse,
    text_events,
)
from .conftest import Ask, is_error, speech

HTML = "<html><body>Welcome</body></html>"
HELLO = sse([*text_events("Hello "), completed()])
CUT = len(sse(text_events("Hello ")[:3]))


def error(message: str, code: str = "", **more: Any) -> dict[str, Any]:
    """Return the body of a refusal."""
    return {"error": {"message": message, "code": code, **more}}


def broken(body: bytes | str, **fault: Any) -> Fault:
    """Return a stream with something wrong in it."""
    return Fault(path="/responses", body=body, content_type=SSE, count=None, **fault)


def refused(status: int, body: Any = None, **fault: Any) -> Fault:
    """Return a refusal of every request for an answer."""
    return Fault(path="responses|completions", status=status, body=body, count=None, **fault)


UNREACHABLE = ("The AI service cannot be reached.", "Der KI-Dienst ist nicht erreichbar.")
SLOW = (
    "The AI service does not answer in time.",
    "Der KI-Dienst antwortet nicht rechtzeitig.",
)
EMPTY = ("The AI service gave no answer.", "Der KI-Dienst hat keine Antwort gegeben.")
BROKEN = (
    "The answer of the AI service broke off.",
    "Die Antwort des KI-Dienstes ist abgebrochen.",
)
TROUBLE = (
    "The AI service has a problem. Try again later.",
    "Der KI-Dienst hat ein Problem. Versuche es später noch einmal.",
)
FAULTS = {
    "dropped_before": (
        Fault(path="/responses", drop="before", count=2),
        UNREACHABLE,
    ),
    "dropped_after_headers": (broken(HELLO, drop="headers"), UNREACHABLE),
    "dropped_in_answer": (broken(HELLO, drop="body", cut_after=CUT), BROKEN),
    "ended_in_answer": (broken(HELLO, cut_after=CUT), BROKEN),
    "silent_before_first_piece": (Fault(path="/responses", hang=True), SLOW),
    "silent_after_headers": (broken(b"", stall=True), SLOW),
    "silent_in_answer": (broken(HELLO, cut_after=CUT, stall=True), SLOW),
    "unauthorized": (
        refused(401, error(f"Incorrect API key provided: {CANARY}")),
        (
            "The AI service does not accept the key. Check its entry in Home Assistant.",
            "Der KI-Dienst nimmt den Schlüssel nicht an. Prüfe seinen Eintrag in Home Assistant.",
        ),
    ),
    "forbidden": (
        refused(403, error("No access")),
        (
            "The key may not do this at the AI service.",
            "Der Schlüssel darf das beim KI-Dienst nicht.",
        ),
    ),
    "model_not_found": (
        refused(404, error("The model 'x' does not exist", "model_not_found")),
        (
            "The AI service does not have the model gpt-5-mini. Choose another one.",
            "Der KI-Dienst hat das Modell gpt-5-mini nicht. Wähle ein anderes.",
        ),
    ),
    "no_api_at_all": (
        refused(404, error("Not Found")),
        ("The AI service does not support this.", "Der KI-Dienst kann das nicht."),
    ),
    "rate_limited": (
        refused(429, error("Slow down", "rate_limit_exceeded")),
        (
            "The AI service gets too many requests. Try again in a moment.",
            "Der KI-Dienst bekommt zu viele Anfragen. Versuche es gleich noch einmal.",
        ),
    ),
    "rate_limited_for_long": (
        refused(429, error("Slow down"), headers={"Retry-After": "3600"}),
        (
            "The AI service gets too many requests. Try again in a moment.",
            "Der KI-Dienst bekommt zu viele Anfragen. Versuche es gleich noch einmal.",
        ),
    ),
    "quota": (
        refused(429, error("No credit", "insufficient_quota")),
        (
            "Your quota at the AI service is used up.",
            "Dein Kontingent beim KI-Dienst ist aufgebraucht.",
        ),
    ),
    "server_error": (refused(500, error("Oops")), TROUBLE),
    "unavailable": (refused(503, HTML, content_type="text/html"), TROUBLE),
    "refused": (
        refused(400, error("Bad temperature", param="temperature")),
        (
            "The AI service refused the request: Bad temperature",
            "Der KI-Dienst hat die Anfrage abgelehnt: Bad temperature",
        ),
    ),
    "html": (
        Fault(path="responses|completions", body=HTML, content_type="text/html", count=None),
        BROKEN,
    ),
    "half_an_event": (broken(b'data: {"type": "resp\n\n'), BROKEN),
    "no_object": (broken(b"data: 17\n\n"), BROKEN),
    "empty_stream": (broken(b": hello\n\n"), BROKEN),
    "failed_response": (
        broken(sse([{"type": "response.failed", "response": error("Overloaded")}])),
        TROUBLE,
    ),
    "error_event": (broken(sse([{"type": "error", "message": "Overloaded"}])), TROUBLE),
    "only_thoughts": (
        broken(sse([{"type": "response.reasoning_text.delta", "delta": "Hm"}, completed()])),
        EMPTY,
    ),
    "no_text": (broken(sse([completed()])), EMPTY),
    "spaces": (broken(sse([*text_events(" ", "\n"), completed()])), EMPTY),
    "content_filter": (
        broken(
            sse(
                [
                    {
                        "type": "response.incomplete",
                        "response": {"incomplete_details": {"reason": "content_filter"}},
                    }
                ]
            )
        ),
        (
            "The AI service refused to answer that.",
            "Der KI-Dienst hat sich geweigert, darauf zu antworten.",
        ),
    ),
    "flood": (
        broken(sse([*text_events(*["x" * 1_000_000] * 17), completed()])),
        BROKEN,
    ),
}


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", FAULTS)
async def test_error_is_spoken(
    hass: HomeAssistant,
    standin: StandIn,
    impatient_agent: str,
    ask: Ask,
    events: Callable[[str], list[Event]],
    name: str,
    language: str,
) -> None:
    fault, sentences = FAULTS[name]
    told = events("openai_api_turn_event")
    standin.fail(fault)
    result = await ask("My secret question", language=language)

    assert is_error(result)
    assert speech(result).rstrip(".") == sentences[language == "de"].rstrip(".")
    await hass.async_block_till_done()
    assert told[-1].data["ended"] == "failed"
    assert told[-1].data["error"]
    shown = json.dumps(told[-1].data)
    assert "secret question" not in shown
    assert CANARY not in shown
    standin.reset()
    standin.fail(says("Fine."))
    assert speech(await ask("Again", language=language)) == "Fine."


@pytest.mark.parametrize(
    ("message", "delay", "requests", "least"),
    [
        ("Rate limit reached. Please try again in 20ms.", "", 2, 0.02),
        ("Requests have exceeded the limit. Please retry after 0.02 seconds.", "", 2, 0.02),
        ("Please try again in 7m12s.", "", 1, 0),
        ("Please retry in 59.5s.", "", 1, 0),
        ("Too many requests", "", 2, 0),
        ("Too many requests", "0.3s", 2, 0.3),
        ("Too many requests", "59s", 1, 0),
        ("Please try again in 20ms.", "59s", 2, 0.02),
    ],
)
async def test_rate_limit_is_retried_after_stated_delay(
    standin: StandIn,
    agent: str,
    ask: Ask,
    message: str,
    delay: str,
    requests: int,
    least: float,
) -> None:
    details = [{"@type": "x/RetryInfo", "retryDelay": delay}] if delay else []
    standin.fail(Fault(path="/responses", status=429, body=error(message, details=details)))
    standin.fail(says("Hi."))
    started = time.monotonic()
    result = await ask()

    assert is_error(result) is (requests == 1)
    assert len([one for one in standin.requests if one.path == "/responses"]) == requests
    assert least <= time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("faults", "requests", "least"),
    [
        ([{"status": 429}, {"status": 429}], 3, 1.5),
        ([{"status": 500}, {"status": 502}], 3, 1.5),
        ([{"status": 429, "headers": {"Retry-After": "1"}}], 2, 1),
        ([{"status": 503, "headers": {"Retry-After-Ms": "20"}}], 2, 0.02),
        ([{"status": 503, "headers": {"Retry-After": "soon"}}], 2, 0.5),
        ([{"status": 503, "headers": {"Retry-After": "-5"}}], 2, 0.5),
        ([{"status": 503}] * 3, 3, 1.5),
        ([{"status": 503, "headers": {"Retry-After": "3600"}}], 1, 0),
        ([{"status": 429, "body": error("No credit", "insufficient_quota")}], 1, 0),
    ],
)
async def test_busy_service_is_asked_again_after_a_pause(
    standin: StandIn,
    agent: str,
    ask: Ask,
    faults: list[dict[str, Any]],
    requests: int,
    least: float,
) -> None:
    for fault in faults:
        standin.fail(Fault(path="/responses", **fault))
    standin.fail(says("Hi."))
    started = time.monotonic()
    result = await ask()

    assert is_error(result) is (requests <= len(faults))
    assert len([one for one in standin.requests if one.path == "/responses"]) == requests
    assert least <= time.monotonic() - started < least + 3


@pytest.mark.parametrize(
    ("language", "is_german"),
    [
        ("de-CH", True),
        ("de_CH", True),
        ("zh-Hant", False),
        ("*", False),
        ("", False),
        ("../de", False),
        ("x" * 300, False),
    ],
)
async def test_error_in_any_language(
    standin: StandIn, agent: str, ask: Ask, language: str, is_german: bool
) -> None:
    standin.fail(Fault(path="/responses", status=503, body=error("Down"), count=3))
    result = await ask(language=language)

    assert is_error(result)
    assert speech(result).rstrip(".") == TROUBLE[is_german].rstrip(".")
