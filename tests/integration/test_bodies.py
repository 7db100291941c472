"""Answers with a good status that tell of an error, are too deep, or wrapped in something."""

import json
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer, answer

from .conftest import CANARY, Call, raises_key
from .streaming.conftest import raw as raw  # noqa: PLC0414
from .streaming.host import ASK, CHAT, RESPONSE, Json, chunk, stream

WORDS = "maximum context length is 4096"
CHOICE = {"index": 0, "message": {"role": "assistant", "content": ""}}
ERRORS: dict[str, Json] = {
    "beside an id": {"id": "gen-1", "error": {"code": 502, "message": WORDS}},
    "beside an object": {"object": "chat.completion", "error": {"message": WORDS}},
    "beside all that an answer has": {
        "id": "gen-1",
        "object": "chat.completion",
        "choices": [],
        "error": {"message": WORDS},
    },
    "beside a response without a status": {**RESPONSE, "status": None, "error": {"message": WORDS}},
    "an object of its own": {"object": "error", "message": WORDS, "type": "x", "code": 400},
    "a type of its own": {"type": "error", "message": WORDS},
    "in the choice": {
        "id": "gen-1",
        "choices": [{**CHOICE, "finish_reason": "error", "error": {"message": WORDS}}],
    },
    "in the choice, as its message": {
        "id": "gen-1",
        "choices": [{**CHOICE, "message": {"content": WORDS}, "finish_reason": "error"}],
    },
    "in the choice, finish_reason stop": {
        "id": "gen-1",
        "choices": [{**CHOICE, "finish_reason": "stop", "error": {"message": WORDS}}],
    },
    "in the message": {
        "id": "gen-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "", "error": {"message": WORDS}},
                "finish_reason": "stop",
            }
        ],
    },
    "in the message, as a text": {
        "choices": [{"index": 0, "message": {"content": None, "error": WORDS}}]
    },
    "success false": {"success": False, "message": WORDS},
    "success false, in a list": {
        "success": False,
        "result": None,
        "errors": [{"code": 7003, "message": WORDS}],
    },
    "success false, error is a text": {"success": "false", "error": WORDS},
    "detail": {"detail": WORDS},
    "detail that is an object": {"detail": {"error": {"message": WORDS}}},
    "detail that names fields": {"detail": [{"loc": ["body", "x"], "msg": WORDS}]},
    "code and msg": {"code": 1113, "msg": WORDS},
    "status and message": {"status": "error", "message": WORDS},
    "status that is a number": {"status": 500, "error": "Server Error", "message": WORDS},
    "nothing but a status and words": {"status": 500, "message": WORDS},
    "a text": {"error": WORDS},
    "a list": {"error": [{"message": WORDS}]},
    "a status of failure without an id": {"status": "failed", "error": {"message": WORDS}},
    "code, msg and no data": {"code": 500, "msg": WORDS, "data": None},
    "a message alone": {"message": WORDS},
    "a message and nothing": {"message": WORDS, "choices": [], "data": {}},
    "in the outcome": {
        "id": "1",
        "choices": None,
        "base_resp": {"status_code": 1004, "status_msg": WORDS},
    },
}


@pytest.mark.parametrize("is_stream", [False, True])
async def test_error_with_status_200_raises(
    raw: RawServer, call: Call, subtests: pytest.Subtests, is_stream: bool
) -> None:
    for case, body in ERRORS.items():
        with subtests.test(case):
            for action, data in (("create_chat_completion", CHAT), ("create_model_response", ASK)):
                raw.play([answer(body)])
                with raises_key("host_error") as caught:
                    await call(action, **{"stream": True} if is_stream else {}, **data)
                assert WORDS in str(caught.value)
                assert "{" not in str(caught.value)


NO_ERRORS: dict[str, Json] = {
    "null": {"error": None},
    "empty": {"error": ""},
    "nothing but nulls": {"error": {"code": None, "message": None, "param": None}},
    "failed": {"status": "failed", "error": {"code": "x", "message": WORDS}},
    "a job without an object": {"object": None, "status": "failed", "error": {"message": WORDS}},
    "success": {"success": True},
    "success null": {"success": None},
    "detail beside": {"detail": "high"},
    "message beside": {"message": "Welcome"},
    "the outcome is good": {"base_resp": {"status_code": 0, "status_msg": ""}},
}


async def test_empty_error_with_status_200_is_ignored(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for case, more in NO_ERRORS.items():
        with subtests.test(case):
            body = {**RESPONSE, **more}
            raw.play([answer(body)])
            assert (await call("create_model_response", **ASK)).items() >= body.items()


async def test_error_in_list_raises(raw: RawServer, call: Call) -> None:
    for action, data in (("create_chat_completion", CHAT), ("list_files", {})):
        raw.play([answer([{"error": {"code": 429, "message": WORDS}}])])
        with pytest.raises(HomeAssistantError, match=WORDS) as caught:
            await call(action, **data)
        assert caught.value.translation_key == "host_error"
    # A list of things that have failed is what was asked for.
    things = [{"id": "a", "error": {"message": WORDS}}, {"id": "b", "error": None}]
    raw.play([answer(things)])
    assert (await call("list_files"))["data"] == things


async def test_error_in_base_resp_of_stream_raises(raw: RawServer, call: Call) -> None:
    outcome = {"base_resp": {"status_code": 1004, "status_msg": WORDS}}
    for events in ([{"choices": None, **outcome}], [chunk({"content": "A"}, "stop", **outcome)]):
        raw.play(stream(*events))
        with pytest.raises(HomeAssistantError, match=WORDS):
            await call("create_chat_completion", stream=True, **CHAT)
    good = {"base_resp": {"status_code": 0, "status_msg": ""}}
    raw.play(stream(chunk({"content": "A"}, **good), chunk({}, "stop", **good)))
    found = await call("create_chat_completion", stream=True, **CHAT)
    assert found["choices"][0]["message"]["content"] == "A"


async def test_response_without_choices_raises(raw: RawServer, call: Call) -> None:
    for action, data in (
        ("create_chat_completion", CHAT),
        ("create_completion", {"model": "m", "prompt": "x"}),
    ):
        for body in ({"id": "1", "choices": []}, {"id": "1", "choices": None}):
            raw.play([answer(body)])
            with raises_key("empty_answer"):
                await call(action, **data)


NO_ANSWERS: dict[str, Any] = {
    "text": (b"Service unavailable", "text/plain"),
    "text of another type": (b"Service unavailable", "text/css"),
    "text in quotes": (b'"Service unavailable"', "application/json"),
    "nothing": (b"{}", "application/json"),
    "empty list": (b"[]", "application/json"),
    "list of texts": (b'["a", "b"]', "application/json"),
    "ok is false": (b'{"ok": false, "reason": "Service unavailable"}', "application/json"),
    "fault": (b'{"fault": {"faultstring": "Service unavailable"}}', "application/json"),
    "errcode": (b'{"errcode": 40001, "errmsg": "Service unavailable"}', "application/json"),
    "large letters": (b'{"Error": {"Message": "Service unavailable"}}', "application/json"),
    "status alone": (b'{"status": "error"}', "application/json"),
    "result": (b'{"result": "error", "why": "Service unavailable"}', "application/json"),
}
ASKED: dict[str, dict[str, Any]] = {
    "create_chat_completion": CHAT,
    "create_model_response": ASK,
    "create_completion": {"model": "m", "prompt": "x"},
    "create_embedding": ASK,
    "create_moderation": {"input": "x"},
    "create_image": {"prompt": "x"},
}


@pytest.mark.parametrize("action", ASKED)
async def test_response_without_expected_keys_raises(
    raw: RawServer, call: Call, action: str
) -> None:
    for case, (body, kind) in NO_ANSWERS.items():
        if action in ("create_image", "create_embedding") and "list" in case:
            continue  # A list is what these hold.
        raw.play([answer(body, kind=kind)])
        with pytest.raises(HomeAssistantError) as caught:
            await call(action, **ASKED[action])
        assert caught.value.translation_key in {"bad_answer", "host_error"}, case
        if b"Service" in body:
            assert "Service unavailable" in str(caught.value)


TEXT_PAGES = {
    "page": b"<!DOCTYPE html>\n<html><body>Please sign in</body></html>",
    "large letters": b"\n<HTML lang=en><BODY>Please sign in",
}
TEXTS_TAKEN: dict[str, dict[str, Any]] = {
    "delete_file": {"file_id": "file-1"},
    "delete_model_response": {"response_id": "resp_1"},
    "hangup_realtime_call": {"call_id": "rtc_1"},
}


@pytest.mark.parametrize("action", TEXTS_TAKEN)
@pytest.mark.parametrize("case", TEXT_PAGES)
async def test_page_labelled_as_text_raises(
    raw: RawServer, call: Call, action: str, case: str
) -> None:
    raw.play([answer(TEXT_PAGES[case], kind="text/plain")])
    with raises_key("bad_answer") as caught:
        await call(action, **TEXTS_TAKEN[action])
    assert "Please sign in" in str(caught.value)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_response_wrapped_by_gateway(raw: RawServer, call: Call, is_stream: bool) -> None:
    whole = {"id": "1", "choices": [{**CHOICE, "finish_reason": "stop"}]}
    for body in ({"code": 0, "msg": "ok", "data": whole}, [whole], {"data": [whole]}):
        raw.play([answer(body)])
        found = await call("create_chat_completion", stream=is_stream, **CHAT)
        assert found["choices"] == whole["choices"]
    raw.play([answer({"code": 0, "data": {"error": {"message": WORDS}}})])
    with pytest.raises(HomeAssistantError, match=WORDS):
        await call("create_chat_completion", stream=is_stream, **CHAT)


DEPTHS = {"lists": (b"[", b"]"), "objects": (b'{"a":', b"}"), "both": (b'[{"a":', b"}]")}


@pytest.mark.parametrize("case", DEPTHS)
async def test_response_depth_limit(raw: RawServer, call: Call, case: str) -> None:
    start, end = DEPTHS[case]
    levels = 2 if case == "both" else 1

    async def ask(depth: int) -> Any:
        count = depth // levels
        head = b'{"id": "x", "object": "response", "deep": '
        raw.play([answer(head + start * count + b"1" + end * count + b"}")])
        return await call("create_model_response", **ASK)

    for depth in (150, 199):
        assert (await ask(depth))["id"] == "x"
    for depth in (202, 250, 300, 900, 1500, 100_000):
        with raises_key("bad_answer"):
            await ask(depth)


async def test_event_depth_limit(raw: RawServer, call: Call) -> None:
    for depth in (202, 300, 2000):
        raw.play(stream(b'data: {"x": ' + b"[" * depth + b"]" * depth + b"}\n\n"))
        with raises_key("stream_garbled"):
            await call("create_model_response", stream=True, **ASK)


QUOTED: dict[str, tuple[Any, str]] = {
    "detail.error.message": ({"detail": {"error": {"message": WORDS, "type": "x"}}}, f": {WORDS}"),
    "error.detail.errors": (
        {"error": {"detail": {"errors": [{"loc": ["body", "n"], "msg": WORDS}]}}},
        f": body.n {WORDS}",
    ),
    "html-message": ({"error": {"html-message": WORDS}}, f": {WORDS}"),
    "a Python dictionary": (
        {"error": {"message": "Failed: {'error': {'message': '" + WORDS + "', 'code': None}}"}},
        f": Failed: {WORDS}",
    ),
    "JSON in a text": ({"error": {"message": '{"error": {"message": "' + WORDS + '"}}'}}, WORDS),
    "bytes in a text": ({"message": 'b\'{"error": {"message": "' + WORDS + "\"}}'"}, WORDS),
    "metadata.raw": (
        {"error": {"message": "Provider error", "metadata": {"raw": WORDS}}},
        f": Provider error: {WORDS}",
    ),
    "errors": ({"errors": [{"code": 7003, "message": WORDS}]}, f"{WORDS} (HTTP 400, code: 7003)"),
    "a list of texts": ({"error": {"message": ["Bad", WORDS]}}, f": Bad; {WORDS}"),
    "a list of texts alone": ({"error": ["Bad", WORDS]}, f": Bad; {WORDS}"),
    "a list of one text": ({"error": [WORDS]}, f": {WORDS}"),
    "a list of one text that wraps": ([json.dumps({"error": {"message": WORDS}})], f": {WORDS}"),
    "a list of texts in detail": ({"detail": ["Bad", WORDS]}, f": Bad; {WORDS}"),
    "a list of texts in errors": ({"errors": ["Bad", WORDS]}, f": Bad; {WORDS}"),
    "an empty object in a text": ({"error": {"message": f"{WORDS} {{}}"}}, f": {WORDS} {{}}"),
    "an object in metadata.raw": (
        {
            "error": {
                "message": "Provider error",
                "metadata": {"raw": '{"error": {"message": "' + WORDS + '"}}'},
            }
        },
        f": Provider error: {WORDS}",
    ),
    "braces that are no object": (
        {"error": {"message": "use {name} or {'a'"}},
        ": use {name} or {'a'",
    ),
}


async def test_error_message_is_unwrapped(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for case, (body, expected) in QUOTED.items():
        with subtests.test(case):
            raw.play([answer(body, 400)])
            with raises_key("refused") as caught:
                await call("create_model_response", **ASK)
            assert expected in str(caught.value)


PAGES = {
    "comment with tags": (b"<html><!-- <p>Footer</p> content --><body>Hi</body>", "Hi"),
    "title": (b"<html><head><title>My portal</title></head><body>Hi</body></html>", "My portal Hi"),
    "style and script in the head": (
        b"<head><style>a{}</style><script>x</script><title>T</title></head>Hi",
        "T Hi",
    ),
    "comment without an end": (b"<html>Hi<!-- <p>x</p>", "Hi"),
}


async def test_html_error_is_quoted_without_markup(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for case, (body, expected) in PAGES.items():
        with subtests.test(case):
            raw.play([answer(body, kind="text/html")])
            with pytest.raises(HomeAssistantError) as caught:
                await call("create_model_response", **ASK)
            assert f"Check its URL. It answered: {expected} (text/html)" in str(caught.value)


MARKED = {
    "Use `agent/<agentId>`.": "Use `agent/‹agentId›`.",
    "See <https://a.b/c?d=1>.": "See ‹https://a.b/c?d=1›.",
    "0 < n and n > 5": "0 < n and n > 5",
    "<class 'ValueError'> was raised": "‹class 'ValueError'› was raised",
    "<Error><Code>NoModel</Code><Place/></Error>": "NoModel",
    "<b>Bold<br>words</b>": "Bold words",
    'Look <img src="http://a/b.png">here': "Look here",
    "Look <IMG SRC=x>here <a href=x": "Look here <a href=x",
}


async def test_error_keeps_what_is_no_markup(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for words, expected in MARKED.items():
        with subtests.test(words):
            raw.play([answer({"error": {"message": words}}, 400)])
            with raises_key("refused") as caught:
                await call("create_model_response", **ASK)
            assert f": {expected} (HTTP 400)" in str(caught.value)


@pytest.mark.parametrize("tag", ["<b>", "<wbr>", "<model>", "<class x>", "</model>"])
async def test_error_with_key_in_pieces_is_redacted(raw: RawServer, call: Call, tag: str) -> None:
    """What only looks like a tag stays, and stands between the characters of a key as tags do."""
    pieces = [CANARY[start : start + 3] for start in range(0, len(CANARY), 3)]
    raw.play([answer({"error": {"message": f"No {tag.join(pieces)}."}}, 400)])
    with raises_key("refused") as caught:
        await call("create_model_response", **ASK)
    assert "No ***. (HTTP 400)" in str(caught.value)


@pytest.mark.parametrize("kind", ["audio/wav", "image/png", "application/octet-stream", "x/y"])
async def test_binary_response_is_not_quoted(raw: RawServer, call: Call, kind: str) -> None:
    raw.play([answer(b"RIFF\x00\x01\x02WAVEfmt", kind=kind)])
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", **ASK)
    assert "RIFF" not in str(caught.value)
