"""What becomes of work under way when its entry, its script or Home Assistant ends."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
import errno
from pathlib import Path
import resource
import threading
import time
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import DATA_CONNECTOR
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN, EVENT_PROGRESS, EVENT_STREAM
from custom_components.openai_api.media import storage
from tests.integration.conftest import Call, add_entry, entry_data
from tests.integration.waiting import wait_for
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .raw_server import RawServer, Script, Step, answer
from .raw_server_fixture import ASK, assert_localized

type End = Callable[[HomeAssistant, MockConfigEntry, StandIn], Coroutine[Any, Any, object]]

UNDER_WAY: dict[str, dict[str, Any]] = {
    "create_moderation": {"input": "x"},
    "create_speech": {"model": "m", "voice": "alloy", "input": "A long story"},
    "create_chat_completion": {
        "model": "m",
        "messages": [{"role": "user", "content": "word " * 500}],
        "stream": True,
    },
    "stream_model_response": {**ASK, "input": "word " * 500},
    "create_and_poll_video": {"prompt": "x", "poll_interval_ms": 100},
    "create_file": {"purpose": "assistants"},
    "upload_file_chunked": {"purpose": "assistants", "part_size": 1000},
}
PENDING = {"id": "video_1", "object": "video", "status": "queued", "progress": 0}
FAULTS = (
    Fault(path="/moderations", hang=True),
    Fault(path="/audio/speech", trickle=0.05),
    Fault(path="/chat/completions", trickle=0.003),
    Fault(path="/videos", status=200, body=PENDING, count=None),
    Fault(path="/files", hang=True),
    Fault(path="/parts", hang=True),
)
# What is heard of each once it is under way.
MARKS = ("/moderations", "/audio/speech", "/chat/completions", "/responses", "/videos", "/parts")


async def unload(hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)


async def reload(hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn) -> None:
    assert await hass.config_entries.async_reload(entry.entry_id)


async def remove(hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn) -> None:
    await hass.config_entries.async_remove(entry.entry_id)


async def reconfigure(hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn) -> None:
    flow = await entry.start_reconfigure_flow(hass)
    data = entry_data(standin, timeout=20.0)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], data)
    assert result["reason"] == "reconfigure_successful"


async def stop(hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn) -> None:
    await hass.async_stop(force=True)


class Work:
    """Actions that all go on at once, and what else there was before them."""

    def __init__(self, hass: HomeAssistant, call: Call, entry: MockConfigEntry, file: str) -> None:
        self.hass, self.call, self.entry = hass, call, entry
        self.before = asyncio.all_tasks()
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        self._file = {"media_content_id": file}

    async def start(self, standin: StandIn, *actions: str) -> None:
        """Start actions, and wait until they are in the midst of it."""
        for fault in FAULTS:
            standin.fail(fault)
        standin.pace = 0.05
        for action in actions or UNDER_WAY:
            data = UNDER_WAY[action]
            if action in {"create_file", "upload_file_chunked"}:
                data = {**data, "file": self._file}
            self.tasks[action] = asyncio.create_task(
                self.call(action, config_entry_id=self.entry.entry_id, **data)
            )

    async def ended(self, key: str) -> None:
        """Make sure that all of it ended with an error that says why."""
        start = time.monotonic()
        results = await asyncio.wait_for(
            asyncio.gather(*self.tasks.values(), return_exceptions=True), 3
        )
        for action, error in zip(self.tasks, results, strict=True):
            assert isinstance(error, HomeAssistantError), f"{action}: {error!r}"
            assert_localized(error, key)
        assert time.monotonic() - start < 2

    async def nothing_left(self) -> None:
        """Wait until no task and no connection of ours is left; the service's own do not count."""

        def left() -> list[asyncio.Task[Any]]:
            found = asyncio.all_tasks() - self.before - {asyncio.current_task()}
            return [task for task in found if "RequestHandler" not in repr(task.get_coro())]

        await wait_for(lambda: not left(), what=f"{left()}")
        for connector in self.hass.data.get(DATA_CONNECTOR, {}).values():
            assert not connector._acquired


@pytest.fixture
async def work(hass: HomeAssistant, call: Call, entry: MockConfigEntry, media_folder: Path) -> Work:
    """Return work for a loaded entry."""
    file = media_folder / "garden.mp4"
    file.write_bytes(bytes(5000))
    return Work(hass, call, entry, str(file))


async def heard(standin: StandIn, *marks: str) -> None:
    """Wait until the service has been asked for all of these."""
    await wait_for(
        lambda: all(any(mark in item.path for item in standin.requests) for mark in marks),
        what=f"asked for: {[item.path for item in standin.requests]}",
    )


@pytest.mark.parametrize("end", [unload, reload, remove, reconfigure, stop])
async def test_unload_with_pending_work(
    hass: HomeAssistant,
    standin: StandIn,
    work: Work,
    call: Call,
    events: Callable[[str], list[Event]],
    media_folder: Path,
    end: End,
) -> None:
    streamed, progress = events(EVENT_STREAM), events(EVENT_PROGRESS)
    await call("connect_realtime_websocket", connection_id="talk", model="m")
    data = work.entry.runtime_data
    await work.start(standin)
    await heard(standin, *MARKS)
    await wait_for(
        lambda: len({item.data["action"] for item in streamed}) == 2,
        what="a stream tells nothing",
    )
    await wait_for(lambda: progress, what="no look at the video")

    start = time.monotonic()
    await end(hass, work.entry, standin)
    assert time.monotonic() - start < 3
    await work.ended("unloaded")

    assert not data.host.active_timeouts
    await wait_for(lambda: not data.connections, what="a connection goes on")
    await wait_for(lambda: standin.sockets[0].closed, what="the socket is open")
    if end is not stop:
        await work.nothing_left()
    assert not list(media_folder.glob("openai_api/*"))
    assert not list(media_folder.glob("openai_api/.*"))
    standin.reset()
    standin.pace = 0
    if end in {reload, reconfigure}:
        await wait_for(
            lambda: work.entry.state is ConfigEntryState.LOADED, what="it is not loaded again"
        )
        assert (await call("create_model_response", **ASK))["status"] == "completed"
    elif end is not stop:
        with pytest.raises(HomeAssistantError):
            await call("create_model_response", config_entry_id=work.entry.entry_id, **ASK)
        assert not standin.requests


async def test_unload_one_of_two_entries(
    hass: HomeAssistant, standin: StandIn, work: Work, call: Call
) -> None:
    other = await add_entry(hass, entry_data(standin, "none"))
    await work.start(standin)
    await heard(standin, *MARKS)
    task = asyncio.create_task(call("stream_model_response", config_entry_id=other.entry_id, **ASK))
    connection = await call(
        "connect_realtime_websocket", config_entry_id=other.entry_id, connection_id="b", model="m"
    )
    assert connection

    await unload(hass, work.entry, standin)
    await work.ended("unloaded")

    assert (await task)["output_text"] == "You said: Hello"
    assert list(other.runtime_data.connections) == ["b"]
    answer = await call("create_model_response", config_entry_id=other.entry_id, **ASK)
    assert answer["status"] == "completed"
    assert standin.requests[-1].mount == "none"


async def add_service(hass: HomeAssistant, url: str) -> object:
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    data = {"service_kind": "other", "base_url": url, "auth_method": "none"}
    return await hass.config_entries.flow.async_configure(flow["flow_id"], data)


async def set_up(hass: HomeAssistant, url: str) -> object:
    return await add_entry(hass, {"base_url": url, "auth_method": "none"})


@pytest.mark.parametrize(
    ("begin", "scripts"),
    [
        (add_service, [[Step.HOLD]]),
        (add_service, [[answer({}, 404)], *[[Step.HOLD]] * 9]),
        (set_up, [[Step.HOLD]]),
    ],
    ids=["test", "search", "setup"],
)
async def test_stop_during_connection_test(
    hass: HomeAssistant,
    begin: Callable[[HomeAssistant, str], Coroutine[Any, Any, object]],
    scripts: list[Script],
) -> None:
    """Home Assistant waits for those who use its pages before it closes their connections."""
    raw = RawServer()
    raw.scripts.extend(scripts)
    await raw.start()
    try:
        running = asyncio.create_task(begin(hass, raw.url))
        await wait_for(lambda: raw.playing and len(raw.requests) >= min(len(scripts), 2))
        hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
        await asyncio.wait_for(running, 2)
    finally:
        await raw.stop()


@pytest.mark.parametrize("action", UNDER_WAY)
async def test_script_cancelled_during_request(
    standin: StandIn, work: Work, call: Call, media_folder: Path, action: str
) -> None:
    await work.start(standin, action)
    await wait_for(lambda: standin.requests, what="nothing was asked for")
    before = len(standin.requests)
    (task,) = work.tasks.values()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not work.entry.runtime_data.host.active_timeouts
    await work.nothing_left()
    assert len(standin.requests) <= before + 1
    assert not list(media_folder.glob("openai_api/*"))
    assert not list(media_folder.glob("openai_api/.*"))
    assert (await call("create_embedding", model="m", input="x"))["object"] == "list"


def saved(media_folder: Path) -> dict[str, bytes]:
    """Return the files in the folder of the integration, hidden ones too."""
    return {path.name: path.read_bytes() for path in media_folder.glob("openai_api/*")} | {
        path.name: path.read_bytes() for path in media_folder.glob("openai_api/.*")
    }


SPEECH = {"model": "m", "voice": "alloy", "input": "Hello", "filename": "hello.mp3"}


@pytest.fixture
def full_disk() -> Generator[None]:
    """Let no file grow beyond a few bytes, as if there were no space left."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [20_000, 5_000_000], ids=["small", "large"])
async def test_disk_full_during_save(
    standin: StandIn, work: Work, call: Call, media_folder: Path, full_disk: None, size: int
) -> None:
    standin.fail(Fault(path="/audio/speech", status=200, body=bytes(size)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, before[1]))

    with pytest.raises(HomeAssistantError) as caught:
        await call("create_speech", **SPEECH)

    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_localized(caught.value, "folder_not_writable")
    assert not saved(media_folder)
    await work.nothing_left()
    assert (await call("create_speech", **SPEECH))["size"]
    assert list(saved(media_folder)) == ["hello.mp3"]


async def test_chmod_not_supported(
    call: Call, work: Work, media_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", fail)
    assert (await call("create_speech", **SPEECH))["path"].endswith("hello.mp3")
    assert list(saved(media_folder)) == ["hello.mp3"]


@pytest.mark.parametrize("step", ["open", "touch", "replace"])
async def test_os_error_during_save(
    work: Work, call: Call, media_folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    real = getattr(Path, step)

    def fail(path: Path, *args: Any, **named: Any) -> Any:
        if path.parent.name == "openai_api":
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, *args, **named)

    monkeypatch.setattr(Path, step, fail)
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_speech", **SPEECH)
    monkeypatch.undo()

    assert "Read-only file system" in assert_localized(caught.value, "folder_not_writable")
    assert not saved(media_folder)
    await work.nothing_left()
    assert (await call("create_speech", **SPEECH))["path"].endswith("hello.mp3")


@pytest.mark.parametrize("place", ["/proc/self", "file"])
async def test_media_directory_not_writable(
    hass: HomeAssistant, work: Work, call: Call, media_folder: Path, place: str
) -> None:
    (media_folder / "file").touch()
    hass.config.media_dirs = {"local": str(media_folder / place)}
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_speech", **SPEECH)
    assert_localized(caught.value, "folder_not_writable")
    await work.nothing_left()
    hass.config.media_dirs = {"local": str(media_folder)}
    assert (await call("create_speech", **SPEECH))["path"].endswith("hello.mp3")


@pytest.mark.parametrize("step", ["mkstemp", "touch", "replace"])
async def test_save_cancelled_during_slow_write(
    hass: HomeAssistant,
    work: Work,
    call: Call,
    media_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    owner: Any = storage if step == "mkstemp" else Path
    real = getattr(owner, step)
    reached, go_on = threading.Event(), threading.Event()

    def wait(*args: Any, **named: Any) -> Any:
        found = None if step == "replace" else real(*args, **named)
        reached.set()
        assert go_on.wait(5)
        return real(*args, **named) if step == "replace" else found

    monkeypatch.setattr(owner, step, wait)
    task = asyncio.create_task(call("create_speech", **SPEECH))
    await hass.async_add_executor_job(reached.wait, 5)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    monkeypatch.undo()

    await hass.async_block_till_done()
    await work.nothing_left()
    left = saved(media_folder)
    assert not any(name.startswith(".") for name in left)
    assert all(left.values()), "a file that is there is whole"
    assert (await call("create_speech", **SPEECH))["size"] == len(saved(media_folder).popitem()[1])


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="/audio/speech", drop="body"),
        Fault(path="/audio/speech", drop="headers"),
        Fault(path="/audio/speech", status=200, body=b"", content_type="audio/mpeg"),
    ],
    ids=["cut in the body", "cut after the headers", "nothing"],
)
async def test_download_connection_lost(
    standin: StandIn, work: Work, call: Call, media_folder: Path, fault: Fault
) -> None:
    standin.fail(fault)
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_speech", **SPEECH)
    assert_localized(caught.value, "cannot_connect" if fault.drop else "empty_answer")
    assert not saved(media_folder)
    await work.nothing_left()
    assert (await call("create_speech", **SPEECH))["path"].endswith("hello.mp3")
