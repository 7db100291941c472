"""Models: a list, of which fine-tuned ones can be deleted."""

from __future__ import annotations

from tests.standin.routing import Call, Route
from tests.standin.state import Collection, Kind
from tests.standin.wire import ApiError, Json

MODELS = Kind(name="model", deleted="model", order="asc")
OWNERS = {
    "gpt-5": "system",
    "gpt-5-mini": "system",
    "gpt-4o": "system",
    "gpt-4o-mini": "system",
    "gpt-4o-mini-tts": "system",
    "gpt-4o-transcribe": "system",
    "gpt-image-1": "system",
    "gpt-realtime": "system",
    "omni-moderation-latest": "system",
    "text-embedding-3-small": "system",
    "whisper-1": "openai-internal",
    "ft:gpt-4o-mini:acme::standin1": "acme",
}
CREATED = 1_750_000_000


def _models(call: Call) -> Collection:
    """Return the models, filled in at the first look."""
    models = call.collection(MODELS)
    if "models" not in call.state.prepared:
        call.state.prepared.add("models")
        for day, (name, owner) in enumerate(OWNERS.items()):
            models.add(
                {
                    "id": name,
                    "object": "model",
                    "created": CREATED + day * 86_400,
                    "owned_by": owner,
                }
            )
    return models


def _known(call: Call) -> Json:
    """Return the model in the path, or refuse."""
    name = call.ids["model"]
    if name not in _models(call):
        raise ApiError(
            404,
            f"The model '{name}' does not exist",
            param="model",
            code="model_not_found",
        )
    return _models(call).get(name)


async def list_models(call: Call) -> Json:
    """List every model; this list has no pages."""
    return {"object": "list", "data": list(_models(call))}


async def retrieve(call: Call) -> Json:
    """Return a model."""
    return _known(call)


async def delete(call: Call) -> Json:
    """Delete a fine-tuned model."""
    model = _known(call)
    if not model["id"].startswith("ft:"):
        raise ApiError(
            403,
            "You have insufficient permissions for this operation.",
            code="insufficient_permissions",
        )
    return _models(call).delete(model["id"])


ROUTES = (
    Route("GET", "/models", list_models),
    Route("GET", "/models/{model}", retrieve),
    Route("DELETE", "/models/{model}", delete),
)
