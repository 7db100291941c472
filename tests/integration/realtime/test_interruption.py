"""An answer is cut where it was heard last, to the millisecond."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest

from custom_components.openai_api.realtime.playback_tracker import duration_ms

from .driver import Json, RealtimeDriver

CREATED: Json = {"type": "response.created", "response": {"id": "r-1"}}
DONE: Json = {"type": "response.done", "response": {"id": "r-1"}}
SPEECH: Json = {"type": "input_audio_buffer.speech_started"}
CANCEL: Json = {"type": "response.cancel"}


def delta(ms: float, item: str = "i-1", index: int = 0, response: str = "r-1") -> Json:
    """Return a piece of an answer of so many milliseconds, as PCM at 24 kHz."""
    return {
        "type": "response.output_audio.delta",
        "response_id": response,
        "item_id": item,
        "content_index": index,
        "delta": base64.b64encode(b"\0" * round(ms * 48)).decode(),
    }


def audio_done(item: str = "i-1", index: int = 0) -> Json:
    """Return the end of an answer."""
    return {
        "type": "response.output_audio.done",
        "response_id": "r-1",
        "item_id": item,
        "content_index": index,
    }


def cut(ms: int, item: str = "i-1", index: int = 0) -> Json:
    """Return the event that cuts an answer."""
    return {
        "type": "conversation.item.truncate",
        "item_id": item,
        "content_index": index,
        "audio_end_ms": ms,
    }


@pytest.mark.parametrize(
    ("size", "audio_format", "ms"),
    [
        (800, {"type": "audio/pcmu"}, 100),
        (800, {"type": "audio/pcma"}, 100),
        (800, {"type": "audio/pcmu", "rate": 24000}, 100),
        (4800, {"type": "audio/pcm", "rate": 24000}, 100),
        (4800, {"type": "audio/pcm", "rate": 16000}, 150),
        (4800, {"type": "audio/pcm"}, 100),
        (4800, {"type": "audio/pcm", "rate": None}, 100),
        (4800, {"type": "audio/pcm", "rate": "odd"}, 100),
        (4800, {"type": "unknown"}, 100),
        (4800, None, 100),
        (4800, "pcm16", 100),
        (800, "g711_ulaw", 100),
        (800, "g711_alaw", 100),
        (4800, ["odd"], 100),
    ],
)
def test_audio_duration(size: int, audio_format: Any, ms: float) -> None:
    assert duration_ms(size, audio_format) == pytest.approx(ms)


@pytest.mark.parametrize(
    ("ms_later", "received", "ms"),
    [
        (0, [500], 0),
        (100, [500], 100),
        (123.9, [500], 123),
        (499.999, [250, 250], 499),
        (700, [250, 250], 500),
        (1001, [10, 20.5], 30),
    ],
)
async def test_truncate_audio_end_ms(
    script: RealtimeDriver, clock: SimpleNamespace, ms_later: float, received: list[float], ms: int
) -> None:
    await script.server_sends(CREATED, *(delta(length) for length in received))
    clock.ms += ms_later
    await script.clear()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [CANCEL, cut(ms)]
    assert script.notices_of() == [{"type": "audio_interrupted", "item_id": "i-1"}]


async def test_playback_starts_with_first_delta(
    script: RealtimeDriver, clock: SimpleNamespace
) -> None:
    await script.server_sends(CREATED, delta(100))
    clock.ms += 50
    await script.server_sends(delta(100))
    clock.ms += 50
    await script.sent()
    await script.call("interrupt_realtime_response")
    assert (await script.sent())[-1] == cut(100)


@pytest.mark.parametrize(
    ("audio_format", "ms"),
    [
        ({"type": "audio/pcmu"}, 600),
        ({"type": "audio/pcma"}, 600),
        ({"type": "audio/pcm", "rate": 48000}, 50),
        ({"type": "audio/pcm"}, 100),
        ("g711_ulaw", 600),
        ("pcm16", 100),
    ],
)
async def test_audio_duration_uses_response_format(
    script: RealtimeDriver, clock: SimpleNamespace, audio_format: Any, ms: int
) -> None:
    # 4800 bytes, whatever they are.
    created = {
        "type": "response.created",
        "response": {"id": "r-1", "audio": {"output": {"format": audio_format}}},
    }
    await script.server_sends(created, delta(100))
    clock.ms += 60000
    await script.sent()
    await script.call("interrupt_realtime_response")
    assert (await script.sent())[-1] == cut(ms)


async def test_audio_duration_uses_session_format(
    silent: None, talk: RealtimeDriver, clock: SimpleNamespace
) -> None:
    await talk.connect()
    session = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    await talk.server_sends({"type": "session.updated", "session": session}, CREATED, delta(100))
    clock.ms += 60000
    await talk.sent()
    await talk.call("interrupt_realtime_response")
    assert (await talk.sent())[-1] == cut(600)


async def test_interrupt_sends_one_cancel(script: RealtimeDriver, clock: SimpleNamespace) -> None:
    await script.server_sends(CREATED, delta(500))
    clock.ms += 100
    await script.sent()
    await script.call("interrupt_realtime_response")
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [CANCEL, cut(100)]
    assert script.notice_types().count("audio_interrupted") == 1


async def test_interrupt_without_cancel_response(
    script: RealtimeDriver, clock: SimpleNamespace
) -> None:
    await script.server_sends(CREATED, delta(500))
    clock.ms += 100
    await script.sent()
    await script.call("interrupt_realtime_response", cancel_response=False)
    assert await script.sent() == [cut(100)]


async def test_interrupt_after_response_done(
    script: RealtimeDriver, clock: SimpleNamespace
) -> None:
    await script.server_sends(CREATED, delta(500), audio_done(), DONE)
    clock.ms += 100
    await script.sent()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [cut(100)]


@pytest.mark.parametrize("ms_later", [500, 600])
async def test_no_truncate_after_playback_finished(
    script: RealtimeDriver, clock: SimpleNamespace, ms_later: float
) -> None:
    await script.server_sends(CREATED, delta(500), audio_done(), DONE)
    clock.ms += ms_later
    await script.clear()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == []
    # The sound may still be being saved.
    assert script.notices_of("audio_interrupted") == [
        {"type": "audio_interrupted", "item_id": "i-1"}
    ]
    await script.clear()
    await script.call("interrupt_realtime_response")
    assert script.notices_of("audio_interrupted") == []


async def test_interrupt_text_response_only_cancels(script: RealtimeDriver) -> None:
    await script.server_sends(CREATED, {"type": "response.output_text.delta", "delta": "Well"})
    await script.clear()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [CANCEL]
    assert script.notices_of() == []


async def test_interrupt_without_response(script: RealtimeDriver) -> None:
    await script.call("interrupt_realtime_response")
    await script.server_sends(SPEECH)
    assert await script.sent() == []
    assert script.notices_of() == []


async def test_playback_tracks_each_content_part(
    script: RealtimeDriver, clock: SimpleNamespace
) -> None:
    await script.server_sends(CREATED, delta(500), audio_done())
    clock.ms += 1000
    await script.server_sends(delta(300, index=1))
    clock.ms += 200
    await script.sent()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [CANCEL, cut(200, index=1)]
    await script.server_sends(delta(300, item="i-2"))
    clock.ms += 10
    await script.server_sends(delta(300, item="i-3"))
    clock.ms += 20
    await script.sent()
    await script.call("interrupt_realtime_response", cancel_response=False)
    assert await script.sent() == [cut(20, item="i-3")]
    assert [notice["item_id"] for notice in script.notices_of("audio_interrupted")] == [
        "i-1",
        "i-3",
    ]


@pytest.mark.parametrize(
    ("detection", "cancels"),
    [
        ({"type": "semantic_vad", "interrupt_response": True}, False),
        ({"type": "semantic_vad", "interrupt_response": False}, True),
        ({"type": "semantic_vad"}, True),
        (None, True),
    ],
)
async def test_speech_started_interrupts_response(
    script: RealtimeDriver, clock: SimpleNamespace, detection: Any, cancels: bool
) -> None:
    session = {"audio": {"input": {"turn_detection": detection}}}
    await script.server_sends({"type": "session.updated", "session": session}, CREATED, delta(500))
    clock.ms += 250
    await script.clear()
    await script.server_sends(SPEECH)
    assert await script.sent() == [*([CANCEL] if cancels else []), cut(250)]
    assert script.notices_of() == [{"type": "audio_interrupted", "item_id": "i-1"}]


async def test_drop_resets_playback_tracking(
    script: RealtimeDriver, clock: SimpleNamespace
) -> None:
    await script.server_sends(CREATED, delta(500))
    script.session.abort()
    await script.standin.wait_for_socket(2)
    script.reopened()
    await script.server_sends()
    await script.clear()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == []
    assert script.notices_of("audio_interrupted") == []
