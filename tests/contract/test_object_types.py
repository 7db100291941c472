"""What the rows say of objects, against the types and the methods of the SDK."""

from importlib import import_module
import inspect
from typing import Any, Final, get_args

from openai import AsyncOpenAI, __version__ as sdk_version
import pytest

from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.object_types import OBJECT_TYPES, ObjectType

IS_LATEST: Final = tuple(map(int, sdk_version.split(".")[:2])) >= (3, 57)
MODELS: Final = {
    "agent_session": "beta.agent_session.AgentSession",
    "agent_session_turn": "beta.agents.sessions.turn.Turn",
    "batch": "batch.Batch",
    "eval_run": "evals.run_retrieve_response.RunRetrieveResponse",
    "file": "file_object.FileObject",
    "fine_tuning_job": "fine_tuning.fine_tuning_job.FineTuningJob",
    "model_response": "responses.response.Response",
    "run": "beta.threads.run.Run",
    "vector_store": "vector_store.VectorStore",
    "vector_store_file": "vector_stores.vector_store_file.VectorStoreFile",
    "vector_store_file_batch": "vector_stores.vector_store_file_batch.VectorStoreFileBatch",
    "video": "video.Video",
}


def literals(annotation: Any) -> set[str]:
    """Return the words of a `Literal`, also of one among alternatives; none of another type."""
    if isinstance(annotation, str):
        return {annotation}
    return {word for item in get_args(annotation) for word in literals(item)}


def model_of(object_type: ObjectType) -> Any:
    """Return the SDK's type, or skip the test where this SDK has none."""
    module, _, name = MODELS[object_type.key].rpartition(".")
    try:
        return getattr(import_module(f"openai.types.{module}"), name)
    except ModuleNotFoundError:
        if IS_LATEST:
            raise
        pytest.skip("the SDK is older than the type")


@pytest.mark.parametrize("object_type", OBJECT_TYPES, ids=lambda item: item.key)
def test_object_type_knows_every_status(object_type: ObjectType) -> None:
    fields = model_of(object_type).model_fields
    assert literals(fields["object"].annotation) == {object_type.name}
    kinds = (
        object_type.in_progress_statuses,
        object_type.done_statuses,
        object_type.failed_statuses,
    )
    known = frozenset().union(*kinds)
    assert len(known) == sum(map(len, kinds)), "each has one meaning"
    assert literals(fields["status"].annotation) <= known
    ended = {status for status in known if object_type.is_ended(status)}
    assert ended == known - object_type.in_progress_statuses


@pytest.mark.parametrize("object_type", OBJECT_TYPES, ids=lambda item: item.key)
def test_object_type_id_fields_match_sdk(object_type: ObjectType) -> None:
    model_of(object_type)
    method: Any = AsyncOpenAI(api_key="sk-1")
    for name in object_type.method.split("."):
        method = getattr(method, name)
    parameters = inspect.signature(method).parameters.values()
    ids = {item.name for item in parameters if item.name.endswith("_id")}
    assert set(object_type.id_fields) == ids


def test_object_type_matches_sdk_return_type() -> None:
    watched = {action.watch_as: action for action in ACTIONS if action.watch_as}
    assert set(watched) == set(OBJECT_TYPES)
    for object_type, action in watched.items():
        assert action.method == object_type.method
        required = [field.key for field in action.fields if field.required]
        assert required == list(object_type.id_fields)
