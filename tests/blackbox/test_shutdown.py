"""The end of Home Assistant, and what it leaves behind: run after all other tests."""

import asyncio
import json

import pytest

from tests.home import CommandError, Service

from .house import CANARY, WRONG, House

LONGEST = 20
ASK = {"model": "gpt-5-mini", "input": "Say hello"}


async def test_no_key_in_diagnostics_and_states(house: House, entry: str) -> None:
    """What Home Assistant shows holds no key."""
    secret = await house.call(
        "create_realtime_client_secret", {"session": {"type": "realtime", "model": "gpt-realtime"}}
    )
    shown = json.dumps(
        [
            await house.states(),
            await house.diagnostics(entry),
            await house.entries(),
            await house.command("system_log/list"),
        ]
    )
    for key in (CANARY, WRONG, secret["value"]):
        assert key not in shown


async def test_stop_in_the_middle_of_everything(house: House, entry: str, service: Service) -> None:
    """Home Assistant stops in time although a call hangs and a connection is open."""
    connection = {"action": "connect", "connection_id": "shutdown"}
    await house.call("manage_model_response_websocket", connection)
    await service.fail(path="^/responses$", count=None, hang=True)
    hanging = asyncio.create_task(house.call("create_model_response", ASK))
    await asyncio.sleep(0.5)
    assert await house.stop() < LONGEST
    with pytest.raises((CommandError, ConnectionError)):
        await hanging
    assert [session["close_code"] for session in await service.sockets()] == [1000]


async def test_no_complaints(house: House) -> None:
    """The integration left no error and no blocking call in the log."""
    assert house.complaints() == []


async def test_no_key_anywhere(house: House) -> None:
    """No key is in a log, an event, an answer, the database, or any file but the entry's."""
    said = json.dumps([house.events, house.answers])
    for key in (CANARY, WRONG):
        assert key not in said
    assert house.files_with(CANARY) == [".storage/core.config_entries"]
    assert house.files_with(WRONG) == []


async def test_minted_secrets_stay_in_answers(house: House) -> None:
    """A client secret is in the answer that asked for it, and nowhere else."""
    minted = {answer["value"] for answer in house.answers if "value" in answer}
    assert minted
    events = json.dumps(house.events)
    for secret in minted:
        assert secret not in events
        assert house.files_with(secret) == []
