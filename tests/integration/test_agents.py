"""Agents: set up, at work in sessions, followed as it happens, and what surrounds them."""

import asyncio
import base64
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from openai import AsyncOpenAI
import pytest

from custom_components.openai_api.streaming.accumulators import AgentTurnAccumulator
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
EXISTS = hasattr(AsyncOpenAI(api_key="unused").beta, "agents")
newer = pytest.mark.skipif(not EXISTS, reason="this SDK knows no agents")
BETA = "agents=v1"
LIGHT = {
    "type": "function",
    "name": "set_light",
    "parameters": {"type": "object", "properties": {"level": {"type": "integer"}}},
}
HOSTED = {"type": "openai_hosted"}


async def session_at_rest(call: Call, **agent: Any) -> str:
    """Return the id of a session that waits to be asked."""
    made = await call("create_agent_session", environment=HOSTED, agent={"model": "m-1", **agent})
    return str(made["id"])


@newer
async def test_agent_lifecycle(standin: StandIn, call: Call) -> None:
    data = {
        "model": "m-1",
        "name": "Gardener",
        "instructions": "Be brief",
        "tools": [LIGHT],
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "multi_agent": {"enabled": True},
        "service_tier": "flex",
        "metadata": {"room": "kitchen"},
    }
    made = await call("create_agent", **data)
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/agents", data)
    assert sent.headers["OpenAI-Beta"] == BETA
    known = {"agent_id": made["id"]}
    assert (await call("get_agent", **known))["name"] == "Gardener"
    changed = await call("modify_agent", **known, name=None, model="m-2")
    assert (changed["name"], changed["model"]) == (None, "m-2")
    assert standin.requests[-1].body == {"name": None, "model": "m-2"}
    page = await call("list_agents", limit=5, all_pages=True)
    assert [item["id"] for item in page["data"]] == [made["id"]]
    gone = await call("delete_agent", **known)
    assert gone == {"id": made["id"], "object": "agent.deleted", "deleted": True}


@newer
async def test_session_create_and_retrieve(standin: StandIn, call: Call) -> None:
    agent = await call("create_agent", model="m-1")
    data = {
        "environment": {"type": "none"},
        "agent_id": agent["id"],
        "input": "Hello",
        "metadata": {"a": "1"},
        "vault_ids": ["vault_1"],
    }
    made = await call("create_agent_session", **data)
    assert (made["object"], made["status"]) == ("agent.session", "in_progress")
    assert standin.requests[-1].body == data
    known = {"session_id": made["id"]}
    assert (await call("get_agent_session", **known))["status"] == "idle"
    items = await call("list_agent_session_items", **known, order="asc")
    assert [item["role"] for item in items["data"]] == ["user", "assistant", "assistant"]
    turn = (await call("list_agent_session_turns", **known))["data"][0]
    assert (await call("get_agent_session_turn", **known, turn_id=turn["id"]))["status"] == (
        "completed"
    )
    of_turn = await call("list_agent_session_turn_items", **known, turn_id=turn["id"])
    assert len(of_turn["data"]) == 3
    traces = await call("list_agent_session_traces", **known)
    assert traces["data"][0]["id"] == turn["id"]
    page = await call("list_agent_sessions", agent_id=agent["id"])
    assert page["data"][0]["id"] == made["id"]
    changed = await call("modify_agent_session", **known, agent={"model": "m-2"}, metadata=None)
    assert (changed["agent"]["model"], changed["metadata"]) == ("m-2", {})
    assert standin.requests[-1].body == {"agent": {"model": "m-2"}, "metadata": None}
    assert (await call("delete_agent_session", **known))["deleted"] is True


@newer
async def test_session_stream(call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    answer = await call(
        "create_agent_session",
        environment={"type": "none"},
        agent={"model": "m-1"},
        input="Hello there",
        stream=True,
    )
    assert (answer["object"], answer["status"]) == ("agent.session", "idle")
    assert answer["output_text"] == "You said: Hello there"
    assert (answer["turn"]["status"], answer["turn"]["usage"]["total_tokens"] > 0) == (
        "completed",
        True,
    )
    assert {event.data["stream_id"] for event in fired} == {answer["stream_id"]}
    assert [event.data["sequence"] for event in fired] == list(range(len(fired)))
    types = [event.data["event_type"] for event in fired]
    assert (types[0], types[-1]) == ("agent.session.created", "agent.session.idle")
    assert "agent.session.turn.output_text.delta" in types


@newer
async def test_session_turn(standin: StandIn, call: Call, events: Any) -> None:
    session_id = await session_at_rest(call)
    fired = events("openai_api_stream_event")
    first = await call("run_agent_session", session_id=session_id, input="Hello")
    assert first["output_text"] == "You said: Hello"
    assert {event.data["action"] for event in fired} == {"run_agent_session"}
    looked, followed, asked = standin.requests[-3:]
    path = f"/agents/sessions/{session_id}"
    assert (looked.method, looked.path) == ("GET", path)
    assert (followed.method, followed.path) == ("GET", f"{path}/events")
    assert (asked.method, asked.path) == ("POST", f"{path}/events")
    said = {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    assert asked.body == {"events": [{"type": "agent.session.input.message", "input": [said]}]}
    assert asked.headers["Idempotency-Key"]

    second = await call(
        "run_agent_session",
        session_id=session_id,
        input=[{"role": "user", "content": [{"type": "input_text", "text": "Again"}]}],
        idempotency_key="once",
        extra_body={"brand_new": True},
    )
    assert second["output_text"] == "You said: Again (turn 2 of our conversation)"
    asked = standin.requests[-1]
    assert (asked.headers["Idempotency-Key"], asked.body["brand_new"]) == ("once", True)
    artifacts = await call("list_agent_session_artifacts", session_id=session_id)
    assert len(artifacts["data"]) == 2


@newer
async def test_subagent_events_keep_turn_open(call: Call) -> None:
    session_id = await session_at_rest(call)
    answer = await call("run_agent_session", session_id=session_id, input="Do it with help")
    assert answer["output_text"] == "You said: Do it with help"
    assert answer["turn"]["subagent_id"] is None

    known = {"session_id": session_id}
    helper = (await call("list_subagents", **known))["data"][0]
    known["subagent_id"] = helper["id"]
    assert (await call("get_subagent", **known))["name"] == "Helper"
    turn = (await call("list_subagent_turns", **known))["data"][0]
    item = (await call("list_subagent_items", **known))["data"][0]
    assert item["content"][0]["text"] == "I helped."
    known["turn_id"] = turn["id"]
    assert (await call("get_subagent_turn", **known))["status"] == "completed"
    assert (await call("list_subagent_turn_items", **known))["data"] == [item]


@newer
async def test_function_call_continues_turn(call: Call) -> None:
    session_id = await session_at_rest(call, tools=[LIGHT])
    known = {"session_id": session_id}
    waiting = await call("run_agent_session", **known, input="set_light to 40")
    assert (waiting["status"], waiting["output_text"]) == ("requires_action", "")
    wanted = waiting["required_actions"][0]
    assert (wanted["name"], wanted["arguments"]) == ("set_light", {"level": 40})
    # Following one that waits says so at once.
    assert (await call("stream_agent_session", **known))["required_actions"] == [wanted]

    with pytest.raises(ServiceValidationError, match="requires_action"):
        await call("run_agent_session", **known, input="Hello")
    result = {
        "type": "agent.session.input.tool_result",
        "call_id": wanted["call_id"],
        "turn_id": wanted["turn_id"],
        "success": True,
        "output": "bright",
    }
    answer = await call(
        "submit_agent_session_events", **known, events=result, idempotency_key="once"
    )
    assert answer == {"session_id": session_id, "status": "accepted"}
    items = await call("list_agent_session_items", **known, limit=1)
    assert items["data"][0]["content"][0]["text"] == "You said: the tool answered bright"


@newer
async def test_session_polled_until_idle(call: Call, events: Any) -> None:
    session_id = await session_at_rest(call)
    fired = events("openai_api_stream_event")
    following = asyncio.create_task(call("stream_agent_session", session_id=session_id))
    while not fired:
        await asyncio.sleep(0.01)
    said = {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    await call(
        "submit_agent_session_events",
        session_id=session_id,
        events=[{"type": "agent.session.input.message", "input": [said]}],
    )
    answer = await following
    assert (answer["status"], answer["output_text"]) == ("idle", "You said: Hello")


@newer
async def test_failed_turn_is_returned(call: Call) -> None:
    session_id = await session_at_rest(call)
    answer = await call("run_agent_session", session_id=session_id, input="fail")
    assert (answer["turn"]["status"], answer["status"]) == ("failed", "idle")
    assert answer["turn"]["error"]["message"] == "It failed."


@newer
async def test_turn_stream_broken_raises(standin: StandIn, call: Call) -> None:
    session_id = await session_at_rest(call)
    path = f"/agents/sessions/{session_id}/events"
    standin.fail(Fault(path=path, method="POST", status=400, body={"error": {"message": "No"}}))
    with pytest.raises(ServiceValidationError, match="No"):
        await call("run_agent_session", session_id=session_id, input="Hello")
    again = await call("run_agent_session", session_id=session_id, input="Hello")
    assert again["output_text"] == "You said: Hello"
    error = 'event: error\ndata: {"type": "error", "error": {"message": "Broken"}}\n\n'
    idle = 'data: {"type": "agent.session.idle", "session": {"id": "s", "status": "idle"}}\n\n'
    for body, words in ((error, "Broken"), (idle, "before the answer")):
        standin.fail(
            Fault(path=path, method="GET", status=200, body=body, content_type="text/event-stream")
        )
        with pytest.raises(HomeAssistantError, match=words):
            await call("stream_agent_session", session_id=session_id)


def test_earlier_turn_output_is_ignored() -> None:
    events = AgentTurnAccumulator()
    item = {"type": "message", "status": "completed"}

    def turn(kind: str, number: int) -> bool:
        return events.add(
            {"type": f"agent.session.turn.{kind}", "turn": {"id": number}, "turn_id": number}
        )

    def say(text: str, number: int) -> None:
        content = [{"type": "output_text", "text": text}, {"type": "refusal"}]
        events.add(
            {
                "type": "agent.session.turn.item.done",
                "turn_id": number,
                "item": {**item, "content": content},
            }
        )

    assert events.result(ended=True) is None
    say("Old", 1)
    turn("completed", 1)
    turn("created", 2)
    say("New", 2)
    say("Of a helper", 3)
    idle = {"type": "agent.session.idle", "session": {"id": "s"}}
    assert events.add(idle) is False, "the second turn is still under way"
    turn("cancelled", 2)
    assert events.add(idle) is True
    whole = events.result(ended=True)
    assert whole == {"id": "s", "turn": {"id": 2}, "output_text": "New"}
    assert events.result(ended=False) is None


@newer
async def test_session_artifacts(call: Call) -> None:
    session_id = await session_at_rest(call)
    asked = await call("run_agent_session", session_id=session_id, input="Hello")
    known = {"session_id": session_id}
    environment_id = asked["environment"]["id"]
    page = await call("list_agent_session_artifacts", **known, environment_id=environment_id)
    known["artifact_id"] = page["data"][0]["id"]
    assert (await call("get_agent_session_artifact", **known))["path"] == "/workspace/answer.txt"
    saved = await call("download_agent_session_artifact", **known, filename="answer.txt")
    assert Path(saved["path"]).read_text() == "You said: Hello"
    assert (await call("delete_agent_session_artifact", **known))["deleted"] is True


@newer
async def test_environments(standin: StandIn, call: Call) -> None:
    session = await call("create_agent_session", environment=HOSTED, agent={"model": "m"})
    known = {"environment_id": session["environment"]["id"]}
    assert (await call("get_agent_environment", **known))["status"] == "connected"
    data = base64.b64encode(b"hello").decode()
    for name in ("a.txt", "b.txt"):
        added = {"type": "inline", "path": f"/workspace/{name}", "data": data}
        file = await call("add_agent_environment_file", **known, **added)
        assert file["size_bytes"] == 5
        assert standin.requests[-1].body == added
    first = await call("list_agent_environment_files", **known, limit=1, order="asc")
    assert (first["data"][0]["path"], first["has_more"]) == ("/workspace/a.txt", True)
    then = await call("list_agent_environment_files", **known, order="asc", page=first["next"])
    assert [file["path"] for file in then["data"]] == ["/workspace/b.txt"]


@newer
async def test_environment_templates(standin: StandIn, call: Call) -> None:
    data = {
        "name": "Office",
        "packages": {"python": ["pandas"]},
        "network": {"access": "disabled"},
        "env": {"TZ": "Europe/Oslo"},
        "setup_commands": [{"command": "true"}],
        "skills": [{"type": "skill_reference", "skill_id": "skill_1"}],
    }
    made = await call("create_agent_environment_template", **data)
    assert standin.requests[-1].body == data
    assert not {"env", "setup_commands"} & made.keys()
    known = {"environment_template_id": made["id"]}
    assert (await call("get_agent_environment_template", **known))["name"] == "Office"
    changed = await call("modify_agent_environment_template", **known, name="Study")
    assert changed["name"] == "Study"
    page = await call("list_agent_environment_templates")
    assert page["data"][0]["id"] == made["id"]
    assert (await call("delete_agent_environment_template", **known))["deleted"] is True


@newer
async def test_vaults(call: Call) -> None:
    made = await call("create_vault", name="Home", metadata={"a": "1"})
    known = {"vault_id": made["id"]}
    assert (await call("get_vault", **known))["name"] == "Home"
    assert (await call("list_vaults", status="active"))["data"][0]["id"] == made["id"]
    assert (await call("list_vaults", status=["archived"]))["data"] == []
    credential = (await call("list_vault_credentials", **known, status=["active"]))["data"][0]
    known["credential_id"] = credential["id"]
    assert (await call("get_vault_credential", **known))["name"] == "Calendar"
    assert (await call("delete_vault_credential", **known))["deleted"] is True
    assert (await call("delete_vault", vault_id=made["id"]))["deleted"] is True
