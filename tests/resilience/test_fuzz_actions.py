"""Whatever is written into an action's fields: an answer, or an error raised on purpose.

A few inputs for each action in every run, always the same. For many, and others each time:
`OPENAI_API_FUZZ=1000 .venv/oldest/bin/python -m pytest tests/resilience/test_fuzz_actions.py`
"""

from collections.abc import AsyncGenerator, Callable
import logging
from pathlib import Path

from homeassistant.core import HomeAssistant
from hypothesis import given, strategies as st
import pytest

from custom_components.openai_api import polling
from custom_components.openai_api.action import ActionGroup
from custom_components.openai_api.actions import ACTION_GROUPS
from tests.integration.conftest import CANARY, Call, add_entry
from tests.integration.fuzzing import inputs
from tests.integration.wire import serving, write_files

from .action_fuzzer import ActionFuzzer
from .request_inspector import RequestInspector

STATUSES = st.sampled_from((200, 200, 200, 400, 404, 500))


@pytest.fixture
async def fuzzer(
    hass: HomeAssistant,
    call: Call,
    media_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> AsyncGenerator[ActionFuzzer]:
    """Return a Home Assistant with a host that answers anything."""
    monkeypatch.setattr(polling, "INITIAL_INTERVAL", 0)
    # The core's notes on each call would be longer than all the rest together.
    caplog.set_level(logging.WARNING, logger="homeassistant")
    write_files(media_folder)
    async with serving(RequestInspector()) as host:
        data = {"base_url": host.url, "api_key": CANARY, "max_retries": 0, "skip_validation": True}
        yield ActionFuzzer(call, await add_entry(hass, data), host, media_folder)


@pytest.mark.parametrize("family", ACTION_GROUPS, ids=lambda family: family.key)
@inputs(3, is_slow=True)
@given(draws=st.data())
async def test_action_fuzz_raises_only_expected_errors(
    family: ActionGroup,
    fuzzer: ActionFuzzer,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
    draws: st.DataObject,
) -> None:
    """Each input is answered or refused in our words, and no id leads a request elsewhere."""
    inputs = [(draws.draw(fuzzer.bad(action)), draws.draw(STATUSES)) for action in family.actions]
    for action, (data, status) in zip(family.actions, inputs, strict=True):
        tried = [data]
        if action.key not in fuzzer.templates:
            await fuzzer.record_paths(action)
            tried += fuzzer.path_injection_cases(action)
        fuzzer.host.status = 200
        await fuzzer.open_sockets(family)
        fuzzer.host.status = status
        for one in tried:
            try:
                await fuzzer.check(action, one)
            except BaseException as err:
                err.add_note(f"{action.key} with {str(one)[:2000]}")
                raise
        record_property("inputs tried on actions", len(tried))
        await fuzzer.close_connections()
        caplog.clear()
