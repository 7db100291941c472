"""Waiting for work at a host that is away for a while."""

import asyncio
from types import SimpleNamespace

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
import voluptuous as vol

from custom_components.openai_api import polling
from custom_components.openai_api.types import Json
from tests.resilience.raw_server import RawServer, Script, Step, answer, error

from .conftest import Call, raises_key
from .streaming.conftest import raw as raw  # noqa: PLC0414

PENDING: Json = {"id": "x_1", "status": "in_progress"}
DONE: Json = {"id": "x_1", "status": "completed"}
ASK = {"prompt": "x", "model": "m"}
PASSING: dict[str, Script] = {
    "500": [answer(error(), 500)],
    "503 of a proxy": [answer(b"<html>down</html>", 503, kind="text/html")],
    "429": [answer(error("Slow down"), 429)],
    "408": [answer(error(), 408)],
    "409": [answer(error(), 409)],
    "a line that is cut": [Step.RESET],
}

REFUSALS = (
    (404, error("No such video"), "refused"),
    (410, error("Gone"), "refused"),
    (400, error("Bad id"), "refused"),
    (403, error("Not yours"), "forbidden"),
    (429, error("No money", code="insufficient_quota"), "quota_used_up"),
    (402, error("No money"), "quota_used_up"),
    (501, error("No such method"), "refused"),
    # The last: the key is then tried with a request of its own.
    (401, error("Wrong key"), "auth_failed"),
)


class Clock:
    """A clock that moves by what is waited for."""

    def __init__(self) -> None:
        """Begin anywhere."""
        self.now = 1000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that polls go by."""
    found = Clock()
    monkeypatch.setattr(polling, "time", found)
    monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=found.sleep))
    return found


async def test_poll_unreachable_within_max_outage(raw: RawServer, call: Call, clock: Clock) -> None:
    for fault in PASSING.values():
        raw.requests.clear()
        clock.waits.clear()
        raw.play([answer(PENDING)], *[fault] * 20, [answer(PENDING)], [answer(DONE)])
        assert (await call("create_and_poll_video", **ASK))["status"] == "completed"
        # It is asked less and less often.
        assert 60 < sum(clock.waits) < 300
        assert max(clock.waits) == polling.MAX_INTERVAL
        assert len(raw.requests) == 23


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("create_and_poll_vector_store_file", {"vector_store_id": "vs_1", "file_id": "x_1"}),
        ("create_and_poll_run", {"thread_id": "t_1", "assistant_id": "a_1"}),
        (
            "submit_tool_outputs_and_poll_run",
            {"thread_id": "t_1", "run_id": "r_1", "tool_outputs": []},
        ),
    ],
)
async def test_poll_unreachable_by_action(
    raw: RawServer, call: Call, clock: Clock, action: str, data: Json
) -> None:
    raw.play([answer(PENDING)], *PASSING.values(), [answer(PENDING)], [answer(DONE)])
    assert (await call(action, **data))["status"] == "completed"


async def test_poll_connection_refused(
    raw: RawServer, call: Call, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw.play([answer(PENDING)], [answer(PENDING)], [answer(DONE)])
    pause = clock.sleep
    ports = raw.port

    async def sleep(seconds: float) -> None:
        """Stop the host after the second look, and start it again after some more."""
        if len(clock.waits) == 1:
            await raw.stop()
        elif len(clock.waits) == 8:
            await raw.start()
        await pause(seconds)

    monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=sleep))
    assert (await call("create_and_poll_video", **ASK))["status"] == "completed"
    assert raw.port == ports
    assert len(clock.waits) == 9


async def test_poll_repeated_outages(raw: RawServer, call: Call, clock: Clock) -> None:
    """Each outage has its minutes: what counts is the time since the last look that succeeded."""
    outage = [PASSING["500"]] * 20
    raw.play([answer(PENDING)], *outage, [answer(PENDING)], *outage, [answer(PENDING)], *outage)
    raw.play([answer(DONE)])
    assert (await call("create_and_poll_video", **ASK))["status"] == "completed"
    assert sum(clock.waits) > polling.MAX_OUTAGE


@pytest.mark.parametrize(
    ("fault", "key"),
    [("500", "server_error"), ("429", "rate_limited"), ("a line that is cut", "cannot_connect")],
)
async def test_poll_max_outage_exceeded_raises(
    raw: RawServer, call: Call, clock: Clock, fault: str, key: str
) -> None:
    raw.play([answer(PENDING)], *[PASSING[fault]] * 80)
    with raises_key(key):
        await call("create_and_poll_video", **ASK)
    assert polling.MAX_OUTAGE < sum(clock.waits) < polling.MAX_OUTAGE + 30


@pytest.mark.parametrize("interval", [{}, {"poll_interval_ms": 100}, {"poll_interval_ms": 20_000}])
async def test_poll_unreachable_max_wait_exceeded(
    raw: RawServer, call: Call, clock: Clock, interval: Json
) -> None:
    raw.play([answer(PENDING)], *[PASSING["500"]] * 80)
    with pytest.raises(HomeAssistantError, match="x_1 is still in_progress") as caught:
        await call("create_and_poll_video", **ASK, max_wait_seconds=60, **interval)
    assert caught.value.translation_key == "still_pending"
    assert 30 < sum(clock.waits) <= 60


async def test_poll_unreachable_backs_off(raw: RawServer, call: Call, clock: Clock) -> None:
    raw.play([answer(PENDING)], [answer(PENDING)], *[PASSING["500"]] * 10, [answer(PENDING)])
    raw.play([answer(DONE)])
    await call("create_and_poll_video", **ASK, poll_interval_ms=100)
    assert clock.waits[:2] == [0.1, 0.1]
    assert clock.waits[2:4] == [1.0, 1.5]
    assert clock.waits[-1] == 0.1


async def test_poll_rejected_raises(raw: RawServer, call: Call, clock: Clock) -> None:
    for status, body, key in REFUSALS:
        raw.requests.clear()
        raw.play([answer(PENDING)], [answer(PENDING)], [answer(body, status)])
        with raises_key(key):
            await call("create_and_poll_video", **ASK)
        assert len(raw.requests) == 3


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("poll_video", {"video_id": "x_1"}),
        ("wait_for_file_processing", {"file_id": "x_1"}),
        ("poll_vector_store_file", {"vector_store_id": "vs_1", "file_id": "x_1"}),
    ],
)
async def test_first_poll_unreachable(
    raw: RawServer, call: Call, clock: Clock, action: str, data: Json
) -> None:
    raw.play(PASSING["500"], PASSING["a line that is cut"], [answer(PENDING)], [answer(DONE)])
    found = await call(action, **data, extra_query={"v": "1"})
    assert found["status"] == "completed"
    # What the caller adds belongs to the first look, however often it has to be tried.
    queries = [request.line.partition("?")[2] for request in raw.requests]
    assert queries[-1] == ""
    assert set(queries[:-1]) == {"v=1 HTTP/1.1"}


async def test_first_poll_unreachable_max_wait_exceeded(
    raw: RawServer, call: Call, clock: Clock
) -> None:
    raw.play(*[PASSING["500"]] * 80)
    with raises_key("server_error"):
        await call("poll_video", video_id="x_1", max_wait_seconds=30)
    assert 15 < sum(clock.waits) <= 30


async def test_create_request_is_not_repeated(raw: RawServer, call: Call, clock: Clock) -> None:
    raw.play(PASSING["500"], [answer(PENDING)], [answer(DONE)])
    with raises_key("server_error"):
        await call("create_and_poll_video", **ASK)
    assert len(raw.requests) == 1


async def test_poll_without_response_max_wait_exceeded(raw: RawServer, call: Call) -> None:
    """A look that nobody answers does not take longer than what is left of the wait."""
    raw.play([answer(PENDING)], [Step.HOLD])
    async with asyncio.timeout(3):
        with pytest.raises(HomeAssistantError, match="still in_progress"):
            await call(
                "create_and_poll_video", **ASK, poll_interval_ms=100, max_wait_seconds=1, timeout=9
            )


async def test_poll_unreachable_ends_with_unload(
    hass: HomeAssistant, raw: RawServer, call: Call
) -> None:
    raw.play([answer(PENDING)], *[PASSING["500"]] * 80)
    (entry,) = hass.config_entries.async_entries("openai_api")
    waiting = hass.async_create_task(call("create_and_poll_video", **ASK, poll_interval_ms=100))
    while len(raw.requests) < 2:
        await asyncio.sleep(0.01)
    await hass.config_entries.async_unload(entry.entry_id)
    with raises_key("unloaded"):
        await waiting


async def test_poll_interval_minimum(raw: RawServer, call: Call) -> None:
    for interval in (99, 0, -1, "50", 1.0):
        with pytest.raises(vol.Invalid, match="at least 100"):
            await call("create_and_poll_video", **ASK, poll_interval_ms=interval)
    assert not raw.requests


CREATED: dict[str, Json] = {
    "a number": {"id": 17, "status": "queued"},
    "the name of the kind": {"video_id": "17", "status": "queued"},
    "a task": {"task_id": "17", "status": "NOT_START"},
    "within another object": {"code": 0, "data": {"id": "17", "status": "queued"}},
    "another word for the status": {"id": "17", "task_status": "PROCESSING"},
    "a state": {"id": "17", "state": "running"},
}


@pytest.mark.parametrize("case", CREATED)
async def test_poll_object_of_other_servers(raw: RawServer, call: Call, case: str) -> None:
    raw.play([answer(CREATED[case])])
    raw.play([answer(CREATED[case])])
    raw.play([answer(DONE)])
    found = await call("create_and_poll_video", **ASK, poll_interval_ms=100)
    assert found["status"] == "completed"
    lines = [request.line for request in raw.requests]
    assert lines[-2:] == ["GET /v1/videos/17 HTTP/1.1"] * 2


@pytest.mark.parametrize(
    "made",
    [
        {"object": "video", "status": "queued", "code": "v17"},
        {"created_at": 17, "status": "new"},
        {"success": True, "hint": "v17"},
        {"object": "video", "code": "v17"},
    ],
)
async def test_poll_object_without_id_is_quoted(raw: RawServer, call: Call, made: Json) -> None:
    """It was paid for: what the server has answered is all there is to find it again."""
    raw.play([answer(made)])
    with raises_key("bad_answer") as caught:
        await call("create_and_poll_video", **ASK, poll_interval_ms=100)
    assert "17" in str(caught.value)


@pytest.mark.parametrize("said", [{"code": 0, "msg": "busy"}, {"message": "busy"}, {}])
async def test_poll_answered_with_words_is_not_done(raw: RawServer, call: Call, said: Json) -> None:
    raw.play([answer(PENDING)])
    raw.play([answer(said)])
    with pytest.raises(HomeAssistantError):
        await call("create_and_poll_video", **ASK, poll_interval_ms=100)
