"""Hosts without WebSockets: some say so only after they have opened one."""

import pytest

from custom_components.openai_api.sockets import connection as connections
from tests.faults.raw_sockets import Answer, RawHost, closing, refused, text

from .house import House, both_kinds, until

REASON = b"ssl argument is incompatible with a ws:// URI"


@both_kinds
async def test_closed_at_once_after_the_upgrade(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_FIRST_DELAY", 0.01)
    for reason in (REASON, b""):
        house.states.clear()
        heads = len(host.heads)
        host.always = Answer(first=closing(1011, reason))
        await house.connect()
        await until(lambda: house.told[-1:] == ["disconnected"])
        ended = house.states[-1]
        assert ended["code"] == 1011
        assert "may offer none" in ended["error"]
        assert reason.decode() in ended["error"]
        assert len(host.heads) - heads <= 6
        assert house.entry.runtime_data.connections == {}


@both_kinds
async def test_closed_after_it_has_worked(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has brought events once is opened again as before."""
    monkeypatch.setattr(connections, "_FIRST_DELAY", 0.01)
    host.always = Answer(first=text({"type": "made.up"}) + closing(1011, b"Crash"))
    await house.connect()
    await until(lambda: house.told[-1:] == ["disconnected"])
    assert len(host.heads) == connections._ATTEMPTS + 1
    assert house.states[-1]["error"] == "Crash"


@both_kinds
async def test_missing_when_it_is_opened_again(
    house: House, host: RawHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_FIRST_DELAY", 0.01)
    for status in (403, 404, 405):
        house.states.clear()
        host.always = None
        await house.connect()
        heads = len(host.heads)
        host.always = refused(status)
        await host.peers[-1].close(1012)
        await until(lambda: house.told[-1:] == ["disconnected"])
        assert len(host.heads) == heads + 1
        assert f"status {status}" in house.states[-1]["error"]
        assert "offers no WebSocket" in house.states[-1]["error"]
