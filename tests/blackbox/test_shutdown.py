"""The end of Home Assistant, and what it leaves behind: run after all other tests."""

import asyncio
import json

import pytest

from tests.harness import CommandError, Service

from .home_assistant import CANARY, WRONG, RecordingHomeAssistant

LONGEST = 20
ASK = {"model": "gpt-5-mini", "input": "Say hello"}


async def test_diagnostics_and_states_hold_no_api_key(
    ha: RecordingHomeAssistant, entry: str
) -> None:
    """What Home Assistant shows holds no key."""
    secret = await ha.call(
        "create_realtime_client_secret", {"session": {"type": "realtime", "model": "gpt-realtime"}}
    )
    shown = json.dumps(
        [
            await ha.states(),
            await ha.diagnostics(entry),
            await ha.entries(),
            await ha.command("system_log/list"),
        ]
    )
    for key in (CANARY, WRONG, secret["value"]):
        assert key not in shown


async def test_stop_with_pending_call_and_open_connection(
    ha: RecordingHomeAssistant, entry: str, service: Service
) -> None:
    """Home Assistant stops in time although a call hangs and a connection is open."""
    connection = {"action": "connect", "connection_id": "shutdown"}
    await ha.call("manage_model_response_websocket", connection)
    await service.fail(path="^/responses$", count=None, hang=True)
    hanging = asyncio.create_task(ha.call("create_model_response", ASK))
    await asyncio.sleep(0.5)
    assert await ha.stop() < LONGEST
    with pytest.raises((CommandError, ConnectionError)):
        await hanging
    assert [session["close_code"] for session in await service.sockets()] == [1000]


async def test_log_has_no_errors(ha: RecordingHomeAssistant) -> None:
    """The integration left no error and no blocking call in the log."""
    assert ha.error_log_lines() == []


async def test_api_key_only_in_config_entry(ha: RecordingHomeAssistant) -> None:
    """No key is in a log, an event, an answer, the database, or any file but the entry's."""
    said = json.dumps([ha.events, ha.answers])
    for key in (CANARY, WRONG):
        assert key not in said
    assert ha.files_with(CANARY) == [".storage/core.config_entries"]
    assert ha.files_with(WRONG) == []


async def test_client_secrets_only_in_responses(ha: RecordingHomeAssistant) -> None:
    """A client secret is in the answer that asked for it, and nowhere else."""
    minted = {answer["value"] for answer in ha.answers if "value" in answer}
    assert minted
    events = json.dumps(ha.events)
    for secret in minted:
        assert secret not in events
        assert ha.files_with(secret) == []
