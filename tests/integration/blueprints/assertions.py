"""Compares what was sent or answered with the part of it that matters."""

from typing import Any

from tests.standin.records import Part, RecordedRequest
from tests.standin.server import StandIn

from ..conftest import Call

ANY: Any = object()
"""Stands for whatever is there."""


def contains(found: Any, wanted: Any) -> bool:
    """Tell whether all that is wanted was found, in objects and lists at any depth."""
    if wanted is ANY:
        return bool(found)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and contains(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(map(contains, found, wanted, strict=True))
        )
    return type(found) is type(wanted) and bool(found == wanted)


def body_of(request: RecordedRequest) -> Any:
    """Return a request's values, a form's files by their names, a query's as they are."""
    body = request.body
    if isinstance(body, list) and body and isinstance(body[0], Part):
        found: dict[str, Any] = {}
        for part in body:
            found.setdefault(part.name, []).append(part.filename or part.data)
        return {name: data[0] if len(data) == 1 else data for name, data in found.items()}
    return body if body is not None else dict(request.query)


def assert_sent(standin: StandIn, method: str, path: str, wanted: Any) -> None:
    """Fail unless a request like this arrived."""
    same = [item for item in standin.requests if (item.method, item.path) == (method, path)]
    seen = [(item.method, item.path) for item in standin.requests]
    assert same, f"no {method} {path} among {seen}"
    bodies = [body_of(item) for item in same]
    assert any(contains(body, wanted) for body in bodies), bodies


def filled(value: Any, made: dict[str, str]) -> Any:
    """Return a value in which `<name>` stands for an id that was made before."""
    if isinstance(value, str):
        for name, identifier in made.items():
            value = value.replace(f"<{name}>", identifier)
        return value
    if isinstance(value, dict):
        return {key: filled(item, made) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, made) for item in value]
    return value


async def prepared(call: Call, wanted: list[str]) -> dict[str, str]:
    """Make objects at the host, and return their ids by the names that stand for them."""
    made: dict[str, str] = {}
    makers: dict[str, tuple[str, dict[str, Any]]] = {
        "assistant": ("create_assistant", {"model": "gpt-4o-mini"}),
        "thread": ("create_thread", {"messages": [{"role": "user", "content": "Hello"}]}),
        "run": ("create_run", {"thread_id": "<thread>", "assistant_id": "<assistant>"}),
        "conversation": ("create_conversation", {}),
        "session": ("create_chatkit_session", {"user": "home", "workflow": {"id": "wf_1"}}),
        "store": ("create_vector_store", {"name": "Manuals"}),
        "video": ("create_and_poll_video", {"prompt": "A boat"}),
        "response": ("create_model_response", {"model": "gpt-5.4", "input": "Begin"}),
    }
    for name in wanted:
        action, data = makers[name]
        made[name] = (await call(action, **filled(data, made)))["id"]
    if "session" in made:
        made["chat"] = (await call("list_chatkit_threads", user="home"))["data"][0]["id"]
    return made
