"""Jobs of every kind: watched from the first look to the end."""

import base64
import json
from pathlib import Path
import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.actions.jobs import WATCHABLE_TYPES
from custom_components.openai_api.types import Json
from tests.integration.automations import automate, on
from tests.integration.conftest import CANARY, Call, raises_key
from tests.integration.wire import is_known
from tests.standin.media import png
from tests.standin.server import StandIn

from .helpers import Fired, answer, in_store, looks, pass_time, sensor, statuses

STORE = {"vector_store_id": "vs_1"}
PICTURE = base64.b64encode(png(8, 8, "boat")).decode()
PATHS: dict[str, tuple[Json, str]] = {
    "model_response": ({}, "/responses/x_1"),
    "batch": ({}, "/batches/x_1"),
    "fine_tuning_job": ({}, "/fine_tuning/jobs/x_1"),
    "video": ({}, "/videos/x_1"),
    "file": ({}, "/files/x_1"),
    "vector_store": ({}, "/vector_stores/x_1"),
    "vector_store_file": (STORE, "/vector_stores/vs_1/files/x_1"),
    "vector_store_file_batch": (STORE, "/vector_stores/vs_1/file_batches/x_1"),
    "eval_run": ({"eval_id": "eval_1"}, "/evals/eval_1/runs/x_1"),
    "run": ({"thread_id": "thread_1"}, "/threads/thread_1/runs/x_1"),
    "agent_session": ({}, "/agents/sessions/x_1"),
    "agent_session_turn": ({"session_id": "s_1"}, "/agents/sessions/s_1/turns/x_1"),
}


def test_watchable_types_cover_actions_with_statuses() -> None:
    assert {action.key for action in ACTIONS if action.watch_as} == {
        action.key for action in WATCHABLE_TYPES.values()
    }
    assert set(PATHS) == set(WATCHABLE_TYPES)


@pytest.mark.parametrize("kind", WATCHABLE_TYPES)
async def test_watch_every_type_until_done(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    told: Fired,
    stored: dict[str, Any],
    kind: str,
) -> None:
    parents, path = PATHS[kind]
    watched = WATCHABLE_TYPES[kind].watch_as
    assert watched is not None
    pending = sorted(watched.in_progress_statuses)
    if not is_known(WATCHABLE_TYPES[kind], entry.runtime_data.host.client):
        with pytest.raises(HomeAssistantError, match="newer Home Assistant"):
            await call("watch_job", kind=kind, id="x_1", **parents)
        assert not in_store(stored, entry)
        return
    answer(standin, path, *pending, "completed", brand_new=1)
    began = await call("watch_job", kind=kind, id="x_1", **parents)
    assert (began["id"], began["kind"], began["done"]) == ("x_1", kind, False)
    for _ in pending:
        await pass_time(hass)

    assert statuses(told) == [*pending, "completed"]
    assert [event.data["done"] for event in told] == [False] * len(pending) + [True]
    assert all(
        event.data["action"] == "watch_job"
        and event.data["kind"] == kind
        and event.data["id"] == "x_1"
        and event.data["config_entry_id"] == entry.entry_id
        for event in told
    )
    assert told[-1].data["result"]["brand_new"] == 1
    count = looks(standin, path)
    assert count == len(pending) + 1
    await pass_time(hass)
    assert looks(standin, path) == count


async def start_batch(call: Call, media_folder: Path, **data: Any) -> str:
    """Hand in a batch and return its id."""
    path = media_folder / "requests.jsonl"
    path.write_text('{"custom_id": "1", "body": {"input": "Hello"}}\n')
    file = await call("create_file", file=str(path), purpose="batch", **data)
    batch = await call(
        "create_batch",
        input_file_id=file["id"],
        endpoint="/v1/responses",
        completion_window="24h",
        **data,
    )
    return str(batch["id"])


async def test_watch_batch_until_done(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    told: Fired,
    stored: dict[str, Any],
    media_folder: Path,
) -> None:
    batch_id = await start_batch(call, media_folder)
    began = await call("watch_job", kind="batch", id=batch_id, name="Night")
    assert began == {
        "id": batch_id,
        "kind": "batch",
        "name": "Night",
        "status": "in_progress",
        "done": False,
        "started": began["started"],
        "elapsed": began["elapsed"],
        "request_counts": {"total": 1, "completed": 0, "failed": 0},
    }
    started = dt_util.parse_datetime(began["started"], raise_on_error=True)
    assert abs(started.timestamp() - time.time()) < 60
    state = sensor(hass)
    assert state.state == "in_progress"
    assert state.attributes == {
        "friendly_name": "127.0.0.1 Job Night",
        "kind": "batch",
        "job_id": batch_id,
        "started": began["started"],
        "request_counts": {"total": 1, "completed": 0, "failed": 0},
    }
    (kept,) = in_store(stored, entry)
    assert (kept["ids"], kept["status"]) == ({"batch_id": batch_id}, "in_progress")

    await pass_time(hass)

    assert statuses(told) == ["in_progress", "completed"]
    end = told[-1].data
    assert (end["done"], end["name"]) == (True, "Night")
    assert end["request_counts"]["completed"] == 1
    assert end["result"]["output_file_id"]
    assert sensor(hass).state == "completed"
    assert "result" not in sensor(hass).attributes
    (listed,) = (await call("list_watched_jobs"))["data"]
    assert (listed["id"], listed["done"], listed["status"]) == (batch_id, True, "completed")
    assert CANARY not in json.dumps(stored)


async def test_watch_background_response(
    hass: HomeAssistant, entry: MockConfigEntry, call: Call, told: Fired
) -> None:
    ended = on(
        "progress", {"action": "watch_job", "done": True}, text="{{ trigger.result.output_text }}"
    )
    mine = {"conditions": "{{ trigger.name == 'Dinners' and trigger.status == 'completed' }}"}
    ran = await automate(hass, ended | mine)
    for name in ("Dinners", "Lunches"):
        made = await call("create_model_response", model="m", input=name, background=True)
        await call("watch_job", kind="model_response", id=made["id"], name=name)
    await pass_time(hass)
    assert statuses(told) == ["in_progress", "in_progress", "completed", "completed"]
    (text,) = [event.data["text"] for event in ran]
    assert "Dinners" in text


async def test_watch_background_response_saves_images(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, told: Fired
) -> None:
    drawn = {"id": "ig_1", "type": "image_generation_call", "result": PICTURE}
    answer(standin, "/responses/x_1", "in_progress")
    answer(standin, "/responses/x_1", "completed", output=[drawn])
    await call("watch_job", kind="model_response", id="x_1")
    await pass_time(hass)
    (saved,) = told[-1].data["result"]["media"]
    assert Path(saved["path"]).read_bytes() == base64.b64decode(PICTURE)


async def test_watch_video_fires_progress(
    hass: HomeAssistant, entry: MockConfigEntry, call: Call, told: Fired
) -> None:
    made = await call("create_video", prompt="A boat")
    await call("watch_job", kind="video", id=made["id"], name="Night")
    assert sensor(hass).attributes["progress"] == 50
    await pass_time(hass)
    assert [event.data["progress"] for event in told] == [50, 100]


async def test_unchanged_status_fires_no_event(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, told: Fired
) -> None:
    answer(standin, "/batches/x_1", "in_progress", "in_progress")
    answer(standin, "/batches/x_1", "in_progress", request_counts={"completed": 1})
    answer(standin, "/batches/x_1", "in_progress", request_counts={"completed": 1})
    answer(standin, "/batches/x_1", "in_progress", request_counts={"completed": 2})
    await call("watch_job", kind="batch", id="x_1")
    for _ in range(4):
        await pass_time(hass)
    assert looks(standin, "/batches/x_1") == 5
    assert [event.data.get("request_counts") for event in told] == [
        None,
        {"completed": 1},
        {"completed": 2},
    ]


async def test_watch_finished_object(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, told: Fired
) -> None:
    answer(standin, "/batches/x_1", "failed", errors={"data": []})
    said = await call("watch_job", kind="batch", id="x_1", name="Night")
    assert (said["done"], said["status"]) == (True, "failed")
    assert said["result"]["errors"] == {"data": []}
    assert statuses(told) == ["failed"]
    assert told[0].data["result"] == said["result"]
    assert sensor(hass).state == "failed"
    await pass_time(hass)
    assert looks(standin, "/batches/x_1") == 1


async def test_watch_same_object_again(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, told: Fired
) -> None:
    """A run that waited for an answer goes on, and so does its entity."""
    path = "/threads/thread_1/runs/x_1"
    data = {"kind": "run", "id": "x_1", "thread_id": "thread_1", "name": "Night"}
    answer(standin, path, "in_progress", "in_progress", "requires_action", "queued", "completed")
    await call("watch_job", **data)
    await call("watch_job", **data)
    await pass_time(hass)
    assert looks(standin, path) == 3
    assert statuses(told) == ["in_progress", "in_progress", "requires_action"]
    assert told[-1].data["done"] is True
    again = await call("watch_job", **data)
    assert (again["status"], again["done"]) == ("queued", False)
    assert sensor(hass).state == "queued"
    await pass_time(hass)
    assert statuses(told)[3:] == ["queued", "completed"]
    assert len((await call("list_watched_jobs"))["data"]) == 1


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"kind": "batch", "id": "nobody"}, "refused"),
        ({"kind": "vector_store_file", "id": "file-1"}, "field_missing"),
    ],
)
async def test_watch_rejected_by_server(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    call: Call,
    told: Fired,
    stored: dict[str, Any],
    data: Json,
    key: str,
) -> None:
    with raises_key(key, ServiceValidationError):
        await call("watch_job", **data)
    assert not told
    assert not in_store(stored, entry)
    assert (await call("list_watched_jobs"))["data"] == []


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "weather", "id": "x_1"},
        {"kind": "batch"},
        {"kind": "batch", "id": "x_1", "poll_interval": 0},
        {"kind": "batch", "id": "x_1", "max_days": -1},
    ],
)
async def test_watch_with_missing_parent_id_raises(
    standin: StandIn, entry: MockConfigEntry, call: Call, data: Json
) -> None:
    count = len(standin.requests)
    with pytest.raises(vol.Invalid):
        await call("watch_job", **data)
    assert len(standin.requests) == count
