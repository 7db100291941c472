"""Statuses in words of other hosts: what has ended, and what goes on."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.openai_api import polling
from custom_components.openai_api.statuses import is_ended
from tests.resilience.raw_server import RawServer, answer

from .conftest import Call, raises_key
from .streaming.conftest import raw as raw  # noqa: PLC0414
from .streaming.host import ASK, RESPONSE, Json, stream

GOING_ON = ("processing", "pending", "running", "preparing", "Starting", "in_progress", "")
ENDS = ("completed", "succeeded", "failed", "COMPLETED", "done", "Cancelled", "timed-out", None)
VIDEO: Json = {"id": "video_1", "object": "video", "progress": 0}


@pytest.mark.parametrize("status", GOING_ON)
async def test_poll_continues_by_status(raw: RawServer, call: Call, status: str) -> None:
    raw.play(
        [answer({**VIDEO, "status": status})],
        [answer({**VIDEO, "status": status, "progress": 10})],
        [answer({**VIDEO, "status": "completed", "progress": 100})],
    )
    found = await call("create_and_poll_video", prompt="x", model="m", poll_interval_ms=100)
    assert (found["status"], found["progress"]) == ("completed", 100)


@pytest.mark.parametrize("status", ENDS)
async def test_poll_ends_by_status(raw: RawServer, call: Call, status: str | None) -> None:
    raw.play([answer({**VIDEO, "status": "processing"})], [answer({**VIDEO, "status": status})])
    found = await call("create_and_poll_video", prompt="x", model="m", poll_interval_ms=100)
    assert found["status"] == status


@pytest.mark.parametrize("status", ["processing", "in_progress", "Rendering frames"])
async def test_poll_max_wait_error_has_status(raw: RawServer, call: Call, status: str) -> None:
    for _ in range(30):
        raw.play([answer({**VIDEO, "status": status})])
    with raises_key("still_pending") as caught:
        await call(
            "create_and_poll_video",
            prompt="x",
            model="m",
            poll_interval_ms=100,
            max_wait_seconds=1,
        )
    assert f"video_1 is still {status}" in str(caught.value)


async def test_poll_unknown_status_time_limit(
    raw: RawServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_MAX_UNKNOWN_WAIT", 0.3)
    for _ in range(30):
        raw.play([answer({**VIDEO, "status": "parked"})])
    with pytest.raises(HomeAssistantError, match="still parked"):
        await call("create_and_poll_video", prompt="x", model="m", poll_interval_ms=100)


@pytest.mark.parametrize("status", ["processing", "preparing", "queued"])
async def test_watched_job_continues_by_status(raw: RawServer, call: Call, status: str) -> None:
    raw.play([answer({**VIDEO, "status": status})])
    found = await call("watch_job", kind="video", id="video_1")
    assert (found["status"], found["done"]) == (status, False)
    await call("stop_watching_job", id="video_1")


@pytest.mark.parametrize("status", ["processing", "Running", "starting"])
async def test_run_stream_continues_by_status(raw: RawServer, call: Call, status: str) -> None:
    run = {"id": "run_1", "object": "thread.run"}
    ends = [{**run, "status": status}, {**run, "status": "completed"}]
    raw.play(stream(*ends, done=False))
    data = {"thread_id": "t", "assistant_id": "a", "stream": True}
    assert (await call("create_run", **data))["status"] == "completed"
    raw.play(stream(ends[0], done=False))
    with raises_key("stream_cut"):
        await call("create_run", **data)


def test_pending_statuses_are_not_final() -> None:
    assert not is_ended("ready", frozenset({"ready"}))
    assert is_ended("ready")
    assert is_ended(None)


async def test_negative_token_counts_are_ignored(
    hass: HomeAssistant, raw: RawServer, call: Call
) -> None:
    entry = hass.config_entries.async_entries("openai_api")[0]
    good = {"input_tokens": 5, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 1}}
    for usage in (
        good,
        {"input_tokens": -5, "output_tokens": -3},
        {"input_tokens": -5, "prompt_tokens": -7, "output_tokens": 0},
        {"input_tokens": 0, "input_tokens_details": {"cached_tokens": -9}},
    ):
        raw.play([answer({**RESPONSE, "usage": usage})])
        await call("create_model_response", **ASK)
    values = entry.runtime_data.host.usage.values
    assert [values[key] for key in ("input_tokens", "output_tokens", "cached_tokens")] == [5, 3, 1]
