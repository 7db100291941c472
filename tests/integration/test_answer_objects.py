"""Answers that are no object of the API, or do not do what they were asked for."""

from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer, answer

from .conftest import Call, raises_key
from .streaming.conftest import raw as raw  # noqa: PLC0414

NO_OBJECTS: dict[str, tuple[Any, str, str]] = {
    "nothing": ({}, "empty_answer", ""),
    "words": ({"message": "No such path"}, "host_error", "No such path"),
    "words that call themselves fine": ({"code": 0, "msg": "busy"}, "host_error", "busy"),
    "words of another kind": ({"Message": "Nope", "Type": "X"}, "bad_answer", "Nope"),
    "words with an id": (
        {"errorId": "e-1", "message": "No such path"},
        "bad_answer",
        "No such path",
    ),
    "a reason": ({"status": "error", "reason": "because"}, "bad_answer", "because"),
    "an error in an object": ({"data": {"error": {"message": "within"}}}, "host_error", "within"),
    "a text": ("Not here", "bad_answer", "Not here"),
    "a plain text": (b"Ollama is running", "bad_answer", "Ollama"),
}


@pytest.mark.parametrize("case", NO_OBJECTS)
async def test_answer_without_object_raises(raw: RawServer, call: Call, case: str) -> None:
    body, key, words = NO_OBJECTS[case]
    kind = "text/plain" if isinstance(body, bytes) else "application/json"
    for action, data in (
        ("retrieve_file", {"file_id": "file-1"}),
        (
            "create_batch",
            {"input_file_id": "f", "endpoint": "/v1/responses", "completion_window": "24h"},
        ),
        ("create_video", {"prompt": "x"}),
        ("watch_job", {"kind": "video", "id": "video_1"}),
        ("create_conversation", {}),
    ):
        raw.play([answer(body, kind=kind)])
        with raises_key(key) as caught:
            await call(action, **data)
        assert words in str(caught.value)


@pytest.mark.parametrize("body", [{"Fault": "no"}, {"request_id": "r-17"}, {"size": 5}])
async def test_read_answer_without_name_raises(
    raw: RawServer, call: Call, body: dict[str, Any]
) -> None:
    for action, data in (
        ("retrieve_file", {"file_id": "file-1"}),
        ("watch_job", {"kind": "batch", "id": "batch_1"}),
        ("wait_for_file_processing", {"file_id": "file-1"}),
    ):
        raw.play([answer(body)])
        with raises_key("bad_answer") as caught:
            await call(action, **data)
        assert next(iter(body)) in str(caught.value)


@pytest.mark.parametrize("key", ["data", "result", "response"])
async def test_object_nested_under_other_keys(raw: RawServer, call: Call, key: str) -> None:
    raw.play([answer({"code": 0, "msg": "ok", key: {"id": "file-1", "purpose": "batch"}})])
    found = await call("retrieve_file", file_id="file-1")
    assert found == {"id": "file-1", "purpose": "batch"}


@pytest.mark.parametrize(
    ("action", "data", "body"),
    [
        ("retrieve_file", {"file_id": "f"}, {"file_id": "f", "size": 3}),
        ("retrieve_model", {"model": "m"}, {"object": "model"}),
        ("retrieve_file", {"file_id": "f"}, {"fileId": "f", "size": 3}),
        ("retrieve_batch", {"batch_id": "b"}, {"requestCounts": {}, "createdAt": 5}),
        ("create_realtime_client_secret", {}, {"value": "ek_1", "expires_at": 5}),
        ("create_video", {"prompt": "x"}, {"request_id": "r-17"}),
        ("create_video", {"prompt": "x"}, {"url": "https://host/v.mp4", "message": "done"}),
        ("count_input_tokens", {"model": "m", "input": "x"}, {"total_tokens": 5}),
        ("compact_model_response", {"model": "m", "input": "x"}, {"output": [{"type": "y"}]}),
        ("cancel_batch", {"batch_id": "b"}, {"status": "cancelled"}),
        ("create_conversation_item", {"conversation_id": "c", "items": []}, {"data": []}),
    ],
)
async def test_object_of_other_servers_is_returned(
    raw: RawServer, call: Call, action: str, data: dict[str, Any], body: dict[str, Any]
) -> None:
    raw.play([answer(body)])
    assert await call(action, **data) == body


ITEM = {"id": "item_1", "type": "mcp_call", "name": "find", "server_label": "s"}


@pytest.mark.parametrize(
    "body",
    [
        {"id": "item_1", "type": "mcp_list_tools", "tools": [], "error": "Out of reach"},
        {**ITEM, "error": {"type": "http_error", "code": 502, "message": "Out of reach"}},
        {**ITEM, "status": "calling", "error": "Out of reach"},
        {"id": "item_1", "type": "brand_new", "status": {}, "error": {"message": "No"}},
    ],
    ids=lambda body: f"{body['type']} {body.get('status')}",
)
async def test_item_with_an_error_of_its_own_is_returned(
    raw: RawServer, call: Call, body: dict[str, Any]
) -> None:
    asked = {"conversation_id": "conv_1", "item_id": "item_1"}
    raw.play([answer(body)])
    assert await call("get_conversation_item", **asked) == body
    for failed in ({"error": body["error"]}, {**body, "type": "error"}):
        raw.play([answer(failed)])
        with raises_key("host_error"):
            await call("get_conversation_item", **asked)


DELETIONS = {
    "delete_file": {"file_id": "x"},
    "delete_model_response": {"response_id": "x"},
    "delete_container": {"container_id": "x"},
    "delete_vector_store": {"vector_store_id": "x"},
}


@pytest.mark.parametrize("action", DELETIONS)
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"id": "x", "object": "file", "deleted": False}, "deleted: false"),
        ({"id": "x", "deleted": "false", "message": "It is in use"}, "It is in use"),
        ({"deleted": False}, "deleted: false"),
    ],
)
async def test_deletion_that_did_nothing_raises(
    raw: RawServer, call: Call, action: str, body: dict[str, Any], words: str
) -> None:
    raw.play([answer(body)])
    with raises_key("host_error") as caught:
        await call(action, **DELETIONS[action])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("action", "data"),
    [
        *DELETIONS.items(),
        ("hangup_realtime_call", {"call_id": "x"}),
    ],
)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><title>Sign in</title></html>", "text/html"),
        (b'[{"error": {"message": "no"}}]', "application/json"),
        (b"false", "application/json"),
    ],
)
async def test_answer_to_nothing_that_is_an_error_raises(
    raw: RawServer, call: Call, action: str, data: dict[str, Any], body: bytes, kind: str
) -> None:
    raw.play([answer(body, kind=kind)])
    with pytest.raises(HomeAssistantError) as caught:
        await call(action, **data)
    assert caught.value.translation_key in ("bad_answer", "host_error")


@pytest.mark.parametrize("action", DELETIONS)
@pytest.mark.parametrize("body", [b"", b"null", b"true", b"{}", b" \r\n"])
async def test_deletion_answered_with_nothing_is_done(
    raw: RawServer, call: Call, action: str, body: bytes
) -> None:
    raw.play([answer(body)])
    found = await call(action, **DELETIONS[action])
    assert found.get("deleted", True) is True


@pytest.mark.parametrize("body", [b"", b"null", b"true", b"{}", b" \r\n"])
async def test_change_answered_with_nothing_is_done(
    raw: RawServer, call: Call, body: bytes
) -> None:
    for action, data in (
        ("cancel_batch", {"batch_id": "b"}),
        ("modify_vector_store", {"vector_store_id": "v", "name": "x"}),
        ("validate_grader", {"grader": {"type": "x"}}),
    ):
        raw.play([answer(body)])
        assert await call(action, **data) == {}
