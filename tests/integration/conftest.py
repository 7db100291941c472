"""A Home Assistant with the integration, and a service to talk to over real sockets."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
import logging
from pathlib import Path
import tracemalloc
from typing import Any
from unittest.mock import patch

from homeassistant import block_async_io
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from hypothesis import settings
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import pytest_socket

from custom_components.openai_api import services
from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.websocket import reconnect
from tests.standin.server import StandIn

# The same inputs in every run: a change is to be judged by what it changes.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

CANARY = "sk-canary-7f3a91c2d4e85b60"


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let tests reach 127.0.0.1, and nothing else."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
async def enable_event_loop_debug() -> None:
    """Leave asyncio's debug mode off: it records a stack for each future, most of a test's time.

    Replaces the fixture of this name in pytest-homeassistant-custom-component. What blocks the
    loop is found by Home Assistant's own detector instead.
    """


@pytest.fixture(autouse=True)
def _nothing_blocks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Fail a test during which the integration has blocked the event loop."""
    # The detector leaves out files in tests unless it is told that this is none.
    with patch.object(block_async_io, "_IN_TESTS", new=False):
        block_async_io.enable()
    yield
    for blocked in block_async_io._BLOCKED_CALLS.calls:
        setattr(blocked.object, blocked.function, blocked.original_func)
    block_async_io._BLOCKED_CALLS.calls.clear()
    for when in ("setup", "call"):
        for record in caplog.get_records(when):
            text = record.getMessage()
            assert f"by custom integration '{DOMAIN}'" not in text, text


@pytest.fixture(autouse=True)
def _nothing_leaks(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Fail a test in which the canary key got into the log, tracebacks included."""
    caplog.set_level(logging.DEBUG)
    yield
    assert CANARY not in caplog.text


@pytest.fixture(autouse=True)
def _custom(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find the integration; the recorder insists on being first."""
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    # Many tests of plain functions do without a Home Assistant.
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


_SCHEMAS = {action.key: services.schema(action) for action in ACTIONS}


@pytest.fixture(autouse=True)
def _built_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each Home Assistant the schemas of the first, which are the same in all of them."""
    monkeypatch.setattr(services, "schema", lambda action: _SCHEMAS[action.key])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the pauses between attempts to connect short."""
    monkeypatch.setattr(reconnect, "INITIAL_DELAY", 0.01)
    monkeypatch.setattr(reconnect, "MAX_DELAY", 0.02)


@pytest.fixture
async def standin() -> AsyncGenerator[StandIn]:
    """Return a service that knows the canary key."""
    service = StandIn(key=CANARY)
    await service.start()
    yield service
    await service.stop()


def service_data(url: str, **changes: Any) -> dict[str, Any]:
    """Return the data of an entry for a service that is not asked twice, nor tried before."""
    return {
        "base_url": url,
        "auth_method": "bearer",
        "auth_name": "",
        "api_key_source": "stored",
        "api_key": CANARY,
        "verify_ssl": True,
        "timeout": 5.0,
        "max_retries": 0,
        "skip_validation": True,
        **changes,
    }


def entry_data(standin: StandIn, style: str = "bearer", **changes: Any) -> dict[str, Any]:
    """Return the data of an entry for one of the stand-in's ways to sign in."""
    names = {"header": "api-key", "query": "key"}
    usual = {"timeout": 10.0, "max_retries": 2, "skip_validation": False}
    auth = {"auth_method": style, "auth_name": names.get(style, "")}
    data = service_data(standin.url(style), **{**auth, **usual, **changes})
    if style == "none":
        del data["api_key"]
    return data


@pytest.fixture
def media_folder(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return the media folder of this Home Assistant, which it may also read from."""
    folder = tmp_path / "media"
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder


@pytest.fixture
async def entry_without_retries(
    hass: HomeAssistant, standin: StandIn, media_folder: Path
) -> MockConfigEntry:
    """Return a loaded service that is asked once for each call."""
    return await add_entry(hass, entry_data(standin, max_retries=0))


@pytest.fixture
async def entry(hass: HomeAssistant, standin: StandIn, media_folder: Path) -> MockConfigEntry:
    """Return a loaded service, which was not asked for its models before."""
    return await add_entry(hass, entry_data(standin, skip_validation=True))


async def add_entry(
    hass: HomeAssistant, data: dict[str, Any], options: dict[str, Any] | None = None
) -> MockConfigEntry:
    """Set up an entry and return it, whatever became of it."""
    found = MockConfigEntry(domain=DOMAIN, title="127.0.0.1", data=data, options=options or {})
    found.add_to_hass(hass)
    assert await async_setup_component(hass, "homeassistant", {})
    await hass.config_entries.async_setup(found.entry_id)
    await hass.async_block_till_done()
    return found


def state_of(entry: MockConfigEntry) -> ConfigEntryState:
    """Return the state of an entry, which a type checker takes to stay as it was once seen."""
    return entry.state


@contextmanager
def raises_key(
    key: str, kind: type[HomeAssistantError] = HomeAssistantError
) -> Iterator[pytest.ExceptionInfo[HomeAssistantError]]:
    """Expect an error whose text has this key."""
    with pytest.raises(kind) as caught:
        yield caught
    assert caught.value.translation_key == key


def read(path: str) -> bytes:
    """Return the content of a saved file."""
    return Path(path).read_bytes()


type Call = Callable[..., Any]


@pytest.fixture
def call(hass: HomeAssistant) -> Call:
    """Return a function that calls an action and returns its answer."""

    async def async_call(action: str, /, **data: Any) -> Any:
        return await hass.services.async_call(
            DOMAIN, action, data, blocking=True, return_response=True
        )

    return async_call


@pytest.fixture
def manage(call: Call) -> Call:
    """Return a function that manages the Responses connection `c`."""

    async def async_manage(action: str, **data: Any) -> Any:
        return await call(
            "manage_model_response_websocket", **{"action": action, "connection_id": "c", **data}
        )

    return async_manage


@pytest.fixture
def events(hass: HomeAssistant) -> Callable[[str], list[Event]]:
    """Return a function that begins to collect the events of a type."""

    def collect(event_type: str) -> list[Event]:
        found: list[Event] = []

        @callback
        def take(event: Event) -> None:
            found.append(event)

        hass.bus.async_listen(event_type, take)
        return found

    return collect


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Take down what is allocated; yield a function that returns how many bytes it was at most."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
