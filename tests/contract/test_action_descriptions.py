"""The SDK is the judge: every row must agree with the method that it names."""

import inspect
from typing import Any, get_args, get_type_hints

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from openai import AsyncOpenAI, Omit
from openai._version import __version__ as sdk_version
import pytest

from custom_components.openai_api.action import ActionDescription
from custom_components.openai_api.actions import ACTION_GROUPS, ACTIONS
from custom_components.openai_api.media.multipart import async_encode_uploads
from custom_components.openai_api.services import effective_fields

OF_THE_SDK = {"self", "extra_headers", "extra_query", "extra_body", "timeout", "stream_cls"}
SDK = tuple(map(int, sdk_version.split(".")[:2]))
IS_NEWEST = SDK >= (3, 26)
IS_LATEST = SDK >= (3, 57)
"""Whether this SDK has all that rows name."""

# Sent in the body or the query, though the method of the SDK that sends them knows nothing of them.
BESIDE_THE_SDK = {
    "create_chat_completion": {"conversation_id", "llm_hass_api"},
    "create_model_response": {"conversation_id", "llm_hass_api"},
    "create_eval_run": {"model"},
    "list_input_items": {"before"},
    "parse_model_response": {"verbosity"},
    "stream_model_response": {"response_id", "starting_after"},
    "unwrap_webhook_event": {"tolerance"},
    "upload_vector_store_file": {"attributes"},
    "upload_and_poll_vector_store_file": {"attributes"},
    "upload_and_poll_vector_store_file_batch": {"max_concurrency"},
}
# Made of several requests, or of none: their fields are our own.
LOCAL = {"upload_file_chunked", "watch_job", "list_watched_jobs", "stop_watching_job"} | {
    action.key for action in ACTIONS if not action.method or action.method.endswith(".connect")
}
# The action itself says whether to stream.
LEFT_OUT = {
    action: {"stream"}
    for action in (
        "stream_model_response",
        "create_thread_and_poll_run",
        "create_thread_and_stream_run",
        "create_and_poll_run",
        "stream_run",
        "submit_tool_outputs_and_poll_run",
        "submit_tool_outputs_and_stream_run",
    )
} | {
    # Functions and classes of Python, which no action can be given.
    "create_agent_session": {"output_type", "tool_handlers"},
    "run_agent_session": {"output_type", "tool_handlers", "on_tool_error"},
}


def method_of(action: ActionDescription) -> Any:
    """Return the function of the SDK behind a row; skips where this SDK has none."""
    target: Any = AsyncOpenAI(api_key="unused")
    try:
        for part in action.method.split("."):
            target = getattr(target, part)
    except AttributeError:
        if IS_LATEST:
            raise
        pytest.skip(f"openai {sdk_version} has no {action.method}")
    return inspect.unwrap(target)


def takes_null(annotation: Any) -> bool:
    """Tell whether a parameter may be null, beyond being left out."""
    return type(None) in get_args(annotation)


ROWS = [action for action in ACTIONS if action.key not in LOCAL]


@pytest.mark.parametrize("action", ROWS, ids=lambda action: action.key)
def test_action_fields_match_sdk(action: ActionDescription) -> None:
    function = method_of(action)
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in OF_THE_SDK
    }
    beside = BESIDE_THE_SDK.get(action.key, set())
    # What is woven into other arguments needs none of its own.
    fields = {
        field.key: field
        for field in action.fields
        if field.encode in {None, async_encode_uploads} or field.key in parameters
    }

    unknown = set(fields) - set(parameters) - beside
    if IS_LATEST:
        assert not unknown, "fields that the method does not take"
        assert not set(parameters) - set(fields) - LEFT_OUT.get(action.key, set()), (
            "parameters that no field offers"
        )
    needed = {
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
    assert needed <= {field.key for field in action.fields if field.required}
    hints = get_type_hints(function)
    for name in set(fields) & set(parameters):
        # The newest takes no null there, though the API does: what rows took before, they take.
        if IS_NEWEST and not (IS_LATEST and name in {"after", "limit"}):
            assert fields[name].nullable == takes_null(hints[name]), name


def test_sdk_marks_optional_parameters() -> None:
    """The comparison above reads the SDK's own mark for it."""
    hints = get_type_hints(AsyncOpenAI(api_key="unused").responses.create)
    assert Omit in get_args(hints["model"])


def test_action_names_are_unique() -> None:
    keys = [action.key for action in ACTIONS]
    assert len(keys) == len(set(keys))
    assert len(ACTION_GROUPS) == len({family.key for family in ACTION_GROUPS})


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_field_names_are_unique(action: ActionDescription) -> None:
    keys = [field.key for field in effective_fields(action)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_media_selector_accepts_valid_types(action: ActionDescription) -> None:
    """Home Assistant's media browser takes `*`, `image/*` and `image/png`, and offers no `*/*`."""
    for field in effective_fields(action):
        for kind in field.selector.get("media", {}).get("accept", ()):
            assert kind == "*" or not kind.startswith("*"), field.key


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_texts_are_complete(action: ActionDescription) -> None:
    assert action.description.endswith("."), action.description
    assert action.icon.startswith("mdi:")
    for field in effective_fields(action):
        assert field.description.endswith((".", "?")) or field.file, field.key
        assert field.name[0].isupper()
