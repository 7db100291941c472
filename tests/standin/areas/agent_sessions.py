"""Sessions of agents: turns, what is said in them, and the events that tell of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from tests.standin import answers
from tests.standin.routing import Call, Route, check, need, one_of, resource_routes
from tests.standin.state import Collection, Kind
from tests.standin.wire import Json, Reply, empty_reply, invalid, new_id, now, sse_reply

from .agent_turns import (
    ARTIFACTS,
    ITEMS,
    SUBAGENTS,
    TRACES,
    TURNS,
    answer,
    happening,
    take_turn,
    text_of,
)
from .agents import AGENTS, DEFAULTS, new_environment, settings_of

SESSIONS = Kind(name="agent session", deleted="agent.session.deleted")
ONE = "/agents/sessions/{session_id}"
ENDS = ("agent.session.idle", "agent.session.failed")
ARTIFACT = f"{ONE}/artifacts/{{artifact_id}}"
SUBAGENT = f"{ONE}/subagents/{{subagent_id}}"


@dataclass
class Listeners:
    """The streams that follow a session, and the keys of what it has taken."""

    queues: list[asyncio.Queue[Json]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def tell(self, event: Json) -> None:
        """Pass an event on to everybody who listens."""
        for queue in self.queues:
            queue.put_nowait(event)


_LISTENERS = Kind(name="listeners of a session")


def listeners_of(call: Call, session_id: str) -> Listeners:
    """Return who follows a session."""
    known = call.collection(_LISTENERS)
    if session_id not in known:
        known.add({"id": session_id, "listeners": Listeners()})
    found: Listeners = known.get(session_id)["listeners"]
    return found


def session_of(call: Call) -> Json:
    """Return the session in the path."""
    return call.collection(SESSIONS).get(call.ids["session_id"])


def _agent(call: Call) -> Json:
    """Return the agent of a new session."""
    body = check(call.json, "agent", dict) or {}
    if agent_id := check(call.json, "agent_id", str):
        known = call.collection(AGENTS).get(agent_id)
        agent = {key: known[key] for key in ("id", "model", *DEFAULTS) if key != "metadata"}
    else:
        agent = {"id": new_id("agent_"), "model": need(body, "model", str), **DEFAULTS}
    return {**agent, **settings_of(body, DEFAULTS), "model": body.get("model") or agent["model"]}


async def create(call: Call) -> Reply | Json:
    """Begin a session, and its first turn if something is said."""
    environment = new_environment(call, need(call.json, "environment", dict))
    said = call.json.get("input")
    if said is None and environment["type"] == "none":
        raise invalid("An input is required without an environment.", "input")
    session = call.collection(SESSIONS).add(
        {
            "id": new_id("sess_"),
            "object": "agent.session",
            "created_at": now(),
            "last_active_at": now(),
            "agent": _agent(call),
            "environment": environment,
            "error": None,
            "metadata": check(call.json, "metadata", dict) or {},
            "required_actions": [],
            "status": "idle",
            "usage": None,
            "vault_ids": check(call.json, "vault_ids", list) or [],
        }
    )
    created = [happening("agent.session.created", session=dict(session))]
    prompt = None if said is None else text_of(said)
    if call.json.get("stream"):
        events = [*created, *(() if prompt is None else take_turn(call, session, prompt))]
        return sse_reply(call.paced(events))
    # The answer shows the session at work, though it is done at once.
    if prompt is None:
        return dict(session)
    begun = {**session, "status": "in_progress"}
    for _ in take_turn(call, session, prompt):
        pass
    return begun


async def submit(call: Call) -> Reply:
    """Take events, and tell everybody who listens what comes of them."""
    session = session_of(call)
    listeners = listeners_of(call, session["id"])
    key = call.request.headers.get("Idempotency-Key")
    events = need(call.json, "events", list)
    if key is not None and key in listeners.keys:
        return empty_reply(202)
    for event in events:
        for told in list(_take(call, session, event)):
            listeners.tell(told)
    listeners.keys.add(key or new_id("key_"))
    return empty_reply(202)


def _take(call: Call, session: Json, event: Json) -> Iterator[Json]:
    """Do what an event asks for."""
    turns = list(call.collection(TURNS, session["id"]))
    match need(event, "type", str):
        case "agent.session.input.message":
            if session["status"] != "idle":
                raise invalid("The session is not idle.", "events")
            yield from take_turn(call, session, text_of(need(event, "input", list)))
        case "agent.session.input.cancel":
            turn = turns[-1]
            turn |= {"status": "cancelled", "completed_at": now()}
            session |= {"status": "idle", "required_actions": []}
            about = {"session_id": session["id"], "turn_id": turn["id"]}
            yield happening("agent.session.turn.cancelled", turn=dict(turn), **about)
            yield happening("agent.session.idle", session=dict(session))
        case "agent.session.input.tool_result":
            calls = [action["call_id"] for action in session["required_actions"]]
            one_of("call_id", need(event, "call_id", str), calls)
            session |= {"status": "in_progress", "required_actions": []}
            yield happening("agent.session.in_progress", session=dict(session))
            said = event.get("output") if event.get("success") else event.get("error")
            text = answers.echo(f"the tool answered {said}")
            yield from answer(call, session, turns[-1], text)
        case other:
            raise invalid(f"Unknown event '{other}'.", "events")


async def follow(call: Call) -> Reply:
    """Stream what happens in a session from now on; where it waits, the stream goes on."""
    session = session_of(call)
    listeners = listeners_of(call, session["id"])
    queue: asyncio.Queue[Json] = asyncio.Queue()
    listeners.queues.append(queue)

    async def events() -> AsyncIterator[Json]:
        try:
            yield happening(f"agent.session.{session['status']}", session=dict(session))
            event: Json = {}
            while event.get("type") not in ENDS:
                event = await queue.get()
                yield event
                await call.standin.pause()
        finally:
            listeners.queues.remove(queue)

    return sse_reply(events())


async def list_sessions(call: Call) -> Json:
    """List the sessions, those of one agent if asked."""
    agent = call.request.param("agent_id")
    return call.collection(SESSIONS).page(
        call.request, lambda session: agent in (None, session["agent"]["id"])
    )


async def update(call: Call) -> Json:
    """Change a session."""
    session = session_of(call)
    agent = check(call.json, "agent", dict) or {}
    session["agent"] |= {
        key: agent[key] for key in ("model", "reasoning", "service_tier") if key in agent
    }
    if "metadata" in call.json:
        session["metadata"] = check(call.json, "metadata", dict) or {}
    return session


async def delete(call: Call) -> Json:
    """Forget a session that is not at work."""
    if session_of(call)["status"] == "in_progress":
        raise invalid("Cancel the turn first.", None)
    return call.collection(SESSIONS).delete(call.ids["session_id"])


def _below(call: Call, kind: Kind) -> Collection:
    """Return what belongs to the session, or to the subagent, in the path."""
    parents = [session_of(call)["id"]]
    if (subagent := call.ids.get("subagent_id")) is not None:
        parents.append(call.collection(SUBAGENTS, *parents).get(subagent)["id"])
    return call.collection(kind, *parents)


async def list_items(call: Call) -> Json:
    """List what was said, in one turn if the path names one."""
    turn = call.ids.get("turn_id")
    if turn is not None:
        _below(call, TURNS).get(turn)
    return _below(call, ITEMS).page(call.request, lambda item: turn in (None, item["turn_id"]))


async def list_turns(call: Call) -> Json:
    """List turns."""
    return _below(call, TURNS).page(call.request)


async def retrieve_turn(call: Call) -> Json:
    """Return a turn."""
    return _below(call, TURNS).get(call.ids["turn_id"])


async def list_artifacts(call: Call) -> Json:
    """List the files that were made, in one environment if asked."""
    environment = call.request.param("environment_id")
    return _below(call, ARTIFACTS).page(
        call.request, lambda artifact: environment in (None, artifact["environment_id"])
    )


async def content(call: Call) -> Reply:
    """Return the bytes of a file."""
    blob = call.state.blobs[_below(call, ARTIFACTS).get(call.ids["artifact_id"])["id"]]
    return Reply(body=blob.data, content_type=blob.content_type)


ROUTES = (
    Route("POST", "/agents/sessions", create),
    Route("GET", "/agents/sessions", list_sessions),
    *resource_routes(SESSIONS, ONE, "retrieve"),
    Route("POST", ONE, update),
    Route("DELETE", ONE, delete),
    Route("POST", f"{ONE}/events", submit),
    Route("GET", f"{ONE}/events", follow),
    *resource_routes(TRACES, f"{ONE}/traces/{{trace_id}}", "list"),
    Route("GET", f"{ONE}/artifacts", list_artifacts),
    *resource_routes(ARTIFACTS, ARTIFACT, "retrieve", "delete"),
    Route("GET", f"{ARTIFACT}/content", content),
    *resource_routes(SUBAGENTS, SUBAGENT, "list", "retrieve"),
    *(
        route
        for parent in (ONE, SUBAGENT)
        for route in (
            Route("GET", f"{parent}/items", list_items),
            Route("GET", f"{parent}/turns", list_turns),
            Route("GET", f"{parent}/turns/{{turn_id}}", retrieve_turn),
            Route("GET", f"{parent}/turns/{{turn_id}}/items", list_items),
        )
    ),
)
