"""Runs: begun, waited for, followed as they happen, and given the outputs of functions."""

from typing import Any

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from custom_components.openai_api.streaming.accumulators import RunAccumulator
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
LIGHT = {
    "type": "function",
    "function": {
        "name": "set_light",
        "parameters": {"type": "object", "properties": {"level": {"type": "integer"}}},
    },
}
INCLUDE = "step_details.tool_calls[*].file_search.results[*].content"
RICH: dict[str, Any] = {
    "instructions": "Be brief",
    "model": "m-2",
    "tools": [LIGHT],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": "auto",
    "temperature": 0.5,
    "top_p": None,
    "max_completion_tokens": 500,
    "max_prompt_tokens": None,
    "truncation_strategy": {"type": "last_messages", "last_messages": 10},
    "metadata": {"room": "kitchen"},
}


@pytest.fixture
async def ids(call: Call) -> dict[str, str]:
    """Return the ids of an assistant and of a thread with a question."""
    assistant = await call("create_assistant", model="m-1")
    thread = await call("create_thread", messages=[{"role": "user", "content": "Hello there"}])
    return {"assistant_id": assistant["id"], "thread_id": thread["id"]}


@pytest.fixture
async def waiting(call: Call) -> dict[str, Any]:
    """Return a run that waits for the output of a function."""
    assistant = await call("create_assistant", model="m-1", tools=[LIGHT])
    run: dict[str, Any] = await call(
        "create_thread_and_poll_run",
        assistant_id=assistant["id"],
        thread={"messages": [{"role": "user", "content": "set_light to 40"}]},
        poll_interval_ms=100,
    )
    assert run["status"] == "requires_action"
    return run


def outputs(run: dict[str, Any]) -> dict[str, Any]:
    """Return what to submit to a run that waits."""
    calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    return {
        "thread_id": run["thread_id"],
        "run_id": run["id"],
        "tool_outputs": [{"tool_call_id": item["id"], "output": "bright"} for item in calls],
    }


async def answers(call: Call, run: dict[str, Any]) -> list[str]:
    """Return what the assistant said in a run."""
    page = await call("list_messages", thread_id=run["thread_id"], run_id=run["id"])
    return [message["content"][0]["text"]["value"] for message in page["data"]]


async def test_create_run(standin: StandIn, call: Call, ids: dict[str, str]) -> None:
    body = {
        **RICH,
        "assistant_id": ids["assistant_id"],
        "additional_instructions": "Speak Dutch",
        "additional_messages": [{"role": "user", "content": "And you?"}],
        "reasoning_effort": "low",
    }
    run = await call("create_run", thread_id=ids["thread_id"], **body, include=[INCLUDE])

    assert (run["object"], run["status"]) == ("thread.run", "queued")
    assert "stream_id" not in run
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/threads/{ids['thread_id']}/runs")
    assert sent.query == [("include[]", INCLUDE)]
    assert sent.body == body
    assert sent.headers["OpenAI-Beta"] == "assistants=v2"


async def test_create_thread_and_run(standin: StandIn, call: Call, ids: dict[str, str]) -> None:
    body = {
        **RICH,
        "assistant_id": ids["assistant_id"],
        "thread": {"messages": [{"role": "user", "content": "Hello"}]},
        "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}},
        "stream": False,
    }
    run = await call("create_thread_and_run", **body)

    assert run["status"] == "queued"
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/threads/runs", body)


async def test_run_retrieve_update_cancel(
    standin: StandIn, call: Call, ids: dict[str, str]
) -> None:
    thread_id = ids["thread_id"]
    run = await call("create_run", **ids)
    path = f"/threads/{thread_id}/runs/{run['id']}"
    these = {"thread_id": thread_id, "run_id": run["id"]}

    assert (await call("get_run", **these))["status"] == "in_progress"
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("GET", path)
    changed = await call("modify_run", **these, metadata={"room": "hall"})
    assert changed["metadata"] == {"room": "hall"}
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", path, {"metadata": {"room": "hall"}})
    page = await call("list_runs", thread_id=thread_id, limit=5, order="asc")
    assert [item["id"] for item in page["data"]] == [run["id"]]
    assert standin.requests[-1].path == f"/threads/{thread_id}/runs"

    assert (await call("cancel_run", **these))["status"] == "cancelling"
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"{path}/cancel")
    settled = await call("poll_run", **these, poll_interval_ms=100)
    assert settled["status"] == "cancelled"
    with pytest.raises(ServiceValidationError, match="Cannot cancel"):
        await call("cancel_run", **these)


async def test_create_run_and_poll(
    standin: StandIn, call: Call, ids: dict[str, str], events: Any
) -> None:
    progress = events("openai_api_progress_event")
    run = await call("create_and_poll_run", **ids, poll_interval_ms=100, max_wait_seconds=5)

    assert run["status"] == "completed"
    assert await answers(call, run) == ["You said: Hello there"]
    assert [event.data["status"] for event in progress] == ["queued", "in_progress", "completed"]
    assert {event.data["id"] for event in progress} == {run["id"]}
    assert {event.data["action"] for event in progress} == {"create_and_poll_run"}
    sent = standin.requests[-4:-1]
    path = f"/threads/{ids['thread_id']}/runs"
    assert [(item.method, item.path) for item in sent] == [
        ("POST", path),
        *[("GET", f"{path}/{run['id']}")] * 2,
    ]
    assert sent[0].body == {"assistant_id": ids["assistant_id"]}


async def test_create_thread_and_run_and_poll(
    standin: StandIn, call: Call, ids: dict[str, str]
) -> None:
    thread = {"messages": [{"role": "user", "content": "Good morning"}]}
    run = await call(
        "create_thread_and_poll_run",
        assistant_id=ids["assistant_id"],
        thread=thread,
        poll_interval_ms=100,
    )
    assert run["thread_id"] != ids["thread_id"]
    assert standin.requests[-1].path == f"/threads/{run['thread_id']}/runs/{run['id']}"
    assert await answers(call, run) == ["You said: Good morning"]


async def test_poll_max_wait_exceeded(call: Call, ids: dict[str, str]) -> None:
    run = await call("create_run", **ids)
    with pytest.raises(HomeAssistantError, match=run["id"]):
        await call(
            "poll_run",
            thread_id=ids["thread_id"],
            run_id=run["id"],
            poll_interval_ms=2000,
            max_wait_seconds=1,
        )


async def test_submit_tool_outputs_and_poll(standin: StandIn, call: Call, waiting: Any) -> None:
    data = outputs(waiting)
    run = await call("submit_tool_outputs_and_poll_run", **data, poll_interval_ms=100)

    assert run["status"] == "completed"
    assert await answers(call, run) == ["You said: the tool answered bright"]
    sent = standin.requests[-4]
    path = f"/threads/{run['thread_id']}/runs/{run['id']}"
    assert (sent.method, sent.path) == ("POST", f"{path}/submit_tool_outputs")
    assert sent.body == {"tool_outputs": data["tool_outputs"]}


async def test_submit_tool_outputs(call: Call, waiting: Any) -> None:
    assert (await call("submit_tool_outputs_to_run", **outputs(waiting)))["status"] == "queued"
    with pytest.raises(ServiceValidationError, match="do not accept"):
        await call("submit_tool_outputs_to_run", **outputs(waiting))


async def test_run_steps(standin: StandIn, call: Call, waiting: Any) -> None:
    run = await call("submit_tool_outputs_and_poll_run", **outputs(waiting), poll_interval_ms=100)
    these = {"thread_id": run["thread_id"], "run_id": run["id"]}
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/steps"

    page = await call("list_run_steps", **these, order="asc", include=[INCLUDE], limit=1)
    assert page["has_more"] is True
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("GET", path)
    assert sorted(sent.query) == [("include[]", INCLUDE), ("limit", "1"), ("order", "asc")]
    whole = await call("list_run_steps", **these, order="asc", limit=1, all_pages=True)
    assert [step["type"] for step in whole["data"]] == ["tool_calls", "message_creation"]
    step = whole["data"][0]
    assert await call("get_run_step", **these, step_id=step["id"]) == step
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.query) == ("GET", f"{path}/{step['id']}", [])
    await call("get_run_step", **these, step_id=step["id"], include=INCLUDE)
    assert standin.requests[-1].query == [("include[]", INCLUDE)]


@pytest.mark.parametrize("action", ["create_run", "stream_run"])
async def test_stream_run(
    standin: StandIn, call: Call, ids: dict[str, str], events: Any, action: str
) -> None:
    fired = events("openai_api_stream_event")
    run = await call(
        action, **ids, include=[INCLUDE], **({"stream": True} if action == "create_run" else {})
    )

    assert (run["object"], run["status"]) == ("thread.run", "completed")
    assert {event.data["stream_id"] for event in fired} == {run["stream_id"]}
    assert [event.data["sequence"] for event in fired] == list(range(len(fired)))
    assert fired[0].data["event_type"] == "thread.run.created"
    assert fired[-1].data["event_type"] == "thread.run.completed"
    # The events come as they are, neither cut to a part nor wrapped.
    assert {**fired[-1].data["event"], "stream_id": run["stream_id"]} == run
    said = [
        event.data["event"]["delta"]["content"][0]["text"]["value"]
        for event in fired
        if event.data["event_type"] == "thread.message.delta"
    ]
    assert "".join(said) == "You said: Hello there"
    sent = standin.requests[-1]
    assert sent.path == f"/threads/{ids['thread_id']}/runs"
    assert sent.query == [("include[]", INCLUDE)]
    assert sent.body == {"assistant_id": ids["assistant_id"], "stream": True}


@pytest.mark.parametrize("action", ["create_thread_and_run", "create_thread_and_stream_run"])
async def test_stream_thread_and_run(
    standin: StandIn, call: Call, ids: dict[str, str], events: Any, action: str
) -> None:
    fired = events("openai_api_stream_event")
    data = {
        "assistant_id": ids["assistant_id"],
        "thread": {"messages": [{"role": "user", "content": "Hello"}]},
    }
    run = await call(
        action, **data, **({"stream": True} if action == "create_thread_and_run" else {})
    )

    assert run["status"] == "completed"
    assert fired[0].data["event_type"] == "thread.created"
    assert fired[0].data["event"]["id"] == run["thread_id"]
    assert standin.requests[-1].body == {**data, "stream": True}


@pytest.mark.parametrize(
    "action", ["submit_tool_outputs_to_run", "submit_tool_outputs_and_stream_run"]
)
async def test_stream_tool_outputs(
    standin: StandIn, call: Call, waiting: Any, events: Any, action: str
) -> None:
    fired = events("openai_api_stream_event")
    data = outputs(waiting)
    run = await call(
        action, **data, **({"stream": True} if action == "submit_tool_outputs_to_run" else {})
    )

    assert run["status"] == "completed"
    assert fired[-1].data["event_type"] == "thread.run.completed"
    assert standin.requests[-1].body == {"tool_outputs": data["tool_outputs"], "stream": True}
    assert await answers(call, run) == ["You said: the tool answered bright"]


async def test_stream_ends_at_requires_action(call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    assistant = await call("create_assistant", model="m-1", tools=[LIGHT])
    run = await call(
        "create_thread_and_stream_run",
        assistant_id=assistant["id"],
        thread={"messages": [{"role": "user", "content": "set_light to 40"}]},
    )
    assert run["status"] == "requires_action"
    assert fired[-1].data["event_type"] == "thread.run.requires_action"


async def test_stream_step_event_types(call: Call, ids: dict[str, str], events: Any) -> None:
    fired = events("openai_api_stream_event")
    await call("stream_run", **ids)

    names = [event.data["event_type"] for event in fired]
    assert "thread.run.step.created" in names
    assert all(name.startswith("thread.") for name in names), names


async def test_stream_error_event_raises(standin: StandIn, call: Call, ids: dict[str, str]) -> None:
    standin.fail(
        Fault(
            path="/threads",
            status=200,
            body='event: error\ndata: {"type": "server_error", "message": "Out of roses"}\n\n',
            headers={"Content-Type": "text/event-stream"},
        )
    )
    with pytest.raises(HomeAssistantError, match="Out of roses"):
        await call("stream_run", **ids)


@pytest.mark.parametrize(
    ("status", "ended", "whole"),
    [
        ("completed", False, True),
        ("requires_action", False, True),
        ("in_progress", False, False),
        ("in_progress", True, True),
    ],
)
def test_stream_returns_complete_run(status: str, *, ended: bool, whole: bool) -> None:
    assembler = RunAccumulator()
    assert assembler.result(ended=True) is None
    run = {"object": "thread.run", "status": status}
    for event in (run, {"object": "thread.run.step", "status": "completed"}):
        assembler.add(event)
    assert assembler.result(ended=ended) == (run if whole else None)
