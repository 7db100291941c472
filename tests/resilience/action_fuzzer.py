"""A Home Assistant in which anything may be tried, and the judgement of what came of it."""

import asyncio
from contextlib import suppress
import json
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import json_bytes
from hypothesis import strategies as st
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol
from yarl import URL

from custom_components.openai_api.action import ActionDescription, ActionGroup
from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.services import effective_fields
from custom_components.openai_api.types import Json
from tests.integration.conftest import Call
from tests.integration.payloads import SOCKET_ACTIONS, cases

from .any_value import bad_data
from .request_inspector import PathTemplate, RequestInspector, matches, path_template

MISLEADING = (
    *("..", ".", "../../x", "a/b?x=1#y", "%2e%2e/%2F", "//evil.example/x", "a\r\nX-Injected: y"),
    "x" * 70_000,
)
"""Ids that would lead a request elsewhere, or nowhere."""
PATIENCE = 10
"""Seconds that the longest answer may take."""
CONNECTION = "fuzz"
SAMPLES: Json = {
    "action": "send",
    "audio": "AAAA",
    "event": {"type": "response.create"},
    "image": "data:image/png;base64,AAAA",
    "model": "m",
    "output": "done",
}
"""For fields of frames that have no example."""
ROOT = Path(__file__).parents[2] / "custom_components" / DOMAIN
KEYS = json.loads((ROOT / "translations" / "en.json").read_text())["exceptions"].keys()


class ActionFuzzer:
    """A Home Assistant in which anything is tried, and what is known of each action."""

    def __init__(
        self, call: Call, entry: MockConfigEntry, host: RequestInspector, folder: Path
    ) -> None:
        """Take over a loaded service."""
        self.call, self.entry, self.host, self.folder = call, entry, host, folder
        self.templates: dict[str, set[PathTemplate]] = {}

    def good(self, action: ActionDescription) -> list[Json]:
        """Return data with which the action works."""
        if action.key not in SOCKET_ACTIONS:
            return [data for _, data in cases(action, self.folder)]
        samples = {field.key: SAMPLES.get(field.key, field.example) for field in action.fields}
        if action.key != "connect_realtime_websocket":
            samples["connection_id"] = CONNECTION
        return [{key: value for key, value in samples.items() if value is not None}]

    def bad(self, action: ActionDescription) -> st.SearchStrategy[Json]:
        """Return what draws data with which it hardly does."""
        return bad_data(self.good(action), sorted(field.key for field in effective_fields(action)))

    async def open_sockets(self, family: ActionGroup) -> None:
        """Open the connections that the actions of a family send over."""
        openers = {
            "responses": ("manage_model_response_websocket", {"action": "connect"}),
            "realtime_sockets": ("connect_realtime_websocket", {"model": "m"}),
        }
        if family.key in openers:
            key, data = openers[family.key]
            await self.call(key, connection_id=CONNECTION, **data)

    async def record_paths(self, action: ActionDescription) -> None:
        """See where the action's requests go."""
        known = self.templates[action.key] = set()
        self.host.is_quick = False
        for data in self.good(action):
            with suppress(HomeAssistantError, vol.Invalid):
                await self.attempt(action, data)
            known |= {path_template(seen, data) for seen in self.host.seen}
        self.host.is_quick = True
        await self.close_connections()

    def path_injection_cases(self, action: ActionDescription) -> list[Json]:
        """Return data with ids that would lead elsewhere, if they could."""
        ids = {
            part[1:-1] for path in self.templates[action.key] for part in path if part[:1] == "{"
        }
        good = self.good(action)[-1]
        return [{**good, key: place} for key in sorted(ids & good.keys()) for place in MISLEADING]

    async def settle(self) -> None:
        """Let a request arrive that was given up while it was on its way."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def attempt(self, action: ActionDescription, data: Json) -> Any:
        """Call the action."""
        self.host.expect(action)
        self.host.seen.clear()
        self.host.failures.clear()
        async with asyncio.timeout(PATIENCE):
            return await self.call(action.key, **data)

    async def check(self, action: ActionDescription, data: Json) -> None:
        """Call the action, and make sure that what came of it was meant to be."""
        error: Exception | None = None
        try:
            json_bytes(await self.attempt(action, data))
        except (vol.Invalid, HomeAssistantError) as err:
            error = err
        if error is not None:
            await self.assert_expected_error(error)
        assert not self.host.failures
        self.assert_known_path(action, data)

    async def assert_expected_error(self, error: Exception) -> None:
        """Make sure that an error was raised on purpose and can be shown."""
        assert str(error).encode()
        if not isinstance(error, HomeAssistantError):
            assert not self.host.seen, "sent, though refused"
            return
        domain, key = error.translation_domain, error.translation_key
        # Home Assistant has words of its own where there is no such service.
        assert domain == "homeassistant" or key in KEYS, repr(error)
        if key == "timed_out":
            await self.settle()

    def assert_known_path(self, action: ActionDescription, data: Json) -> None:
        """Make sure that no value led a request to another place."""
        fields = {field.key: field for field in effective_fields(action)}
        sent = {
            key: fields[key].validator(value)
            for key, value in data.items()
            if value is not None and self.host.seen
        }
        home = URL(self.host.url)
        for seen in self.host.seen:
            assert seen.host == home.authority
            assert "x-injected" not in seen.headers
            assert any(matches(seen, known, sent) for known in self.templates[action.key]), seen

    async def close_connections(self) -> None:
        """Close what was opened."""
        for connection in list(self.entry.runtime_data.connections.values()):
            await connection.async_close(1000, "")
