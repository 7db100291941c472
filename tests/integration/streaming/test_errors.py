"""Errors in the midst of streams, wherever hosts put them."""

import pytest

from tests.resilience.raw_server import RawServer, Script, Step

from ..conftest import Call, raises_key
from .host import ASK, CHAT, RESPONSE, chunk, event, named, stream

HELLO = chunk({"role": "assistant", "content": "Hel"})
TOO_LONG = "the request exceeds the available context size"
PLACES: dict[str, Script] = {
    "a line of its own": stream(
        HELLO, f'error: {{"code":400,"message":"{TOO_LONG}"}}\n\n'.encode(), done=False
    ),
    "a line of its own, line kept": [
        *stream(HELLO, f'error: {{"code":400,"message":"{TOO_LONG}"}}\n\n'.encode(), done=False)[
            :-1
        ],
        Step.HOLD,
    ],
    "words on a line": stream(HELLO, f"error: {TOO_LONG}\n\n".encode(), done=False),
    "bare JSON": stream(
        HELLO, f'{{"error": {{"code":400,"message":"{TOO_LONG}"}}}}\n\n'.encode(), done=False
    ),
    "bare JSON without a line end": stream(
        HELLO, f'{{"error": {{"message":"{TOO_LONG}"}}}}'.encode(), done=False
    ),
    "an event of words": stream(HELLO, event(TOO_LONG.encode(), "error")),
    "data that begin with error": stream(HELLO, event(f"error: {TOO_LONG}".encode())),
    "data that begin with [ERROR]": stream(HELLO, event(f"[ERROR] {TOO_LONG}".encode())),
    "in the choice": stream(
        chunk(
            choices=[
                {
                    "index": 0,
                    "delta": {"content": ""},
                    "finish_reason": "error",
                    "error": {"code": 502, "message": TOO_LONG},
                }
            ]
        )
    ),
    "beside the choice": stream(chunk({"content": ""}, "error", error={"message": TOO_LONG})),
    "in the piece": stream(HELLO, chunk({"error": {"code": 502, "message": TOO_LONG}}, "error")),
    "in the piece, as a text": stream(HELLO, chunk({"error": TOO_LONG})),
    "in the piece, and cut": stream(HELLO, chunk({"error": {"message": TOO_LONG}}), done=False),
    "bare words": stream(HELLO, f"upstream: {TOO_LONG}\n".encode(), done=False),
    "bare words without a line end": stream(HELLO, f"- {TOO_LONG}".encode(), done=False),
    "bare words in lines": stream(
        HELLO, f"Sorry,\n: a comment\n- {TOO_LONG}\n".encode(), done=False
    ),
    "a field of another name": stream(HELLO, f"message: {TOO_LONG}\n\n".encode(), done=False),
    "an object": stream(HELLO, {"object": "error", "message": TOO_LONG, "code": 400}),
    "detail": stream(HELLO, {"detail": TOO_LONG}),
    "success: false": stream(HELLO, {"success": False, "message": TOO_LONG}),
    "Python within words": stream(
        HELLO, {"error": {"message": f"Error code: 400 - {{'error': {{'message': '{TOO_LONG}'}}}}"}}
    ),
}


async def test_stream_error_raises(raw: RawServer, call: Call, subtests: pytest.Subtests) -> None:
    for case, played in PLACES.items():
        with subtests.test(case):
            raw.play(played)
            with raises_key("stream_error") as caught:
                await call("create_chat_completion", stream=True, **CHAT)
            assert f": {TOO_LONG}" in str(caught.value) or f"- {TOO_LONG}" in str(caught.value)
            assert "{" not in str(caught.value)


async def test_finish_reason_error_raises(raw: RawServer, call: Call) -> None:
    raw.play(stream(HELLO, chunk({}, "error")), stream(chunk({}, "error")))
    for words in (": Hel (finish_reason: error)", ": finish_reason: error"):
        with raises_key("stream_error") as caught:
            await call("create_chat_completion", stream=True, **CHAT)
        assert str(caught.value).endswith(words)


@pytest.mark.parametrize(
    "error", [None, "", {}, [], False, {"code": None, "message": None}], ids=repr
)
async def test_stream_empty_error_is_ignored(raw: RawServer, call: Call, error: object) -> None:
    raw.play(
        stream(chunk({"content": "Hello"}, error=error), chunk({}, "stop", error=error)),
        stream(named("response.completed", response={**RESPONSE, "error": error}, error=error)),
    )
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert (await call("create_model_response", stream=True, **ASK))["output_text"] == "Hello"


async def test_failed_response_is_returned(raw: RawServer, call: Call) -> None:
    failed = {**RESPONSE, "status": "failed", "output": [], "error": {"code": "x", "message": "y"}}
    raw.play(stream(named("response.failed", response=failed)))
    answer = await call("create_model_response", stream=True, **ASK)
    assert (answer["status"], answer["error"]["message"]) == ("failed", "y")
