"""Spoken answers become files that any player plays."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any
from unittest.mock import patch
import wave

import audioop
from homeassistant.components import media_source
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.realtime import output_audio
from tests.integration.waiting import wait_for
from tests.standin import media
from tests.standin.server import StandIn

from .driver import Json, RealtimeDriver

PLACE: Json = {"response_id": "r-1", "item_id": "i-1", "content_index": 0}


def deltas(sound: bytes, size: int, **place: Any) -> list[Json]:
    """Return the events that bring a sound in pieces."""
    return [
        {
            "type": "response.output_audio.delta",
            **PLACE,
            **place,
            "delta": base64.b64encode(sound[at : at + size]).decode(),
        }
        for at in range(0, len(sound), size)
    ]


def done(**place: Any) -> Json:
    """Return the event that ends a spoken answer."""
    return {"type": "response.output_audio.done", **PLACE, **place}


def read_wav(content: bytes) -> tuple[tuple[int, int, int], bytes]:
    """Return channels, width and rate of a WAV file, and its samples."""
    with wave.open(io.BytesIO(content)) as sound:
        shape = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
        return shape, sound.readframes(sound.getnframes())


async def audio_done(script: RealtimeDriver, count: int = 1) -> list[Json]:
    """Wait for the notices of spoken answers."""
    await wait_for(lambda: len(script.notices_of("audio_done")) >= count, 10)
    return script.notices_of("audio_done")


async def content_of(hass: HomeAssistant, notice: Json) -> bytes:
    """Return the file behind a notice, found as a media player finds it."""
    found = await media_source.async_resolve_media(hass, notice["media_content_id"], None)
    assert found.mime_type == "audio/wav"
    assert found.path is not None
    return await hass.async_add_executor_job(found.path.read_bytes)


async def test_output_audio_is_saved(
    hass: HomeAssistant, script: RealtimeDriver, media_folder: Path
) -> None:
    sound = media.tone(0.5)
    await script.server_sends(
        {"type": "response.created", "response": {"id": "r-1"}}, *deltas(sound, 4800), done()
    )
    (notice,) = await audio_done(script)
    assert {key: notice[key] for key in PLACE} == PLACE
    assert notice["media_content_type"] == "audio/wav"
    assert notice["size"] == len(sound) + 44
    assert notice["is_cut"] is False
    assert Path(notice["path"]).parent == media_folder / "openai_api"
    assert notice["url"].startswith("/api/openai_api/media/")
    content = await content_of(hass, notice)
    assert read_wav(content) == ((1, 2, 24000), sound)
    # It began before it was over, and only once.
    kinds = script.notice_types()
    assert kinds.count("audio_started") == 1
    assert kinds.index("audio_started") < kinds.index("audio") < kinds.index("audio_done")
    # Nothing plays while it is spoken before 2026.11.
    assert script.notices_of("audio_started") == [{"type": "audio_started", **PLACE}]


@pytest.mark.parametrize(
    ("given", "rate", "unlaw"),
    [
        ({"type": "audio/pcm", "rate": 16000}, 16000, None),
        ({"type": "audio/pcm"}, 24000, None),
        ({"type": "audio/pcm", "rate": "odd"}, 24000, None),
        ({"type": "audio/pcmu"}, 8000, audioop.ulaw2lin),
        ({"type": "audio/pcma"}, 8000, audioop.alaw2lin),
        ("g711_ulaw", 8000, audioop.ulaw2lin),
        ("pcm16", 24000, None),
        (["odd"], 24000, None),
    ],
)
@pytest.mark.parametrize("where", ["response", "session"])
async def test_output_audio_formats(
    hass: HomeAssistant, script: RealtimeDriver, where: str, given: Any, rate: int, unlaw: Any
) -> None:
    output = {"audio": {"output": {"format": given}}}
    if where == "session":
        await script.server_sends({"type": "session.updated", "session": output})
    created = {"id": "r-1", **(output if where == "response" else {})}
    sound = bytes(range(250)) * 8
    await script.server_sends(
        {"type": "response.created", "response": created}, *deltas(sound, 300), done()
    )
    assert script.notice_types().count("audio") == 7
    (notice,) = await audio_done(script)
    shape, samples = read_wav(await content_of(hass, notice))
    assert shape == (1, 2, rate)
    assert samples == (unlaw(sound, 2) if unlaw else sound)


async def test_output_audio_delta_splits_sample(
    hass: HomeAssistant, script: RealtimeDriver
) -> None:
    sound = media.tone(0.1)
    await script.server_sends(*deltas(sound + b"\1", 333), done())
    (notice,) = await audio_done(script)
    assert read_wav(await content_of(hass, notice))[1] == sound


async def test_output_audio_file_per_content_part(
    hass: HomeAssistant, script: RealtimeDriver
) -> None:
    low, high = media.tone(0.1), media.tone(0.2)
    first, second = deltas(low, 2400), deltas(high, 4800, content_index=1)
    mixed = [event for pair in zip(first, second, strict=True) for event in pair]
    added = {"type": "response.content_part.added", **PLACE, "content_index": 1}
    await script.server_sends(added, *mixed, done(), done(content_index=1))
    notices = await audio_done(script, 2)
    found = {
        notice["content_index"]: read_wav(await content_of(hass, notice))[1] for notice in notices
    }
    assert found == {0: low, 1: high}
    assert script.notice_types().count("audio_started") == 2


async def test_output_audio_whose_index_counts_pieces(
    hass: HomeAssistant, script: RealtimeDriver
) -> None:
    """Some servers count the pieces, of which none was announced as a content part."""
    sound = media.tone(0.3)
    pieces = [{**event, "content_index": index} for index, event in enumerate(deltas(sound, 2400))]
    await script.server_sends(*pieces, done(), *pieces, done())
    notices = await audio_done(script, 2)
    assert [{key: notice[key] for key in PLACE} for notice in notices] == [PLACE, PLACE]
    for notice in notices:
        assert read_wav(await content_of(hass, notice))[1] == sound
    assert len(script.notices_of("audio_started")) == 2
    assert {notice["content_index"] for notice in script.notices_of("audio")} == {0}


async def test_output_audio_saved_on_response_done(
    hass: HomeAssistant, script: RealtimeDriver
) -> None:
    sound = media.tone(0.1)
    await script.server_sends(
        *deltas(sound, 4800),
        {"type": "response.done", "response": {"id": "r-2"}},
    )
    assert script.notices_of("audio_done") == []
    await script.server_sends(
        {"type": "response.done", "response": {"id": "r-1", "status": "cancelled"}}
    )
    (notice,) = await audio_done(script)
    assert {key: notice[key] for key in PLACE} == PLACE
    assert read_wav(await content_of(hass, notice))[1] == sound
    await script.server_sends(done())
    # It is over already; what comes late has nothing to add.
    assert "media_content_id" not in (await audio_done(script, 2))[1]


async def test_output_audio_invalid_base64(hass: HomeAssistant, script: RealtimeDriver) -> None:
    sound = media.tone(0.1)
    (good,) = deltas(sound, 4800)
    for odd in ("é", "A", "*", 5, [1], {"a": 1}, None):
        await script.server_sends({**good, "delta": odd})
    await script.server_sends(good, done())
    (notice,) = await audio_done(script)
    assert read_wav(await content_of(hass, notice))[1] == sound


async def test_output_audio_done_without_delta(script: RealtimeDriver) -> None:
    await script.server_sends(done())
    assert script.notices_of() == [{"type": "audio_done", **PLACE}]


async def test_output_audio_size_limit(
    hass: HomeAssistant, script: RealtimeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_audio, "MAX_BYTES", 9000)
    sound = media.tone(0.5)
    await script.server_sends(*deltas(sound, 4800), done())
    (notice,) = await audio_done(script)
    assert notice["is_cut"] is True
    assert read_wav(await content_of(hass, notice))[1] == sound[:9600]
    # What is not kept is told all the same.
    assert script.notice_types().count("audio") == 5


async def test_output_audio_save_error(hass: HomeAssistant, script: RealtimeDriver) -> None:
    hass.config.media_dirs = {}
    await script.server_sends(*deltas(media.tone(0.1), 4800), done())
    (notice,) = await audio_done(script)
    assert notice["error"]
    assert "media_content_id" not in notice
    assert (await script.status())["status"] == "connected"


async def test_output_audio_concurrent_files(
    hass: HomeAssistant, silent: None, standin: StandIn, entry: MockConfigEntry
) -> None:
    scripts = [RealtimeDriver(hass, standin, f"c{number}") for number in range(12)]
    for script in scripts:
        await script.call("connect_realtime_websocket", model="m")
    for number in range(len(scripts)):
        for event in deltas(bytes([number + 1]) * 2000, 2000):
            await standin.sockets[number].send(event)
    await wait_for(lambda: all(script.notices_of("audio") for script in scripts))
    await asyncio.gather(*(session.send(done()) for session in standin.sockets))
    for number, script in enumerate(scripts):
        (notice,) = await audio_done(script)
        assert read_wav(await content_of(hass, notice))[1] == bytes([number + 1]) * 2000
    names = {Path(script.notices_of("audio_done")[0]["path"]).name for script in scripts}
    assert len(names) == 12
    # None waited to see which names are free: several look at the folder at once.
    assert not [name for name in names if "(" in name]


async def test_output_audio_on_media_player(hass: HomeAssistant, script: RealtimeDriver) -> None:
    with patch(
        "homeassistant.components.demo.COMPONENTS_WITH_CONFIG_ENTRY_DEMO_PLATFORM",
        [Platform.MEDIA_PLAYER],
    ):
        demo = MockConfigEntry(domain="demo")
        demo.add_to_hass(hass)
        assert await hass.config_entries.async_setup(demo.entry_id)
        await hass.async_block_till_done()
    await script.server_sends(*deltas(media.tone(0.1), 4800), done())
    (notice,) = await audio_done(script)
    player = "media_player.bedroom"
    await hass.services.async_call(
        "media_player",
        "play_media",
        {
            "entity_id": player,
            "media_content_id": notice["media_content_id"],
            "media_content_type": notice["media_content_type"],
        },
        blocking=True,
    )
    await hass.async_block_till_done()
    state = hass.states.get(player)
    assert state is not None
    assert state.attributes["media_content_id"] == notice["media_content_id"]


async def test_output_audio_from_standin_server(hass: HomeAssistant, talk: RealtimeDriver) -> None:
    await talk.connect(session={"output_audio_format": "g711_ulaw"})
    await talk.call("send_realtime_message", message="0123456789")
    (notice,) = await audio_done(talk)
    shape, samples = read_wav(await content_of(hass, notice))
    # Twenty characters, a twentieth of a second each.
    assert shape == (1, 2, 8000)
    assert len(samples) == 8000 * 2
    text = "".join(notice["delta"] for notice in talk.notices_of("audio_transcript_delta"))
    assert text == "You said: 0123456789"


async def test_live_stream_ends_with_connection(
    script: RealtimeDriver, entry: MockConfigEntry
) -> None:
    await script.server_sends(*deltas(media.tone(0.1), 2400))
    (answer,) = entry.runtime_data.connections["c"].audio_parts.in_progress.values()
    heard: list[bytes] = []

    async def listen() -> None:
        async for piece in answer.stream():
            heard.append(piece)  # noqa: PERF401

    task = asyncio.create_task(listen())
    await wait_for(lambda: len(heard) == 2)
    assert not task.done()
    await script.server_sends(*deltas(media.tone(0.05), 2400))
    await wait_for(lambda: len(heard) == 3)
    script.session.abort()
    await asyncio.wait_for(task, 2)
    assert b"".join(heard) == media.tone(0.1) + media.tone(0.05)
