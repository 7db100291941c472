"""A model that is left out: the entry's default of its kind, or an error that says where to set it."""

from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.types import ModelKind
from tests.standin.faults import Fault
from tests.standin.records import Part
from tests.standin.server import StandIn

from .conftest import Call, add_entry, entry_data, raises_key

DEFAULTS = {kind.value: f"default-{kind}" for kind in ModelKind}
MESSAGES = [{"role": "user", "content": "Hi"}]
ASKING: dict[str, tuple[dict[str, Any], str]] = {
    "create_model_response": ({"input": "Hi"}, "chat"),
    "stream_model_response": ({"input": "Hi"}, "chat"),
    "create_chat_completion": ({"messages": MESSAGES}, "chat"),
    "create_embedding": ({"input": "Hi"}, "embedding"),
    "create_speech": ({"input": "Hi", "voice": "alloy"}, "speech"),
    "create_transcription": ({"file": "sound.wav"}, "transcription"),
    "create_image": ({"prompt": "A cat"}, "image"),
    "accept_realtime_call": ({"call_id": "rtc_1", "type": "realtime"}, "realtime"),
}


@pytest.fixture
async def entry(hass: HomeAssistant, standin: StandIn, media_folder: Path) -> MockConfigEntry:
    """Return an entry with a default model of each kind, and a sound to send."""
    (media_folder / "sound.wav").write_bytes(b"RIFF")
    return await add_entry(hass, entry_data(standin), {"default_models": DEFAULTS})


async def model_sent(
    call: Call, standin: StandIn, media_folder: Path, action: str, data: dict[str, Any]
) -> object:
    """Return the model in the request that an action sends, whatever became of it."""
    if "file" in data:
        data = {**data, "file": str(media_folder / data["file"])}
    standin.requests.clear()
    try:
        await call(action, **data)
    except ServiceValidationError:
        # The stand-in has no such model.
        if not standin.requests:
            raise
    body = standin.requests[-1].body
    if isinstance(body, list):
        return next(part.data for part in body if isinstance(part, Part) and part.name == "model")
    assert isinstance(body, dict)
    return body.get("model")


@pytest.mark.parametrize("action", ASKING)
async def test_model_left_out_default_is_sent(
    action: str, call: Call, entry: MockConfigEntry, standin: StandIn, media_folder: Path
) -> None:
    data, kind = ASKING[action]
    assert await model_sent(call, standin, media_folder, action, data) == DEFAULTS[kind]
    blank = {**data, "model": None}
    assert await model_sent(call, standin, media_folder, action, blank) == DEFAULTS[kind]
    chosen = {**data, "model": "m-1"}
    assert await model_sent(call, standin, media_folder, action, chosen) == "m-1"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("create_model_response", {"prompt": {"id": "pmpt_1"}}),
        ("create_model_response", {"prompt": {"id": "pmpt_1"}, "input": "Hi"}),
    ],
)
async def test_model_given_otherwise_no_default_is_sent(
    action: str,
    data: dict[str, Any],
    call: Call,
    entry: MockConfigEntry,
    standin: StandIn,
    media_folder: Path,
) -> None:
    assert await model_sent(call, standin, media_folder, action, data) is None


async def test_followed_response_needs_no_model(call: Call, entry: MockConfigEntry) -> None:
    made = await call(
        "create_model_response", model="m-1", input="Hi", stream=True, background=True
    )
    followed = await call("stream_model_response", response_id=made["id"])
    assert followed["id"] == made["id"]


@pytest.mark.parametrize("options", [{}, {"default_models": {}}, {"default_models": {"chat": ""}}])
@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("create_chat_completion", {"messages": MESSAGES}),
        ("create_embedding", {"input": "Hi"}),
        ("create_speech", {"input": "Hi", "voice": "alloy"}),
        ("stream_model_response", {"input": "Hi"}),
        ("connect_realtime_websocket", {"connection_id": "c"}),
    ],
)
async def test_model_left_out_without_default_raises(
    action: str,
    data: dict[str, Any],
    options: dict[str, Any],
    hass: HomeAssistant,
    call: Call,
    standin: StandIn,
    media_folder: Path,
) -> None:
    await add_entry(hass, entry_data(standin), options)
    standin.requests.clear()
    with raises_key("model_missing", ServiceValidationError) as caught:
        await call(action, **data)
    assert "options" in str(caught.value)
    assert not standin.requests


def test_model_kind_has_model_field() -> None:
    for action in ACTIONS:
        if action.model_kind is not None:
            assert any(field.key == "model" for field in action.fields), action.key
    assert {action.model_kind for action in ACTIONS} - {None} == set(ModelKind)


@pytest.mark.parametrize(
    ("error", "key"),
    [
        ({"message": "Missing required parameter: 'model'.", "param": "model"}, "model_missing"),
        ({"message": "you must provide a model parameter"}, "model_missing"),
        ({"message": "model is required"}, "model_missing"),
        ({"message": "1 validation error: body.model: Field required"}, "model_missing"),
        ({"message": "This model does not take a temperature."}, "refused"),
        ({"message": "Please provide a shorter prompt: the model takes 4096 tokens."}, "refused"),
        ({"message": "The model needs a picture, which is missing."}, "refused"),
        ({"message": "Specify the model's temperature between 0 and 2."}, "refused"),
    ],
)
async def test_refusal_for_want_of_model_says_what_to_do(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    media_folder: Path,
    error: dict[str, str],
    key: str,
) -> None:
    """Some servers need no model, so that the request is sent without."""
    await add_entry(hass, entry_data(standin))
    standin.fail(Fault(path="/responses", status=400, body={"error": error}, count=None))
    with raises_key(key, ServiceValidationError):
        await call("create_model_response", input="Hi")
    with raises_key("refused", ServiceValidationError):
        await call("create_model_response", input="Hi", model="m-1")
