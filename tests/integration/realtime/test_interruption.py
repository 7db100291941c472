"""An answer is cut where it was heard last, to the millisecond."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest

from custom_components.openai_api.sockets.realtime.playback import duration_ms

from .script import Json, Script

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
def test_audio_length(size: int, audio_format: Any, ms: float) -> None:
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
async def test_cut_to_the_millisecond(
    script: Script, clock: SimpleNamespace, ms_later: float, received: list[float], ms: int
) -> None:
    await script.say(CREATED, *(delta(length) for length in received))
    clock.ms += ms_later
    await script.forget()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [CANCEL, cut(ms)]
    assert script.told() == [{"type": "audio_interrupted", "item_id": "i-1"}]


async def test_time_runs_from_the_first_piece(script: Script, clock: SimpleNamespace) -> None:
    await script.say(CREATED, delta(100))
    clock.ms += 50
    await script.say(delta(100))
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
async def test_length_follows_the_responses_format(
    script: Script, clock: SimpleNamespace, audio_format: Any, ms: int
) -> None:
    # 4800 bytes, whatever they are.
    created = {
        "type": "response.created",
        "response": {"id": "r-1", "audio": {"output": {"format": audio_format}}},
    }
    await script.say(created, delta(100))
    clock.ms += 60000
    await script.sent()
    await script.call("interrupt_realtime_response")
    assert (await script.sent())[-1] == cut(ms)


async def test_length_follows_the_sessions_format(
    silent: None, talk: Script, clock: SimpleNamespace
) -> None:
    await talk.connect()
    session = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    await talk.say({"type": "session.updated", "session": session}, CREATED, delta(100))
    clock.ms += 60000
    await talk.sent()
    await talk.call("interrupt_realtime_response")
    assert (await talk.sent())[-1] == cut(600)


async def test_only_one_cancel(script: Script, clock: SimpleNamespace) -> None:
    await script.say(CREATED, delta(500))
    clock.ms += 100
    await script.sent()
    await script.call("interrupt_realtime_response")
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [CANCEL, cut(100)]
    assert script.kinds().count("audio_interrupted") == 1


async def test_no_cancel_when_switched_off(script: Script, clock: SimpleNamespace) -> None:
    await script.say(CREATED, delta(500))
    clock.ms += 100
    await script.sent()
    await script.call("interrupt_realtime_response", cancel_response=False)
    assert await script.sent() == [cut(100)]


async def test_no_cancel_once_the_response_is_done(script: Script, clock: SimpleNamespace) -> None:
    await script.say(CREATED, delta(500), audio_done(), DONE)
    clock.ms += 100
    await script.sent()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [cut(100)]


@pytest.mark.parametrize("ms_later", [500, 600])
async def test_what_was_heard_to_its_end_is_not_cut(
    script: Script, clock: SimpleNamespace, ms_later: float
) -> None:
    await script.say(CREATED, delta(500), audio_done(), DONE)
    clock.ms += ms_later
    await script.forget()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == []
    # The sound may still be being saved.
    assert script.told("audio_interrupted") == [{"type": "audio_interrupted", "item_id": "i-1"}]
    await script.forget()
    await script.call("interrupt_realtime_response")
    assert script.told("audio_interrupted") == []


async def test_text_is_only_cancelled(script: Script) -> None:
    await script.say(CREATED, {"type": "response.output_text.delta", "delta": "Well"})
    await script.forget()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [CANCEL]
    assert script.told() == []


async def test_nothing_to_interrupt(script: Script) -> None:
    await script.call("interrupt_realtime_response")
    await script.say(SPEECH)
    assert await script.sent() == []
    assert script.told() == []


async def test_each_part_is_followed_anew(script: Script, clock: SimpleNamespace) -> None:
    await script.say(CREATED, delta(500), audio_done())
    clock.ms += 1000
    await script.say(delta(300, index=1))
    clock.ms += 200
    await script.sent()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == [CANCEL, cut(200, index=1)]
    await script.say(delta(300, item="i-2"))
    clock.ms += 10
    await script.say(delta(300, item="i-3"))
    clock.ms += 20
    await script.sent()
    await script.call("interrupt_realtime_response", cancel_response=False)
    assert await script.sent() == [cut(20, item="i-3")]
    assert [notice["item_id"] for notice in script.told("audio_interrupted")] == ["i-1", "i-3"]


@pytest.mark.parametrize(
    ("detection", "cancels"),
    [
        ({"type": "semantic_vad", "interrupt_response": True}, False),
        ({"type": "semantic_vad", "interrupt_response": False}, True),
        ({"type": "semantic_vad"}, True),
        (None, True),
    ],
)
async def test_speech_interrupts(
    script: Script, clock: SimpleNamespace, detection: Any, cancels: bool
) -> None:
    session = {"audio": {"input": {"turn_detection": detection}}}
    await script.say({"type": "session.updated", "session": session}, CREATED, delta(500))
    clock.ms += 250
    await script.forget()
    await script.say(SPEECH)
    assert await script.sent() == [*([CANCEL] if cancels else []), cut(250)]
    assert script.told() == [{"type": "audio_interrupted", "item_id": "i-1"}]


async def test_a_drop_ends_the_following(script: Script, clock: SimpleNamespace) -> None:
    await script.say(CREATED, delta(500))
    script.session.abort()
    await script.standin.wait_for_socket(2)
    script.reopened()
    await script.say()
    await script.forget()
    await script.call("interrupt_realtime_response")
    assert await script.sent() == []
    assert script.told("audio_interrupted") == []
