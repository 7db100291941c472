"""What a host may make a connection keep, and how many connections there may be."""

import base64
import gc
import weakref

from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.realtime.connection import RealtimeConnection
from custom_components.openai_api.realtime.output_audio import OutputAudio
from custom_components.openai_api.websocket import connection as connections
from tests.integration.conftest import raises_key
from tests.integration.waiting import wait_for

from .driver import Json, RealtimeDriver

SOUND = base64.b64encode(bytes(4800)).decode()


def delta(response_id: str) -> Json:
    """Return a piece of output audio."""
    place = {"response_id": response_id, "item_id": f"i-{response_id}", "content_index": 0}
    return {"type": "response.output_audio.delta", "delta": SOUND, **place}


def conversation(entry: MockConfigEntry) -> RealtimeConnection:
    """Return the open conversation."""
    found = entry.runtime_data.connections["c"]
    assert isinstance(found, RealtimeConnection)
    return found


async def test_saved_output_audio_is_released(
    script: RealtimeDriver, entry: MockConfigEntry
) -> None:
    audio = OutputAudio({"type": "audio/pcm", "rate": 24000})
    for _ in range(3):
        audio.add(SOUND)
    audio.finish()
    reading = audio.stream()
    assert await anext(reading) == bytes(4800)
    # Who reads it already does so to its end, and then it is gone.
    audio.release()
    assert [piece async for piece in reading] == [bytes(4800)] * 2
    assert audio._pieces == []
    late = OutputAudio({"type": "audio/pcm", "rate": 24000}, is_live=True)
    late.add(SOUND)
    late.finish()
    late.release()
    assert [piece async for piece in late.stream()] == [bytes(4800)]
    assert late._pieces == []
    await script.server_sends(delta("r-1"))
    (kept,) = conversation(entry).audio_parts.in_progress.values()
    alive = weakref.ref(kept) if hasattr(kept, "__weakref__") else None
    await script.server_sends({**delta("r-1"), "type": "response.output_audio.done"})
    await wait_for(lambda: script.notices_of("audio_done"))
    assert kept._pieces == []
    assert not conversation(entry).audio_parts.in_progress
    del kept
    gc.collect()
    assert alive is None or alive() is None


async def test_output_audio_without_end_limit(
    script: RealtimeDriver, entry: MockConfigEntry
) -> None:
    await script.server_sends(*(delta(f"r-{number}") for number in range(40)))
    assert len(conversation(entry).audio_parts.in_progress) <= 8
    await wait_for(lambda: len(script.notices_of("audio_done")) == 32)


async def test_responses_without_end_limit(script: RealtimeDriver, entry: MockConfigEntry) -> None:
    await script.server_sends(
        *({"type": "response.created", "response": {"id": f"r-{n}"}} for n in range(100))
    )
    assert len(conversation(entry).playback.formats) <= 16


async def test_connection_limit(script: RealtimeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connections.MAX_CONNECTIONS == 50
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    for number in range(2):
        await script.call("connect_realtime_websocket", model="m", connection_id=f"c-{number}")
    for action, data in (
        ("connect_realtime_websocket", {"model": "m"}),
        ("manage_model_response_websocket", {"action": "connect"}),
    ):
        with raises_key("too_many_connections", ServiceValidationError):
            await script.call(action, connection_id="one too many", **data)
    await script.call("close_realtime_websocket", connection_id="c-0")
    await script.call("connect_realtime_websocket", model="m", connection_id="c-2")
