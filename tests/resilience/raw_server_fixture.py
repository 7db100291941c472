"""What holds after any failure: an error is reported, the call ends, and nothing is left."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import re
import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.aiohttp_client import DATA_CONNECTOR
import pytest

from custom_components.openai_api.const import DOMAIN
from tests.integration.conftest import CANARY, add_entry, service_data
from tests.integration.waiting import wait_for

from .raw_server import RawServer, Script

ASK: dict[str, Any] = {"model": "m-1", "input": "Hello"}
# Beyond its timeout, nothing may take longer than this many seconds on a busy machine.
TIMEOUT_MARGIN = 3.0
_FOLDER = Path(__file__).parents[2] / "custom_components" / DOMAIN / "translations"
_TEXTS = {
    path.stem: json.loads(path.read_text())["exceptions"] for path in sorted(_FOLDER.glob("*.json"))
}
_NAMES = re.compile(r"{(\w+)}")


def assert_localized(err: HomeAssistantError, key: str) -> str:
    """Make sure that an error is the expected one and can be read in every language."""
    assert err.translation_domain == DOMAIN
    assert err.translation_key == key, f"{err.translation_key}: {err}"
    assert CANARY not in str(err)
    shown = err.translation_placeholders or {}
    for name in _NAMES.findall(_TEXTS["en"][key]["message"]):
        assert shown[name].strip(" –"), f"nothing stands for {name}"
    texts = {language: found[key]["message"].format(**shown) for language, found in _TEXTS.items()}
    assert len(set(texts.values())) == len(texts), "a language lacks this text"
    assert str(err).rstrip(".") == texts["en"].rstrip(".")
    return str(err)


class RawServerFixture:
    """A loaded entry for a raw server, and what is open and under way around it."""

    def __init__(self, hass: HomeAssistant, raw: RawServer, entry: Any) -> None:
        self.hass = hass
        self.raw = raw
        self.entry = entry
        self._before = asyncio.all_tasks()

    def _tasks(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that were not there before, without the server's own."""
        return asyncio.all_tasks() - self._before - self.raw.tasks - {asyncio.current_task()}

    def _connectors(self) -> list[Any]:
        """Return the connectors of Home Assistant's shared sessions."""
        return list(self.hass.data.get(DATA_CONNECTOR, {}).values())

    async def assert_clean(self) -> None:
        """Wait until nothing is under way, and no connection is open but those kept for reuse."""
        assert not self.entry.runtime_data.host.active_timeouts
        await wait_for(lambda: not self._tasks(), what=f"tasks: {self._tasks()}")
        assert not any(connector._acquired for connector in self._connectors())
        await wait_for(lambda: not self.raw.playing, what="a script that goes on")
        # Those that the server has closed must be known as closed, too.
        await wait_for(
            lambda: len(self.raw.connections) == self._kept(), what=f"lines: {self.raw.connections}"
        )

    def _kept(self) -> int:
        """Return how many connections are kept for reuse."""
        pools = [pool for item in self._connectors() for pool in item._conns.values()]
        return sum(protocol.is_connected() for pool in pools for protocol, _ in pool)

    async def call(self, action: str = "create_model_response", /, **data: Any) -> Any:
        """Call an action."""
        if action == "create_model_response":
            data = {**ASK, **data}
        return await self.hass.services.async_call(
            DOMAIN,
            action,
            {"config_entry_id": self.entry.entry_id, **data},
            blocking=True,
            return_response=True,
        )

    async def assert_survives(
        self,
        scripts: list[Script],
        expected: str | tuple[str, ...] | dict[str, Any],
        action: str = "create_model_response",
        /,
        *,
        is_deaf: bool = False,
        **data: Any,
    ) -> str:
        """Play scripts to a call: it fails as expected or answers so, and the next one works.

        Returns the text of the error.
        """
        if expected == "timed_out":
            data.setdefault("timeout", 0.5)
        self.raw.stop_reading = is_deaf
        self.raw.scripts.clear()
        self.raw.play(*scripts)
        timeout = float(data.get("timeout") or self.entry.data["timeout"])
        start, answer, error = time.monotonic(), {}, None
        try:
            answer = await self.call(action, **data)
        except HomeAssistantError as err:
            error = err
        self.raw.stop_reading = False
        if not isinstance(expected, dict):
            assert error is not None, f"no error, but {str(answer)[:500]}"
            keys = (expected,) if isinstance(expected, str) else expected
            assert error.translation_key in keys, f"{error.translation_key}: {error}"
            is_refusal = error.translation_key in _REFUSALS
            assert isinstance(error, ServiceValidationError) == is_refusal
            text = assert_localized(error, error.translation_key)
        else:
            assert error is None, f"{error.translation_key}: {error}"
            assert expected.items() <= answer.items()
            text = ""
        assert time.monotonic() - start < timeout + TIMEOUT_MARGIN
        assert not self.raw.scripts, "it was not asked as often as expected"
        await self.assert_clean()
        assert (await self.call(timeout=5, **ASK))["id"] == "resp_good"
        await self.assert_clean()
        return text


_REFUSALS = {"refused", "invalid_arguments"}


@asynccontextmanager
async def raw_server_for(
    hass: HomeAssistant, tls: Any = None, **changes: Any
) -> AsyncGenerator[RawServerFixture]:
    """Run a raw server and an entry for it."""
    raw = RawServer(tls=tls)
    await raw.start()
    try:
        entry = await add_entry(hass, service_data(raw.url, **changes))
        yield RawServerFixture(hass, raw, entry)
    finally:
        await raw.stop()


@pytest.fixture
async def raw_server(hass: HomeAssistant, media_folder: Path) -> AsyncGenerator[RawServerFixture]:
    """Return a watched entry that asks once."""
    async with raw_server_for(hass) as found:
        yield found
