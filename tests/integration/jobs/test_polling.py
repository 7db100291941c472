"""Jobs of every kind: watched from the first look to the end."""

import base64
import json
from pathlib import Path
import time
from typing import Any

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
import voluptuous as vol

from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.actions.jobs import WATCHABLE_TYPES
from custom_components.openai_api.types import Json
from tests.integration.automations import automate, on
from tests.integration.conftest import CANARY, raises_key
from tests.integration.wire import is_known
from tests.standin.media import png

from .helpers import JobsDriver

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
async def test_watch_every_type_until_done(jobs: JobsDriver, kind: str) -> None:
    parents, path = PATHS[kind]
    watched = WATCHABLE_TYPES[kind].watch_as
    assert watched is not None
    pending = sorted(watched.in_progress_statuses)
    if not is_known(WATCHABLE_TYPES[kind], jobs.entry.runtime_data.host.client):
        with pytest.raises(HomeAssistantError, match="newer Home Assistant"):
            await jobs.watch(kind=kind, id="x_1", **parents)
        assert not jobs.in_store()
        return
    jobs.answer(*pending, "completed", brand_new=1, path=path)
    began = await jobs.watch(kind=kind, id="x_1", **parents)
    assert (began["id"], began["kind"], began["done"]) == ("x_1", kind, False)
    for _ in pending:
        await jobs.pass_time()

    assert jobs.statuses == [*pending, "completed"]
    assert [event.data["done"] for event in jobs.told] == [False] * len(pending) + [True]
    assert all(
        event.data["action"] == "watch_job"
        and event.data["kind"] == kind
        and event.data["id"] == "x_1"
        and event.data["config_entry_id"] == jobs.entry.entry_id
        for event in jobs.told
    )
    assert jobs.told[-1].data["result"]["brand_new"] == 1
    count = jobs.polls(path)
    assert count == len(pending) + 1
    await jobs.pass_time()
    assert jobs.polls(path) == count


async def start_batch(jobs: JobsDriver, media_folder: Path, **data: Any) -> str:
    """Hand in a batch and return its id."""
    path = media_folder / "requests.jsonl"
    path.write_text('{"custom_id": "1", "body": {"input": "Hello"}}\n')
    file = await jobs.call("create_file", file=str(path), purpose="batch", **data)
    batch = await jobs.call(
        "create_batch",
        input_file_id=file["id"],
        endpoint="/v1/responses",
        completion_window="24h",
        **data,
    )
    return str(batch["id"])


async def test_watch_batch_until_done(jobs: JobsDriver, media_folder: Path) -> None:
    batch_id = await start_batch(jobs, media_folder)
    began = await jobs.watch(id=batch_id, name="Night")
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
    state = jobs.sensor
    assert state.state == "in_progress"
    assert state.attributes == {
        "friendly_name": "127.0.0.1 Job Night",
        "kind": "batch",
        "job_id": batch_id,
        "started": began["started"],
        "request_counts": {"total": 1, "completed": 0, "failed": 0},
    }
    (kept,) = jobs.in_store()
    assert (kept["ids"], kept["status"]) == ({"batch_id": batch_id}, "in_progress")

    await jobs.pass_time()

    assert jobs.statuses == ["in_progress", "completed"]
    end = jobs.told[-1].data
    assert (end["done"], end["name"]) == (True, "Night")
    assert end["request_counts"]["completed"] == 1
    assert end["result"]["output_file_id"]
    assert jobs.sensor.state == "completed"
    assert "result" not in jobs.sensor.attributes
    (listed,) = await jobs.listed()
    assert (listed["id"], listed["done"], listed["status"]) == (batch_id, True, "completed")
    assert CANARY not in json.dumps(jobs.stored)


async def test_watch_background_response(jobs: JobsDriver) -> None:
    ended = on(
        "progress", {"action": "watch_job", "done": True}, text="{{ trigger.result.output_text }}"
    )
    mine = {"conditions": "{{ trigger.name == 'Dinners' and trigger.status == 'completed' }}"}
    ran = await automate(jobs.hass, ended | mine)
    for name in ("Dinners", "Lunches"):
        made = await jobs.call("create_model_response", model="m", input=name, background=True)
        await jobs.watch(kind="model_response", id=made["id"], name=name)
    await jobs.pass_time()
    assert jobs.statuses == ["in_progress", "in_progress", "completed", "completed"]
    (text,) = [event.data["text"] for event in ran]
    assert "Dinners" in text


async def test_watch_background_response_saves_images(jobs: JobsDriver) -> None:
    drawn = {"id": "ig_1", "type": "image_generation_call", "result": PICTURE}
    jobs.answer("in_progress", path="/responses/x_1")
    jobs.answer("completed", output=[drawn], path="/responses/x_1")
    await jobs.watch(kind="model_response", id="x_1")
    await jobs.pass_time()
    (saved,) = jobs.told[-1].data["result"]["media"]
    assert Path(saved["path"]).read_bytes() == base64.b64decode(PICTURE)


async def test_watch_video_fires_progress(jobs: JobsDriver) -> None:
    made = await jobs.call("create_video", prompt="A boat")
    await jobs.watch(kind="video", id=made["id"], name="Night")
    assert jobs.sensor.attributes["progress"] == 50
    await jobs.pass_time()
    assert [event.data["progress"] for event in jobs.told] == [50, 100]


async def test_unchanged_status_fires_no_event(jobs: JobsDriver) -> None:
    jobs.answer("in_progress", "in_progress")
    jobs.answer("in_progress", request_counts={"completed": 1})
    jobs.answer("in_progress", request_counts={"completed": 1})
    jobs.answer("in_progress", request_counts={"completed": 2})
    await jobs.watch()
    for _ in range(4):
        await jobs.pass_time()
    assert jobs.polls() == 5
    assert [event.data.get("request_counts") for event in jobs.told] == [
        None,
        {"completed": 1},
        {"completed": 2},
    ]


async def test_watch_finished_object(jobs: JobsDriver) -> None:
    jobs.answer("failed", errors={"data": []})
    said = await jobs.watch(name="Night")
    assert (said["done"], said["status"]) == (True, "failed")
    assert said["result"]["errors"] == {"data": []}
    assert jobs.statuses == ["failed"]
    assert jobs.told[0].data["result"] == said["result"]
    assert jobs.sensor.state == "failed"
    await jobs.pass_time()
    assert jobs.polls() == 1


async def test_watch_same_object_again(jobs: JobsDriver) -> None:
    """A run that waited for an answer goes on, and so does its entity."""
    path = "/threads/thread_1/runs/x_1"
    data = {"kind": "run", "id": "x_1", "thread_id": "thread_1", "name": "Night"}
    jobs.answer("in_progress", "in_progress", "requires_action", "queued", "completed", path=path)
    await jobs.watch(**data)
    await jobs.watch(**data)
    await jobs.pass_time()
    assert jobs.polls(path) == 3
    assert jobs.statuses == ["in_progress", "in_progress", "requires_action"]
    assert jobs.told[-1].data["done"] is True
    again = await jobs.watch(**data)
    assert (again["status"], again["done"]) == ("queued", False)
    assert jobs.sensor.state == "queued"
    await jobs.pass_time()
    assert jobs.statuses[3:] == ["queued", "completed"]
    assert len(await jobs.listed()) == 1


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"kind": "batch", "id": "nobody"}, "refused"),
        ({"kind": "vector_store_file", "id": "file-1"}, "field_missing"),
    ],
)
async def test_watch_rejected_by_server(jobs: JobsDriver, data: Json, key: str) -> None:
    with raises_key(key, ServiceValidationError):
        await jobs.watch(**data)
    assert not jobs.told
    assert not jobs.in_store()
    assert await jobs.listed() == []


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "weather", "id": "x_1"},
        {"kind": "batch"},
        {"kind": "batch", "id": "x_1", "poll_interval": 0},
        {"kind": "batch", "id": "x_1", "max_days": -1},
    ],
)
async def test_watch_with_missing_parent_id_raises(jobs: JobsDriver, data: Json) -> None:
    count = len(jobs.standin.requests)
    with pytest.raises(vol.Invalid):
        await jobs.call("watch_job", **data)
    assert len(jobs.standin.requests) == count
