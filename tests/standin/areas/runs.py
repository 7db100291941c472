"""Runs: an assistant works on a thread, at once in a stream or while somebody waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
import json

from tests.standin import answers
from tests.standin.routing import Call, Route, check, need, resource_routes, within
from tests.standin.state import Collection, Kind
from tests.standin.wire import SSE_TYPE, Json, Reply, invalid, new_id, now

from .assistants import (
    ASSISTANTS,
    MESSAGES,
    THREADS,
    add_message,
    check_message,
    new_thread,
    text_of,
)

RUNS = Kind(name="run")
STEPS = Kind(name="run step")
ACTIVE = ("queued", "in_progress", "requires_action", "cancelling")
# What a run takes over from its assistant.
INHERITED = (
    "model",
    "instructions",
    "tools",
    "temperature",
    "top_p",
    "response_format",
    "reasoning_effort",
)

type Event = tuple[str, Json]


def runs_of(call: Call) -> Collection:
    """Return the runs of the thread in the path."""
    thread = call.collection(THREADS).get(call.ids["thread_id"])
    return call.collection(RUNS, thread["id"])


def _new_run(call: Call, thread_id: str) -> Json:
    """Let an assistant begin to work on a thread."""
    body = call.json
    assistant = call.collection(ASSISTANTS).get(need(body, "assistant_id", str))
    within(body, "temperature", 0, 2)
    within(body, "top_p", 0, 1)
    for key in ("max_completion_tokens", "max_prompt_tokens"):
        check(body, key, int)
    settings = {key: assistant[key] if body.get(key) is None else body[key] for key in INHERITED}
    if more := body.get("additional_instructions"):
        settings["instructions"] = f"{settings['instructions'] or ''}\n{more}".strip()
    runs = call.collection(RUNS, thread_id)
    if busy := next((run["id"] for run in runs if run["status"] in ACTIVE), None):
        raise invalid(f"Thread {thread_id} already has an active run {busy}.", None)
    created = now()
    run: Json = {
        "id": new_id("run_"),
        "object": "thread.run",
        "created_at": created,
        "thread_id": thread_id,
        "assistant_id": assistant["id"],
        "status": "queued",
        "required_action": None,
        "last_error": None,
        "expires_at": created + 600,
        "started_at": None,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "incomplete_details": None,
        "max_completion_tokens": body.get("max_completion_tokens"),
        "max_prompt_tokens": body.get("max_prompt_tokens"),
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "tool_choice": body.get("tool_choice") or "auto",
        "truncation_strategy": body.get("truncation_strategy")
        or {"type": "auto", "last_messages": None},
        "usage": None,
        **settings,
    }
    return runs.add(run, {"status": "in_progress", "started_at": created}, _outcome(call, run))


def _outcome(call: Call, run: Json, outputs: Sequence[Json] = ()) -> Json:
    """Return what the run will come to: an answer, or a wait for the functions' outputs."""
    messages = list(call.collection(MESSAGES, run["thread_id"]))
    prompt = next((text_of(item) for item in reversed(messages) if item["role"] == "user"), "")
    said = ", ".join(str(output.get("output")) for output in outputs)
    tools = (
        []
        if outputs
        else answers.wanted_tools(
            run["tools"], run["tool_choice"], prompt, run["parallel_tool_calls"]
        )
    )
    if tools:
        calls = [
            {
                "id": new_id("call_"),
                "type": "function",
                "function": {"name": tool["name"], "arguments": answers.arguments(tool, prompt)},
            }
            for tool in tools
        ]
        action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
        return {"status": "requires_action", "required_action": action}
    turn = 1 + sum(item["role"] == "assistant" for item in messages)
    if outputs:
        prompt = f"the tool answered {said}"
    text = answers.structured(run["response_format"], prompt) or answers.echo(prompt, turn)
    limit = run["max_completion_tokens"]
    outcome: Json = {"status": "completed", "completed_at": now(), "required_action": None}
    if limit is not None and answers.tokens(text) > limit:
        text = text[: limit * 4]
        outcome |= {
            "status": "incomplete",
            "completed_at": None,
            "incomplete_details": {"reason": "max_completion_tokens"},
        }
    heard, spoken = answers.tokens(prompt), answers.tokens(text)
    usage = {
        "prompt_tokens": heard,
        "completion_tokens": spoken,
        "total_tokens": heard + spoken,
    }
    return {**outcome, "usage": usage, "_text": text}


def _write_down(call: Call, run: Json) -> Json:
    """Add what a run came to: the step, and the message if it answered."""
    steps = call.collection(STEPS, run["id"])
    text = run.pop("_text", None)
    if text is not None:
        message = add_message(
            call,
            run["thread_id"],
            {"role": "assistant", "content": text},
            assistant_id=run["assistant_id"],
            run_id=run["id"],
        )
        for step in steps:
            steps.update(step["id"], {"status": "completed", "completed_at": now()})
        details: Json = {
            "type": "message_creation",
            "message_creation": {"message_id": message["id"]},
        }
        steps.add(_step(run, details, "completed"))
    elif run["status"] == "requires_action" and not any(
        step["status"] == "in_progress" for step in steps
    ):
        calls = [
            {**item, "function": {**item["function"], "output": None}}
            for item in run["required_action"]["submit_tool_outputs"]["tool_calls"]
        ]
        steps.add(_step(run, {"type": "tool_calls", "tool_calls": calls}, "in_progress"))
    return run


def _step(run: Json, details: Json, status: str) -> Json:
    """Return a step of a run."""
    created = now()
    return {
        "id": new_id("step_"),
        "object": "thread.run.step",
        "created_at": created,
        "run_id": run["id"],
        "assistant_id": run["assistant_id"],
        "thread_id": run["thread_id"],
        "type": details["type"],
        "status": status,
        "cancelled_at": None,
        "completed_at": created if status == "completed" else None,
        "expired_at": None,
        "failed_at": None,
        "last_error": None,
        "step_details": details,
        "usage": run["usage"],
    }


def _begun(call: Call, run: Json, before: Iterable[Event]) -> Reply | Json:
    """Return a run that has been begun, or stream it to where it stops."""
    if not call.json.get("stream"):
        return dict(run)
    queued = dict(run)
    done = _write_down(call, call.collection(RUNS, run["thread_id"]).settle(run["id"]))
    events = [*before, *_events(call, queued, done)]

    async def body() -> AsyncIterator[bytes]:
        async for name, data in call.paced(events):
            yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        yield b"event: done\ndata: [DONE]\n\n"

    return Reply(body=body(), content_type=SSE_TYPE)


def _events(call: Call, queued: Json, done: Json) -> Iterable[Event]:
    """Yield the named events that lead from a queued run to where it stops."""
    working = {**queued, "status": "in_progress", "started_at": now()}
    yield "thread.run.queued", queued
    yield "thread.run.in_progress", working
    step = list(call.collection(STEPS, done["id"]))[-1]
    begun = {**step, "status": "in_progress", "completed_at": None, "usage": None}
    yield "thread.run.step.created", begun
    yield "thread.run.step.in_progress", begun
    if step["type"] == "message_creation":
        identifier = step["step_details"]["message_creation"]["message_id"]
        yield from _message(call.collection(MESSAGES, done["thread_id"]).get(identifier))
        yield "thread.run.step.completed", step
    else:
        delta = {"step_details": step["step_details"]}
        yield (
            "thread.run.step.delta",
            {"id": step["id"], "object": "thread.run.step.delta", "delta": delta},
        )
    yield f"thread.run.{done['status']}", dict(done)


def _message(message: Json) -> Iterable[Event]:
    """Yield the events of a message."""
    empty = {**message, "status": "in_progress", "completed_at": None, "content": []}
    yield "thread.message.created", empty
    yield "thread.message.in_progress", empty
    for piece in answers.pieces(text_of(message)):
        content = [{"index": 0, "type": "text", "text": {"value": piece, "annotations": []}}]
        yield (
            "thread.message.delta",
            {"id": message["id"], "object": "thread.message.delta", "delta": {"content": content}},
        )
    yield "thread.message.completed", message


async def create(call: Call) -> Reply | Json:
    """Let an assistant work on the thread in the path."""
    runs_of(call)
    thread_id = call.ids["thread_id"]
    messages = check(call.json, "additional_messages", list) or []
    for index, message in enumerate(messages):
        check_message(message, f"additional_messages[{index}].")
    call.collection(ASSISTANTS).get(need(call.json, "assistant_id", str))
    for message in messages:
        add_message(call, thread_id, message)
    run = _new_run(call, thread_id)
    return _begun(call, run, [("thread.run.created", dict(run))])


async def create_with_thread(call: Call) -> Reply | Json:
    """Begin a thread and let an assistant work on it."""
    call.collection(ASSISTANTS).get(need(call.json, "assistant_id", str))
    thread = new_thread(call, check(call.json, "thread", dict) or {})
    run = _new_run(call, thread["id"])
    return _begun(call, run, [("thread.created", thread), ("thread.run.created", dict(run))])


async def list_runs(call: Call) -> Json:
    """List the runs of a thread."""
    return runs_of(call).page(call.request)


async def retrieve(call: Call) -> Json:
    """Return a run, which is a bit further each time."""
    return _write_down(call, runs_of(call).advance(call.ids["run_id"]))


async def submit(call: Call) -> Reply | Json:
    """Take the outputs of functions, and let the run go on."""
    runs = runs_of(call)
    run = runs.get(call.ids["run_id"])
    outputs = need(call.json, "tool_outputs", list)
    if run["status"] != "requires_action":
        raise invalid(f'Runs in status "{run["status"]}" do not accept tool outputs.', None)
    wanted = {item["id"] for item in run["required_action"]["submit_tool_outputs"]["tool_calls"]}
    if wanted != {output.get("tool_call_id") for output in outputs}:
        raise invalid(f"Expected tool outputs for call_ids {sorted(wanted)}.", "tool_outputs")
    outcome = _outcome(call, run, outputs)
    run |= {"status": "queued", "required_action": None}
    runs.add(run, {"status": "in_progress"}, outcome)
    return _begun(call, run, ())


async def cancel(call: Call) -> Json:
    """Stop a run; it is over with the next look at it."""
    runs = runs_of(call)
    run = runs.get(call.ids["run_id"])
    if run["status"] not in ACTIVE:
        raise invalid(f"Cannot cancel run with status '{run['status']}'.", None)
    runs.forget_later(run["id"])
    run["status"] = "cancelling"
    return dict(runs.add(run, {"status": "cancelled", "cancelled_at": now()}))


def steps_of(call: Call) -> Collection:
    """Return the steps of the run in the path."""
    return call.collection(STEPS, runs_of(call).get(call.ids["run_id"])["id"])


async def list_steps(call: Call) -> Json:
    """List the steps of a run."""
    return steps_of(call).page(call.request)


async def retrieve_step(call: Call) -> Json:
    """Return a step of a run."""
    return steps_of(call).get(call.ids["step_id"])


ROUTES = (
    Route("POST", "/threads/runs", create_with_thread),
    Route("POST", "/threads/{thread_id}/runs", create),
    Route("GET", "/threads/{thread_id}/runs", list_runs),
    Route("GET", "/threads/{thread_id}/runs/{run_id}", retrieve),
    *resource_routes(RUNS, "/threads/{thread_id}/runs/{run_id}", "update"),
    Route("POST", "/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", submit),
    Route("POST", "/threads/{thread_id}/runs/{run_id}/cancel", cancel),
    Route("GET", "/threads/{thread_id}/runs/{run_id}/steps", list_steps),
    Route("GET", "/threads/{thread_id}/runs/{run_id}/steps/{step_id}", retrieve_step),
)
