"""No public method of the SDK is left out by accident."""

from collections.abc import Iterator
from functools import cached_property
import inspect
from typing import Any

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from openai import AsyncOpenAI
from openai._version import __version__ as sdk_version
import pytest

from custom_components.openai_api.actions import ACTIONS

IS_LATEST = tuple(map(int, sdk_version.split(".")[:2])) >= (3, 57)
"""Whether this SDK has all that rows name; `scripts/test` runs these tests with it, too."""
# The organisation's keys, users and bills: an automation at home must not hold an admin key.
ADMINISTRATION = "admin"

# Actions that do what a helper of the SDK does, with its plain methods and steps of their own.
DONE_BY = {
    "beta.threads.create_and_run_poll": "create_thread_and_poll_run",
    "beta.threads.create_and_run_stream": "create_thread_and_stream_run",
    "beta.threads.runs.create_and_poll": "create_and_poll_run",
    "beta.threads.runs.create_and_stream": "stream_run",
    "beta.threads.runs.poll": "poll_run",
    "beta.threads.runs.stream": "stream_run",
    "beta.threads.runs.submit_tool_outputs_and_poll": "submit_tool_outputs_and_poll_run",
    "beta.threads.runs.submit_tool_outputs_stream": "submit_tool_outputs_and_stream_run",
    "chat.completions.parse": "parse_chat_completion",
    "files.wait_for_processing": "wait_for_file_processing",
    "responses.parse": "parse_model_response",
    "responses.stream": "stream_model_response",
    "vector_stores.file_batches.create_and_poll": "create_and_poll_vector_store_file_batch",
    "vector_stores.file_batches.poll": "poll_vector_store_file_batch",
    "vector_stores.file_batches.upload_and_poll": "upload_and_poll_vector_store_file_batch",
    "vector_stores.files.create_and_poll": "create_and_poll_vector_store_file",
    "vector_stores.files.poll": "poll_vector_store_file",
    "vector_stores.files.upload_and_poll": "upload_and_poll_vector_store_file",
    "videos.create_and_poll": "create_and_poll_video",
    "videos.poll": "poll_video",
}
_SAME = "The same methods as without beta, kept by the SDK for programs from before"
_PLAIN = "What is kept does not differ: the action of the plain method reads and changes it"
_SECRET = "Its arguments are secrets, and Home Assistant records what actions are called with"
_SOCKET = "A WebSocket for programs that stream sound both ways; an action cannot hold one"
_STEPS = "Made of steps that are actions: upload a file, then add it to an environment by its id"
# Methods without an action, each with the reason; a name that ends in a dot means all below it.
EXCLUDED: dict[str, str] = {
    "beta.agents.environments.files.prepare": _STEPS,
    "beta.agents.environments.files.prepare_directory": _STEPS,
    "beta.agents.environments.files.upload": _STEPS,
    "beta.agents.sessions.artifacts.for_result": (
        "Takes an object of Python's; the list and the download of artifacts do the same"
    ),
    "beta.agents.vaults.credentials.create": _SECRET,
    "beta.agents.vaults.credentials.update": _SECRET,
    "beta.chat.": _SAME,
    "beta.realtime.connect": "The socket of the retired beta; the actions use today's",
    "beta.responses.cancel": _PLAIN,
    "beta.responses.compact": _PLAIN,
    "beta.responses.connect": "Its only gain is several agents, which an action offers over HTTP",
    "beta.responses.delete": _PLAIN,
    "beta.responses.input_items.list": _PLAIN,
    "beta.responses.input_tokens.count": _PLAIN,
    "beta.responses.retrieve": _PLAIN,
    "chat.completions.stream": "create_chat_completion streams with `stream: true`",
    "files.retrieve_content": "Deprecated; files.content is the same",
    "live.connect": _SOCKET,
    "live.forks.connect": _SOCKET,
    "live.sideband.connect": _SOCKET,
    "realtime.translations.connect": _SOCKET,
}


def methods(resource: Any, prefix: str = "") -> Iterator[str]:
    """Yield the public methods of a resource and of all the resources below it."""
    for name in sorted(dir(type(resource))):
        if name.startswith(("_", "with_")):
            continue
        found = inspect.getattr_static(type(resource), name)
        if isinstance(found, cached_property):
            if (path := f"{prefix}{name}") != ADMINISTRATION:
                yield from methods(getattr(resource, name), f"{path}.")
        elif prefix and callable(found):
            yield f"{prefix}{name}"


METHODS = tuple(methods(AsyncOpenAI(api_key="unused")))
KEYS = {action.key for action in ACTIONS}
COVERED = {action.method for action in ACTIONS}


def is_below(method: str, name: str) -> bool:
    """Tell whether a name of the exclusion list means a method."""
    return method == name or (name.endswith(".") and method.startswith(name))


def test_sdk_walk_finds_methods() -> None:
    assert {"responses.create", "beta.threads.runs.steps.list", "audio.speech.create"} <= set(
        METHODS
    )
    assert not any(method.startswith("admin") for method in METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_sdk_method_has_action_or_reason(method: str) -> None:
    reasons = [name for name in EXCLUDED if is_below(method, name)]
    places = [method in COVERED, method in DONE_BY, bool(reasons)]
    assert sum(places) == 1, f"{method}: one action, or one reason to have none"


@pytest.mark.skipif(not IS_LATEST, reason="older SDKs lack what the lists are about")
@pytest.mark.parametrize("name", [*EXCLUDED, *DONE_BY])
def test_exclusion_lists_name_existing_methods(name: str) -> None:
    assert any(is_below(method, name) for method in METHODS)


@pytest.mark.parametrize(("method", "action"), DONE_BY.items())
def test_sdk_helpers_replaced_by_existing_actions(method: str, action: str) -> None:
    assert action in KEYS, method


@pytest.mark.skipif(not IS_LATEST, reason="older SDKs lack some methods")
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_action_description_names_sdk_method(action: Any) -> None:
    # What is done at home has none.
    assert not action.method or action.method in METHODS


def test_exclusion_reasons_are_sentences() -> None:
    assert all(len(reason.split()) >= 5 for reason in EXCLUDED.values())
