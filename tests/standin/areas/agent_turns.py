"""What a session's agent does with what is said, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.standin import answers
from tests.standin.routing import Call, check, one_of
from tests.standin.state import Blob, Kind
from tests.standin.wire import Json, invalid, new_id, now

TURNS = Kind(name="turn")
ITEMS = Kind(name="item")
TRACES = Kind(name="trace")
ARTIFACTS = Kind(name="artifact", deleted="agent.session.artifact.deleted")
SUBAGENTS = Kind(name="subagent")
# Said by somebody who wants to see a helper at work, or a failure; a function is called by name.
HELP, FAIL = "with help", "fail"


def text_of(said: Any) -> str:
    """Return what a user says, refusing what is no message."""
    if isinstance(said, str):
        return said
    if not isinstance(said, list) or not said:
        raise invalid("Expected a text or messages.", "input")
    for message in said:
        one_of("input.role", str(message.get("role")), ("user",))
        check(message, "content", list)
    return " ".join(
        part["text"] for message in said for part in message["content"] if "text" in part
    )


def happening(kind: str, **values: Any) -> Json:
    """Return an event."""
    return {"type": kind, "event_id": new_id("event_"), **values}


def take_turn(call: Call, session: Json, prompt: str) -> Iterator[Json]:
    """Work on what was said, up to an answer or to the call of a function."""
    turns = call.collection(TURNS, session["id"])
    turn = turns.add(_new_turn(session, session["agent"]["id"]))
    about: Json = {"session_id": session["id"], "turn_id": turn["id"]}
    session |= {"status": "in_progress", "last_active_at": now()}
    call.collection(ITEMS, session["id"]).add(
        {
            "id": new_id("msg_"),
            "type": "message",
            "role": "user",
            "turn_id": turn["id"],
            "content": [{"type": "input_text", "text": prompt}],
        }
    )
    yield happening("agent.session.turn.created", turn=dict(turn), **about)
    yield happening("agent.session.in_progress", session=dict(session))
    tools = answers.wanted_tools(session["agent"]["tools"], None, prompt, parallel=False)
    if tools:
        turn["status"] = "waiting"
        action = {
            "type": "function_call",
            "call_id": new_id("call_"),
            "name": tools[0]["name"],
            "arguments": answers.example(tools[0].get("parameters") or {}, prompt),
            "turn_id": turn["id"],
        }
        session |= {"status": "requires_action", "required_actions": [action]}
        yield happening("agent.session.requires_action", session=dict(session))
        return
    if HELP in prompt:
        yield from _help(call, session, prompt)
    if FAIL in prompt:
        turn |= {"status": "failed", "completed_at": now(), "error": {"message": "It failed."}}
        session |= {"status": "idle"}
        yield happening("agent.session.turn.failed", turn=dict(turn), **about)
        yield happening("agent.session.idle", session=dict(session))
        return
    yield from answer(call, session, turn, answers.echo(prompt, len(list(turns))))


def _new_turn(session: Json, agent_id: str, subagent_id: str | None = None) -> Json:
    """Return a turn that has begun."""
    return {
        "id": new_id("turn_"),
        "object": "agent.session.turn",
        "session_id": session["id"],
        "agent_id": agent_id,
        "subagent_id": subagent_id,
        "status": "in_progress",
        "created_at": now(),
        "started_at": now(),
        "completed_at": None,
        "error": None,
        "usage": None,
    }


def _message(turn: Json, text: str, phase: str = "final_answer") -> Json:
    """Return a message of an agent."""
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "phase": phase,
        "turn_id": turn["id"],
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def _help(call: Call, session: Json, prompt: str) -> Iterator[Json]:
    """Let a helper do something first."""
    helper = call.collection(SUBAGENTS, session["id"]).add(
        {
            "id": new_id("subagent_"),
            "object": "agent.session.subagent",
            "session_id": session["id"],
            "parent_agent_id": session["agent"]["id"],
            "name": "Helper",
            "instructions": [{"type": "input_text", "text": prompt}],
            "opened_at": now(),
            "closed_at": None,
            "status": "active",
        }
    )
    turn = call.collection(TURNS, session["id"], helper["id"]).add(
        _new_turn(session, helper["id"], helper["id"])
    )
    about: Json = {"session_id": session["id"], "turn_id": turn["id"]}
    item = call.collection(ITEMS, session["id"], helper["id"]).add(_message(turn, "I helped."))
    yield happening(
        "agent.session.subagent.created", subagent=dict(helper), session_id=session["id"]
    )
    yield happening("agent.session.turn.created", turn=dict(turn), **about)
    yield happening("agent.session.turn.item.done", item=item, output_index=0, **about)
    turn |= {"status": "completed", "completed_at": now()}
    yield happening("agent.session.turn.completed", turn=dict(turn), **about)


def answer(call: Call, session: Json, turn: Json, text: str) -> Iterator[Json]:
    """Say something and come to rest; a file is left behind where there is a place for one."""
    about: Json = {"session_id": session["id"], "turn_id": turn["id"]}
    items = call.collection(ITEMS, session["id"])
    for index, item in enumerate(
        (_message(turn, "Let me see.", "commentary"), _message(turn, text))
    ):
        yield happening(
            "agent.session.turn.item.added",
            item={**item, "status": "in_progress", "content": []},
            output_index=index,
            **about,
        )
        for piece in answers.pieces(item["content"][0]["text"]):
            yield happening(
                "agent.session.turn.output_text.delta",
                delta=piece,
                item_id=item["id"],
                output_index=index,
                content_index=0,
                **about,
            )
        items.add(item)
        yield happening("agent.session.turn.item.done", item=item, output_index=index, **about)
    if "id" in session["environment"]:
        _publish(call, session, turn, text)
    heard, said = answers.tokens(text), answers.tokens(text)
    usage = {"input_tokens": heard, "output_tokens": said, "total_tokens": heard + said}
    turn |= {"status": "completed", "completed_at": now(), "usage": usage}
    session |= {"status": "idle", "usage": usage, "required_actions": []}
    call.collection(TRACES, session["id"]).add(
        {
            "id": turn["id"],
            "object": "agent.session.trace",
            "created_at": now(),
            "session_id": session["id"],
            "otlp": {"resourceSpans": []},
        }
    )
    yield happening("agent.session.turn.completed", turn=dict(turn), usage=usage, **about)
    yield happening("agent.session.idle", session=dict(session))


def _publish(call: Call, session: Json, turn: Json, text: str) -> None:
    """Keep a file that the agent has made."""
    artifact = call.collection(ARTIFACTS, session["id"]).add(
        {
            "id": new_id("artifact_"),
            "object": "agent.session.artifact",
            "created_at": now(),
            "session_id": session["id"],
            "turn_id": turn["id"],
            "environment_id": session["environment"]["id"],
            "path": "/workspace/answer.txt",
            "size_bytes": len(text.encode()),
        }
    )
    call.state.blobs[artifact["id"]] = Blob(data=text.encode(), content_type="text/plain")
