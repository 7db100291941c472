"""Webhooks over real HTTP: set up in the options, sent by the host, and forged by somebody else."""

import asyncio
from collections.abc import AsyncIterator
import json
from time import monotonic
from typing import Any

from aiohttp import ClientSession
import pytest_asyncio
from yarl import URL

from tests.harness import Events, Service
from tests.harness.client import OPTIONS_FLOW

from .home_assistant import RecordingHomeAssistant

HOME = "https://home.example.com"
EVENT_TYPE = "batch.completed"
MIB = 1024 * 1024


async def fill_in(
    home_assistant: RecordingHomeAssistant, entry_id: str, *forms: dict[str, Any]
) -> dict[str, Any]:
    """Fill in the forms of the options, and return what came of it."""
    result: dict[str, Any] = await home_assistant.rest("POST", OPTIONS_FLOW, {"handler": entry_id})
    for form in forms:
        result = await home_assistant.submit(result, form, path=OPTIONS_FLOW)
    assert result["type"] == "create_entry", result
    return result


async def addresses(home_assistant: RecordingHomeAssistant, count: int) -> list[str]:
    """Return the paths at which the integration is called, once there are so many."""
    end = monotonic() + 20
    while True:
        known = await home_assistant.command("webhook/list")
        found = [
            f"/api/webhook/{item['webhook_id']}" for item in known if item["domain"] == "openai_api"
        ]
        if len(found) == count:
            return found
        assert monotonic() < end, found
        await asyncio.sleep(0.1)


async def stored_secret(home_assistant: RecordingHomeAssistant, entry_id: str) -> str:
    """Return the signing secret of an entry, which Home Assistant writes down in its own time."""
    file = home_assistant.folder / ".storage" / "core.config_entries"
    async with asyncio.timeout(20):
        while True:
            text = file.read_text() if file.exists() else ""
            if "whsec_" in text:
                break
            await asyncio.sleep(0.2)
    entries = {item["entry_id"]: item for item in json.loads(text)["data"]["entries"]}
    return str(entries[entry_id]["options"]["webhook_secret"])


@pytest_asyncio.fixture(loop_scope="session")
async def path(ha: RecordingHomeAssistant, service: Service, entry: str) -> AsyncIterator[str]:
    """Let the host report to this Home Assistant, and return where; it is over after the test."""
    await ha.command("config/core/update", external_url=HOME)
    await service.change(reroutes={HOME: ha.url})
    options = {"record_events": False, "set_up_webhook": True}
    await fill_in(ha, entry, options, {"event_types": [EVENT_TYPE]})
    (found,) = await addresses(ha, 1)
    await ha.entry_until(entry, "loaded")
    yield found
    await fill_in(ha, entry, {"record_events": False, "remove_webhook": True})
    assert await addresses(ha, 0) == []
    await ha.entry_until(entry, "loaded")
    assert (await ha.call("list_webhook_endpoints"))["data"] == []
    await ha.command("config/core/update", external_url=None)


@pytest_asyncio.fixture(loop_scope="session")
async def webhook_events(ha: RecordingHomeAssistant) -> Events:
    """Collect the events of webhooks from now on."""
    return await ha.subscribe_events("openai_api_webhook_event")


async def test_webhook_event_fired(
    ha: RecordingHomeAssistant, entry: str, path: str, webhook_events: Events
) -> None:
    """From the form to the event without anybody having seen the secret."""
    (endpoint,) = (await ha.call("list_webhook_endpoints"))["data"]
    assert endpoint["url"] == HOME + path
    tested = await ha.call(
        "test_webhook_endpoint", {"webhook_endpoint_id": endpoint["id"], "event_type": EVENT_TYPE}
    )
    assert tested["status_code"] == 200
    event = await webhook_events.wait()
    assert event["config_entry_id"] == entry
    assert event["event_type"] == event["event"]["type"] == EVENT_TYPE
    assert event["webhook_event_id"] == event["event"]["id"]
    secret = await stored_secret(ha, entry)
    said = [ha.answers, ha.events, ha.logs(), await ha.diagnostics(entry)]
    assert secret not in json.dumps(said)
    assert path.rpartition("/")[2] not in str(said[-1])


async def test_forged_webhook_is_rejected(
    ha: RecordingHomeAssistant, entry: str, path: str, webhook_events: Events
) -> None:
    """Who does not know the secret gets nowhere and learns nothing."""
    signed = {
        "webhook-id": "wh_1",
        "webhook-timestamp": await ha.render("{{ now().timestamp() | int }}"),
        "webhook-signature": "v1,c3RhbGU=",
    }
    async with ClientSession(ha.url) as session:
        for body, headers, status in (
            (b"{}", {}, 401),
            (b"{}", signed, 401),
            (b"{}", {**signed, "webhook-timestamp": "1"}, 401),
            (b" " * (MIB + 1), signed, 413),
        ):
            async with session.post(path, data=body, headers=headers) as response:
                assert response.status == status
                assert await response.read() == b""
        async with session.get(path) as response:
            assert response.status == 405
    assert b" 413 " in await overflow(ha, path, signed)
    assert not webhook_events
    refused = (await ha.diagnostics(entry))["data"]["webhooks"]["refused"]
    assert refused == {"UNSIGNED": 1, "SIGNATURE": 1, "TIME": 1, "TOO_LARGE": 2}


async def overflow(
    home_assistant: RecordingHomeAssistant, path: str, headers: dict[str, str]
) -> bytes:
    """Send a body without an end, and return the first line of the answer."""
    url = URL(home_assistant.url)
    assert url.host
    reader, writer = await asyncio.open_connection(url.host, url.port)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start = f"POST {path} HTTP/1.1\r\nHost: {url.host}\r\n{lines}Transfer-Encoding: chunked\r\n\r\n"
    writer.write(start.encode())
    answer = asyncio.create_task(reader.readline())
    sent = 0
    try:
        async with asyncio.timeout(10):
            while not answer.done():
                writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
                await writer.drain()
                # What drains at once does not yield, and then the answer would not be read.
                await asyncio.sleep(0)
                sent += 65536
            assert sent < 64 * MIB
            return await answer
    finally:
        writer.close()
