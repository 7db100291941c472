"""What servers say of an error, in whatever form, reaches whoever asked."""

import json
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer, answer

from .conftest import CANARY, Call, raises_key
from .streaming.conftest import raw as raw  # noqa: PLC0414
from .streaming.host import ASK, CHAT, Json, chunk, event, stream

WORDS = "Too hot to serve"
NONE = "request: {} (HTTP 400)".format
"""What is told where there is no code and no parameter."""


async def text_of(raw: RawServer, call: Call, body: Any, status: int = 400, **more: Any) -> str:
    """Return the text of the error that a body with an error status leads to."""
    raw.play([answer(body, status, **more)])
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", **ASK)
    assert CANARY not in str(caught.value)
    return str(caught.value)


LISTS: dict[str, tuple[Any, str]] = {
    "texts beside a message": (
        {"message": "Validation failed", "errors": ["no model", "no input"]},
        "Validation failed: no model; no input",
    ),
    "objects beside a message": (
        {"message": "Validation failed.", "errors": [{"message": "no model"}, {"msg": "no input"}]},
        "Validation failed: no model; no input",
    ),
    "one object beside a detail": (
        {"detail": "Validation failed", "errors": [{"detail": "no model"}]},
        "Validation failed: no model",
    ),
    "fields beside a message": (
        {"message": "Validation failed", "errors": [{"loc": ["body", "n"], "msg": "too big"}]},
        "Validation failed: body.n too big",
    ),
    "within the error": (
        {"error": {"message": "Validation failed", "errors": ["no model", "no input"]}},
        "Validation failed: no model; no input",
    ),
    "beside an error in words": (
        {"error": "Validation failed", "errors": ["no model"]},
        "Validation failed: no model",
    ),
    "a message that is the first item": (
        {"error": {"message": "no model", "errors": [{"message": "no model", "reason": "x"}]}},
        "request: no model (HTTP 400",
    ),
    "objects alone": (
        {"errors": [{"message": "no model"}, {"message": "no input"}]},
        NONE("no model; no input"),
    ),
    "objects alone, all": (
        {"errors": [{"code": 7, "message": "no model"}, {"code": 8, "message": "no input"}]},
        "no model; no input (HTTP 400, code: 7)",
    ),
    "texts and what is none": (
        {"message": "Validation failed", "errors": ["no model", 5, None, ["n"]]},
        "Validation failed: no model",
    ),
    "objects and texts": ({"errors": ["no model", {"msg": "no input"}]}, "no model; no input"),
    "objects in a detail": (
        {"detail": [{"message": "no model"}, {"message": "no input"}]},
        "no model; no input",
    ),
    "the key of the service": (
        {"message": "Failed", "errors": [f"bad {CANARY}"]},
        "Failed: bad ***",
    ),
}
FLAGS: dict[str, tuple[Any, str]] = {
    "true and message": ({"error": True, "message": WORDS}, WORDS),
    "true and msg": ({"error": True, "msg": WORDS}, WORDS),
    "true and detail": (
        {"error": True, "detail": WORDS, "code": "hot"},
        f"{WORDS} (HTTP 400, code: hot)",
    ),
    "one": ({"error": 1, "msg": WORDS}, WORDS),
    "true in words": ({"error": "true", "msg": WORDS}, NONE(WORDS)),
    "True in words": ({"error": "True", "message": WORDS}, NONE(WORDS)),
    "a name beside a message": (
        {"error": "invalid_request", "message": WORDS},
        f"{WORDS} (HTTP 400, code: invalid_request)",
    ),
    "a name beside a detail": (
        {"error": "invalid_request", "detail": WORDS},
        f"{WORDS} (HTTP 400, code: invalid_request)",
    ),
    "nothing else": ({"error": True}, "True"),
}
NAMES: dict[str, tuple[Any, str]] = {
    "error_code": ({"error_code": "hot", "error_msg": WORDS}, f"{WORDS} (HTTP 400, code: hot)"),
    "errorCode": ({"errorCode": "hot", "errorMessage": WORDS}, f"{WORDS} (HTTP 400, code: hot)"),
    "errorCode outside": (
        {"errorCode": "hot", "error": {"message": WORDS}},
        f"{WORDS} (HTTP 400, code: hot)",
    ),
    "error_message": (
        {"error": {"error_code": 7, "error_message": WORDS}},
        f"{WORDS} (HTTP 400, code: 7)",
    ),
    "Message": ({"Message": WORDS}, NONE(WORDS)),
    "title": ({"title": WORDS, "status": 400}, NONE(WORDS)),
    "title and detail": ({"title": "Bad", "detail": WORDS}, NONE(WORDS)),
    "innererror": (
        {
            "error": {
                "code": "content_filter",
                "message": WORDS,
                "innererror": {"code": "Jailbreak"},
            }
        },
        f"{WORDS} (HTTP 400, code: Jailbreak)",
    ),
    "inner_error": (
        {"error": {"code": None, "message": WORDS, "inner_error": {"code": "Jailbreak"}}},
        f"{WORDS} (HTTP 400, code: Jailbreak)",
    ),
    "innererror in innererror": (
        {
            "error": {
                "code": "a",
                "message": WORDS,
                "innererror": {"code": "b", "innererror": {"code": "c"}},
            }
        },
        f"{WORDS} (HTTP 400, code: c)",
    ),
    "innererror without a code": (
        {"error": {"code": "a", "message": WORDS, "innererror": {"x": 1}}},
        f"{WORDS} (HTTP 400, code: a)",
    ),
}
RAW: dict[str, tuple[Any, str]] = {
    kind: (
        {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}},
        shown,
    )
    for kind, raw, shown in (
        ("an error", {"error": {"message": WORDS}}, f"error: {WORDS}"),
        ("a message", {"message": WORDS}, f"error: {WORDS}"),
        ("a list", [{"error": {"message": WORDS}}], f"error: {WORDS}"),
        ("unknown names", {"why": WORDS}, f'error: {{"why":"{WORDS}"}}'),
        ("nothing", {}, "request: Provider returned error (HTTP 400"),
        ("the key", {"error": {"message": f"bad {CANARY}"}}, "error: bad ***"),
    )
}
ERROR = json.dumps({"error": {"message": WORDS, "code": "hot"}})
EVENTS: dict[str, tuple[Any, str]] = {
    name: (text.encode(), f"{WORDS} (HTTP 400, code: hot)")
    for name, text in {
        "a name": f"event: error\ndata: {ERROR}\n\n",
        "a name and CRLF": f"event: error\r\ndata: {ERROR}\r\n\r\n",
        "a comment": f": hello\n\ndata: {ERROR}\n\ndata: [DONE]\n\n",
        "a comment without words": f":\n\ndata: {ERROR}\n\n",
        "data": f"data: {ERROR}\n\ndata: [DONE]\n\n",
        "no blank lines": f"data: {ERROR}\ndata: [DONE]\n",
        "an id": f"id: 1\nretry: 5\ndata:{ERROR}\n\n",
        "data in lines": "event: error\ndata: {\ndata: " + ERROR[1:] + "\n\n",
    }.items()
} | {
    "words": (f"event: error\ndata: {WORDS}\n\n".encode(), NONE(WORDS)),
    "no event": (f"id: {WORDS}".encode(), NONE(f"id: {WORDS}")),
}


@pytest.mark.parametrize(
    "cases", [LISTS, FLAGS, NAMES, RAW, EVENTS], ids=["lists", "flags", "names", "raw", "events"]
)
async def test_error_body_is_told(
    raw: RawServer, call: Call, subtests: pytest.Subtests, cases: dict[str, tuple[Any, str]]
) -> None:
    for name, (body, shown) in cases.items():
        with subtests.test(name):
            assert shown in await text_of(raw, call, body)


@pytest.mark.parametrize("kind", ["list", "raw", "inner"])
async def test_error_body_of_many_levels(raw: RawServer, call: Call, kind: str) -> None:
    start, end = {
        "list": (b'{"errors":[{"message":"m"},', b"]}"),
        "raw": (b'{"message":"m","metadata":{"raw":', b"}}"),
        "inner": (b'{"message":"m","innererror":', b"}"),
    }[kind]
    assert "m" in await text_of(raw, call, start * 400 + b"1" + end * 400)


@pytest.mark.parametrize(
    ("message", "delay", "shown"),
    [
        ("Busy", "13s", "Busy (retry in 13s)"),
        ("Busy.", "0.5s", "Busy (retry in 0.5s)"),
        ("Busy. Please retry in 13.2s.", "13s", "Busy. Please retry in 13.2s. ("),
        ("Busy", "soon", "Busy ("),
        ("Busy", 13, "Busy ("),
    ],
)
async def test_error_retry_delay(
    raw: RawServer, call: Call, message: str, delay: Any, shown: str
) -> None:
    details = [{"@type": "x/QuotaFailure"}, {"@type": "x/RetryInfo", "retryDelay": delay}]
    error = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": details}
    text = await text_of(raw, call, [{"error": error}], 429)
    assert f"The service answered: {shown}" in text
    assert ("(retry in" in text) is ("(retry in" in shown)


PROBLEM = {"type": "about:blank", "title": "Slow down", "detail": WORDS, "status": 429}
ALONE: dict[str, Json] = {
    "problem": PROBLEM,
    "problem without detail": {"type": "about:blank", "title": WORDS, "status": 429},
    "problem without title": {"type": "about:blank", "detail": WORDS},
    "problem with an address": {**PROBLEM, "type": "https://example.com/hot"},
    "Message": {"Message": WORDS},
    "message": {"message": WORDS},
    "message of a type": {"type": "overloaded", "message": WORDS},
    "errorMessage": {"errorMessage": WORDS},
    "error in the response": {"response": {"error": {"message": WORDS}}},
    "error in the failed response": {
        "response": {
            "id": "r",
            "object": "response",
            "status": "failed",
            "error": {"message": WORDS},
        }
    },
}


@pytest.mark.parametrize("is_stream", [True, False], ids=["asked", "not asked"])
@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_error_as_only_event_is_told(
    raw: RawServer, call: Call, events: Any, subtests: pytest.Subtests, done: bool, is_stream: bool
) -> None:
    fired = events("openai_api_stream_event")
    for name, found in ALONE.items():
        secret = json.loads(json.dumps(found).replace(WORDS, f"{WORDS} {CANARY}"))
        for action, data in (("create_chat_completion", CHAT), ("create_model_response", ASK)):
            with subtests.test(f"{name}, {action}"):
                raw.play(stream(secret, done=done))
                with raises_key("stream_error" if is_stream else "host_error") as caught:
                    await call(action, **data, **{"stream": True} if is_stream else {})
                assert f": {WORDS} ***" in str(caught.value)
                assert CANARY not in str([one.data for one in fired])


async def test_event_that_may_be_error_is_ignored(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for name, found in {
        "a state": {"status": "loading", "message": WORDS},
        "a message": {"type": "note", "message": WORDS},
        "no error in the response": {"response": {"error": None}},
    }.items():
        with subtests.test(name):
            raw.play(stream(found, chunk({"content": "Hi"}, "stop")))
            answered = await call("create_chat_completion", stream=True, **CHAT)
            assert answered["choices"][0]["message"]["content"] == "Hi"
    raw.play(stream({"status": "loading", "message": WORDS}, event({}), done=False))
    with raises_key("stream_cut"):
        await call("create_chat_completion", stream=True, **CHAT)
