"""The methods of the first families: what they send, and what comes back."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.handlers.response_helpers import add_parsed
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
SCHEMA = {
    "format": {
        "type": "json_schema",
        "name": "weather",
        "schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
}


async def test_response_lifecycle(standin: StandIn, call: Call) -> None:
    asked = await call("create_model_response", model="m", input="Hello", metadata={"a": 1})
    response_id = asked["id"]

    found = await call("get_model_response", response_id=response_id, include=["x"])
    assert found["output_text"] == asked["output_text"]
    assert ("include[]", "x") in standin.requests[-1].query
    items = await call("list_input_items", response_id=response_id, order="asc")
    assert items["data"][0]["role"] == "user"
    before = items["data"][0]["id"]
    items = await call("list_input_items", response_id=response_id, before=before)
    assert items["data"] == []
    assert standin.requests[-1].param("before") == before
    again = await call(
        "create_model_response", model="m", input="And now?", previous_response_id=response_id
    )
    assert again["previous_response_id"] == response_id
    compact = await call("compact_model_response", model="m", previous_response_id=again["id"])
    assert compact["object"] == "response.compaction"
    count = await call("count_input_tokens", model="m", input="Hello")
    assert count["input_tokens"] > 0
    deleted = await call("delete_model_response", response_id=response_id)
    assert deleted["deleted"] is True
    assert deleted["id"] == response_id
    waiting = await call("create_model_response", model="m", input="Hello", background=True)
    assert (await call("cancel_model_response", response_id=waiting["id"]))["status"] == "cancelled"


async def test_delete_with_empty_response(standin: StandIn, call: Call) -> None:
    standin.fail(Fault(path="/responses", status=200, body=""))
    assert await call("delete_model_response", response_id="r") == {"id": "r", "deleted": True}


async def test_response_parsed(standin: StandIn, call: Call) -> None:
    answer = await call(
        "parse_model_response", model="m", input="Weather?", text=SCHEMA, verbosity="low"
    )
    assert list(answer["output_parsed"]) == ["city"]
    assert answer["output"][0]["content"][0]["parsed"] == answer["output_parsed"]
    assert standin.requests[-1].body["verbosity"] == "low"
    assert standin.requests[-1].body["text"] == SCHEMA


def test_response_unparsable_is_none() -> None:
    answer = add_parsed(
        {
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "Sorry"}]},
                {"type": "function_call", "arguments": '{"a": 1}'},
                {"type": "reasoning"},
            ]
        }
    )
    assert answer["output_parsed"] is None
    assert answer["output_text"] == "Sorry"
    assert answer["output"][1]["parsed_arguments"] == {"a": 1}


async def test_extra_body_and_query(standin: StandIn, call: Call) -> None:
    await call(
        "create_model_response",
        model="m",
        input="Hello",
        extra_body={"brand_new": True},
        extra_query={"v": "2"},
        access_programs={"x": 1},
    )
    sent = standin.requests[-1]
    assert sent.body["brand_new"] is True
    assert sent.body["access_programs"] == {"x": 1}
    assert sent.param("v") == "2"


async def test_none_values_are_omitted(standin: StandIn, call: Call) -> None:
    await call(
        "create_model_response",
        model="m",
        input="Hello",
        text=None,
        instructions=None,
        timeout=None,
    )
    assert standin.requests[-1].body == {"model": "m", "input": "Hello", "instructions": None}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Hello", "Hello"),
        (42, "42"),
        ('[{"role": "user", "content": "Hi"}]', [{"role": "user", "content": "Hi"}]),
        ({"role": "user", "content": "Hi"}, [{"role": "user", "content": "Hi"}]),
        ("[1, 2]", "[1, 2]"),
    ],
)
async def test_response_input_formats(standin: StandIn, call: Call, given: Any, sent: Any) -> None:
    await call("create_model_response", model="m", input=given)
    assert standin.requests[-1].body["input"] == sent


async def test_chat_completion_lifecycle(standin: StandIn, call: Call) -> None:
    made = await call(
        "create_chat_completion",
        model="m",
        messages={"role": "user", "content": "Hello"},
        stop="END",
        store="yes",
        max_tokens="5",
    )
    assert standin.requests[-1].body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "stop": ["END"],
        "store": True,
        "max_tokens": 5,
    }
    completion_id = made["id"]
    assert (await call("get_chat_completion", completion_id=completion_id))["id"] == completion_id
    page = await call("get_chat_messages", completion_id=completion_id)
    assert page["data"][0]["content"] == "Hello"
    updated = await call(
        "update_chat_completion", completion_id=completion_id, metadata='{"room": "kitchen"}'
    )
    assert updated["metadata"] == {"room": "kitchen"}
    listed = await call("list_chat_completions", metadata={"room": "kitchen"}, limit=1)
    assert standin.requests[-1].param("metadata[room]") == "kitchen"
    assert {"data", "has_more", "first_id", "last_id"} <= listed.keys()
    assert (await call("delete_chat_completion", completion_id=completion_id))["deleted"] is True


async def test_list_pagination(standin: StandIn, call: Call, media_folder: Any) -> None:
    path = media_folder / "a.txt"
    path.write_text("a")
    ids = [(await call("create_file", file=str(path), purpose="user_data"))["id"] for _ in range(5)]
    page = await call("list_files", limit=2, order="asc")
    assert [item["id"] for item in page["data"]] == ids[:2]
    assert page["has_more"] is True
    assert (page["first_id"], page["last_id"]) == (ids[0], ids[1])

    before = len(standin.requests)
    page = await call("list_files", limit=2, order="asc", all_pages=True)
    assert [item["id"] for item in page["data"]] == ids
    assert page["has_more"] is False
    assert (page["first_id"], page["last_id"]) == (ids[0], ids[4])
    assert len(standin.requests) - before == 3


@pytest.mark.parametrize("body", [{"object": "list"}, {"data": None}])
async def test_list_without_data(standin: StandIn, call: Call, body: Any) -> None:
    standin.fail(Fault(path="/models", status=200, body=body))
    with pytest.raises(Exception, match="did not answer with JSON"):
        await call("list_models")


async def test_models_list_retrieve_delete(standin: StandIn, call: Call) -> None:
    page = await call("list_models")
    assert page["has_more"] is False
    assert page["first_id"] == page["data"][0]["id"]
    model = next(item["id"] for item in page["data"] if item["id"].startswith("ft:"))
    assert (await call("retrieve_model", model=model))["id"] == model
    assert (await call("delete_model", model=model))["deleted"] is True
    assert standin.requests[-1].method == "DELETE"


async def test_models_as_bare_list(standin: StandIn, call: Call) -> None:
    standin.fail(Fault(path="/models", status=200, body=[{"id": "m"}]))
    assert (await call("list_models"))["data"] == [{"id": "m"}]


async def test_embedding_and_moderation(standin: StandIn, call: Call) -> None:
    answer = await call("create_embedding", model="e", input=["a", "b"], dimensions=8)
    assert [len(item["embedding"]) for item in answer["data"]] == [8, 8]
    assert answer["usage"]
    # What the SDK would ask for by itself is not what the user wrote.
    assert standin.requests[-1].body["input"] == ["a", "b"]
    assert (await call("create_moderation", input="Peace"))["results"][0]["flagged"] is False
    assert (await call("create_moderation", input="violence"))["results"][0]["flagged"] is True


async def test_client_secret_create(standin: StandIn, call: Call) -> None:
    answer = await call(
        "create_realtime_client_secret",
        session={"type": "realtime", "model": "gpt-realtime"},
        expires_after={"anchor": "created_at", "seconds": 600},
    )
    assert answer["value"].startswith("ek_")
    assert answer["expires_at"]
    assert answer["session"]["model"] == "gpt-realtime"
    assert standin.requests[-1].body == {
        "session": {"type": "realtime", "model": "gpt-realtime"},
        "expires_after": {"anchor": "created_at", "seconds": 600},
    }


@pytest.mark.parametrize(
    ("action", "data", "path", "status"),
    [
        ("accept_realtime_call", {"type": "realtime"}, "accept", "accepted"),
        ("hangup_realtime_call", {}, "hangup", "hung_up"),
        ("refer_realtime_call", {"target_uri": "tel:+49"}, "refer", "referred"),
        ("reject_realtime_call", {"status_code": "486"}, "reject", "rejected"),
    ],
)
async def test_realtime_call_control(
    standin: StandIn, call: Call, action: str, data: dict[str, Any], path: str, status: str
) -> None:
    answer = await call(action, call_id="rtc_1", **data)
    assert answer == {"call_id": "rtc_1", "status": status}
    assert standin.requests[-1].path == f"/realtime/calls/rtc_1/{path}"


async def test_action_without_return_response(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry
) -> None:
    data = {"model": "m", "input": "Hello", "config_entry_id": entry.entry_id}
    await hass.services.async_call("openai_api", "create_model_response", data, blocking=True)
    assert standin.requests[-1].path == "/responses"
