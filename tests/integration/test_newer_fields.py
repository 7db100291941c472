"""What only the newest SDK knows: fields, which older ones pass on, and methods, which they lack."""

import json
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.action import ActionDescription
from custom_components.openai_api.actions import ACTIONS
from tests.standin.server import StandIn

from .conftest import Call
from .payloads import NEWER, _value, cases
from .wire import is_known, write_files

BY_KEY = {action.key: action for action in ACTIONS}


@pytest.fixture
def folder(media_folder: Path) -> Path:
    """Return a folder with files to send."""
    write_files(media_folder)
    return media_folder


def newer(action: ActionDescription, folder: Path) -> dict[str, Any]:
    """Return a value for each of the action's newer fields, but for files."""
    return {
        field.key: _value(action, field, folder)
        for field in action.fields
        if field.key in NEWER[action.key] and not field.file
    }


@pytest.mark.parametrize("key", NEWER)
async def test_newer_field_is_sent(
    key: str, folder: Path, call: Call, entry: MockConfigEntry, standin: StandIn
) -> None:
    action = BY_KEY[key]
    assert NEWER[key] <= {field.key for field in action.fields}
    if not is_known(action, entry.runtime_data.host.client):
        pytest.skip("the installed SDK has no such method")
    values = newer(action, folder)
    standin.requests.clear()
    try:
        await call(key, **next(cases(action, folder))[1], **values)
    except HomeAssistantError:
        # What the stand-in thinks of it is another matter.
        if not standin.requests:
            raise
    request = standin.requests[-1]
    if isinstance(request.body, dict):
        assert values.items() <= request.body.items()
    else:
        sent = str(request.query) + str(request.body)
        assert all(name in sent for name in values)
        assert json.dumps("medium") in sent or "complexity" not in values or "low" in sent


async def test_method_missing_in_old_sdk(
    folder: Path, call: Call, entry: MockConfigEntry, standin: StandIn, subtests: pytest.Subtests
) -> None:
    client = entry.runtime_data.host.client
    missing = [action for action in ACTIONS if action.method and not is_known(action, client)]
    if not missing:
        pytest.skip("the installed SDK has all methods")
    for action in missing:
        data = next(cases(action, folder))[1]
        with subtests.test(action.key):
            with pytest.raises(HomeAssistantError, match="newer Home Assistant"):
                await call(action.key, **data)
            assert not standin.requests
