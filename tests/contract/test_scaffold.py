"""The draft of a row takes from the SDK what the rows that people have written say."""

import asyncio
from importlib import import_module
from pathlib import Path
import sys
from typing import Any

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
import pytest

from custom_components.openai_api import action as row_module
from custom_components.openai_api.action import ActionDescription, ResponseKind
from custom_components.openai_api.actions import ACTIONS, common_fields, fields
from custom_components.openai_api.streaming import accumulators

from .test_action_descriptions import method_of

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

scaffold: Any = import_module("scaffold")

pytestmark = pytest.mark.filterwarnings("ignore:The Assistants API:DeprecationWarning")

NAMES: dict[str, Any] = {
    **vars(accumulators),
    **vars(row_module),
    **vars(common_fields),
    **vars(fields),
}
PLAIN = {
    "create_file",
    "create_run",
    "delete_file",
    "delete_vector_store",
    "download_file",
    "hang_up_realtime_call",
    "list_files",
    "list_vector_store_files",
    "list_vector_stores",
    "modify_vector_store",
    "retrieve_vector_store",
    "search_vector_store",
    "create_speech",
}


def drafted(method: str) -> ActionDescription:
    """Return the draft of a row as a row."""
    row: ActionDescription = eval(asyncio.run(scaffold.draft(method)), dict(NAMES))  # noqa: S307
    return row


ROWS = [action for action in ACTIONS if action.key in PLAIN]


@pytest.mark.parametrize("action", ROWS, ids=lambda action: action.key)
def test_draft_of_method_is_like_its_row(action: ActionDescription) -> None:
    method_of(action)  # Skips what this SDK does not have.

    draft = drafted(action.method)

    def shape(row: ActionDescription) -> tuple[Any, ...]:
        return row.method, row.response, row.has_body, row.only_answers, row.permission

    assert shape(draft) == shape(action)
    names = {field.key: field.required or field.key == "model" for field in action.fields}
    found = {field.key: field.required or field.key == "model" for field in draft.fields}
    assert {key: names.get(key) for key in found} == found
    nullable = {field.key: field.nullable for field in action.fields}
    assert {field.key: field.nullable for field in draft.fields} == {
        key: nullable[key] for key in found
    }
    if action.response is not ResponseKind.FILE:
        assert draft.accumulator is action.accumulator


def test_draft_of_list_names_common_fields() -> None:
    text = asyncio.run(scaffold.draft("vector_stores.files.list"))

    assert 'key="list_vector_store_files"' in text
    assert "*PAGING" in text
    assert "VECTOR_STORE_ID" in text
    assert text.startswith("# For custom_components/openai_api/actions/vector_store_files.py")


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("beta.responses.input_items.list", "actions/multi_agent.py, which comes closest"),
        ("admin.organization.users.list", "# For a new group\n"),
    ],
)
def test_draft_of_method_without_rows_near(method: str, place: str) -> None:
    assert place in asyncio.run(scaffold.draft(method))


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("vector_stores.seek", "knows no 'seek'"),
        ("audio", "a group of them, such as audio.speech.create"),
        ("copy", "no method of the API"),
        ("timeout", "no method of the API"),
    ],
)
def test_draft_of_unknown_method_exits(method: str, reason: str) -> None:
    with pytest.raises(SystemExit, match=reason):
        asyncio.run(scaffold.draft(method))
