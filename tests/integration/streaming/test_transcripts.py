"""Transcripts, streamed and whole, in the dialects of hosts."""

import json
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.integration.conftest import raises_key
from tests.resilience.raw_server import (
    RawServer,
    Script,
    Step,
    answer as whole_answer,
    chunked,
    error,
)

from ..conftest import Call
from .host import Json, event, named, stream

TEXT = " Turn on the kitchen light."


@pytest.fixture
def ask(media_folder: Path) -> Json:
    """Return the fields of the action, with a recording."""
    recording = media_folder / "a.wav"
    recording.write_bytes(b"RIFF----WAVE")
    return {"model": "whisper-1", "file": str(recording)}


def part(text: str | None, finish_reason: str | None = None) -> Json:
    """Return a chunk as vLLM sends it."""
    return {
        "id": "trsc-1",
        "object": "transcription.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"delta": {"content": text}, "finish_reason": finish_reason}],
    }


SEGMENT = {"id": 0, "start": 0.0, "end": 1.0, "text": TEXT[:8]}
STREAMS: dict[str, Script] = {
    "OpenAI": stream(
        named("transcript.text.delta", delta=TEXT[:8]),
        named("transcript.text.delta", delta=TEXT[8:]),
        named("transcript.text.done", text=TEXT),
        done=False,
    ),
    "JSON in the text of the end": stream(
        named("transcript.text.delta", delta=TEXT[8:]),
        named("transcript.text.done", text=json.dumps({"segments": [{**SEGMENT, "text": TEXT}]})),
    ),
    "deltas and [DONE]": stream(
        named("transcript.text.delta", delta=TEXT[:8]),
        named("transcript.text.delta", delta=TEXT[8:]),
    ),
    "vLLM": stream(part(TEXT[:8]), part(TEXT[8:]), part("", "stop")),
    "vLLM without a reason": stream(part(TEXT[:8]), part(TEXT[8:])),
    "speaches, json": stream({"text": TEXT[:8]}, {"text": TEXT[8:]}, done=False),
    "speaches, verbose_json": stream(
        {"task": "transcribe", "language": "en", "text": TEXT[:8], "segments": [SEGMENT]},
        {"task": "transcribe", "language": "en", "text": TEXT[8:], "segments": [SEGMENT]},
        done=False,
    ),
    "speaches, text": stream(event(TEXT[:8].encode()), event(TEXT[8:].encode()), done=False),
    "bare words, [DONE]": stream(event(TEXT[:8].encode()), event(TEXT[8:].encode())),
    "bare words, half a character": [
        *stream(event(TEXT.encode()), done=False)[:-1],
        Step.CLOSE,
    ],
    "not streamed": [whole_answer({"text": TEXT})],
    "not streamed, JSON in the text": [
        whole_answer({"text": json.dumps([SEGMENT, {"text": TEXT[8:]}])})
    ],
    "not streamed, a text": [whole_answer(TEXT.encode(), kind="text/plain")],
}


@pytest.mark.parametrize("case", STREAMS)
async def test_transcript_stream(
    raw: RawServer, call: Call, ask: Json, events: Any, case: str
) -> None:
    fired = events("openai_api_stream_event")
    raw.play(STREAMS[case])
    answer = await call("create_transcription", stream=True, **ask)
    assert answer["text"] == TEXT
    assert bool(fired) == (not case.startswith("not"))
    if case == "speaches, verbose_json":
        assert answer["segments"] == [SEGMENT, SEGMENT]


async def test_transcript_stream_subtitles(raw: RawServer, call: Call, ask: Json) -> None:
    blocks = ["1\n00:00:00,000 --> 00:00:01,000\nHello", "2\n00:00:01,000 --> 00:00:02,000\nyou"]
    raw.play(stream(*(f"data: {block}\n\n\n".encode() for block in blocks), done=False))
    answer = await call("create_transcription", stream=True, response_format="srt", **ask)
    assert answer["text"] == "\n\n".join(blocks)


CUT: dict[str, Script] = {
    "OpenAI": stream(named("transcript.text.delta", delta="Turn"), done=False),
    "vLLM": stream(part("Turn"), done=False),
    "nothing, perhaps cut": stream(done=False),
    "speaches, line cut": [
        chunked(event({"text": "Turn"}), kind="text/event-stream") + b"ff\r\nda",
        Step.CLOSE,
    ],
}


@pytest.mark.parametrize("case", CUT)
async def test_transcript_stream_truncated_raises(
    raw: RawServer, call: Call, ask: Json, case: str
) -> None:
    raw.play(CUT[case])
    with raises_key("stream_cut"):
        await call("create_transcription", stream=True, **ask)


SILENT: dict[str, Script] = {
    "[DONE] alone": stream(),
    "no events": [chunked(kind="text/event-stream") + b"0\r\n\r\n"],
    "empty text": stream(named("transcript.text.done", text=""), done=False),
    "vLLM": stream(part("", "stop")),
}


@pytest.mark.parametrize("case", SILENT)
async def test_transcript_stream_silence(raw: RawServer, call: Call, ask: Json, case: str) -> None:
    raw.play(SILENT[case])
    answer = await call("create_transcription", stream=True, **ask)
    assert answer["text"] == ""


KINDS = ("text/html; charset=utf-8", "text/plain", "application/json", None, "application/x-foo")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
async def test_transcript_any_content_type(
    raw: RawServer, call: Call, ask: Json, kind: str | None, form: str
) -> None:
    for text in (f"{TEXT}\n", "Two", "17", "true", "\n", "", "I <3 you & [BLANK_AUDIO]", "data: x"):
        raw.play([whole_answer(text.encode(), kind=kind)])
        answer = await call("create_transcription", response_format=form, **ask)
        assert answer["text"] == text
    for body in ({"text": TEXT}, TEXT):
        raw.play([whole_answer(body, kind=kind)])
        answer = await call("create_translation", response_format=form, **ask)
        assert answer["text"] in (TEXT, f'"{TEXT}"')


PAGE = b"<!DOCTYPE html><html><head><title>Portal</title></head><body>Sign in</body></html>"


@pytest.mark.parametrize("kind", ["text/html", "application/json", None])
async def test_transcript_html_raises(
    raw: RawServer, call: Call, ask: Json, kind: str | None
) -> None:
    raw.play([whole_answer(PAGE, kind=kind)])
    with raises_key("bad_answer") as caught:
        await call("create_transcription", response_format="text", **ask)
    assert "Portal Sign in" in str(caught.value)


async def test_transcript_error_or_audio_raises(raw: RawServer, call: Call, ask: Json) -> None:
    raw.play([whole_answer(error("No speech"), kind="text/html")])
    with pytest.raises(HomeAssistantError, match="No speech"):
        await call("create_transcription", response_format="text", **ask)
    raw.play([whole_answer(b"RIFF\x00\x01WAVE", kind="audio/wav")])
    with raises_key("bad_answer") as caught:
        await call("create_transcription", response_format="text", **ask)
    assert "RIFF" not in str(caught.value)
    raw.play([whole_answer(b"")])
    with raises_key("empty_answer"):
        await call("create_transcription", response_format="json", **ask)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"text": None}, ""),
        ({"text": None, "language": "en"}, ""),
        ([{"text": "Turn on"}, {"text": " the light."}], "Turn on the light."),
        ([], ""),
        ({"text": TEXT}, TEXT),
    ],
)
async def test_transcript_without_a_text(
    raw: RawServer, call: Call, ask: Json, body: Any, text: str
) -> None:
    """Silence is none, or a list of segments holds the words."""
    raw.play([whole_answer(body)])
    assert (await call("create_transcription", **ask))["text"] == text


HEARD = "conversation.item.input_audio_transcription"
OTHER_EVENTS: dict[str, Script] = {
    "deltas under text": stream(
        {"type": "transcript.text.delta", "text": TEXT[:8]},
        {"type": "transcript.text.delta", "text": TEXT[8:]},
        {"type": "transcript.text.done"},
    ),
    "the end under transcript": stream(
        {"type": "transcript.text.delta", "delta": TEXT[:8]},
        {"type": "transcript.text.done", "transcript": TEXT},
    ),
    "the end without a text": stream(
        {"type": "transcript.text.delta", "delta": TEXT},
        {"type": "transcript.text.done", "text": None},
    ),
    "names of realtime": stream(
        {"type": f"{HEARD}.delta", "delta": TEXT[:8]},
        {"type": f"{HEARD}.completed", "transcript": TEXT},
    ),
    "another key": stream({"transcription": TEXT}),
    "data": stream({"data": {"text": TEXT[:8]}}, {"data": {"text": TEXT[8:]}}),
}


@pytest.mark.parametrize("case", OTHER_EVENTS)
async def test_transcript_stream_other_keys(
    raw: RawServer, call: Call, ask: Json, case: str
) -> None:
    for is_stream in (True, False):
        raw.play(OTHER_EVENTS[case])
        answer = await call("create_transcription", stream=is_stream, **ask)
        assert answer["text"] == TEXT


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/json", "text/plain"])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_transcript_as_lines(
    raw: RawServer, call: Call, ask: Json, kind: str, is_stream: bool
) -> None:
    lines = [{"text": TEXT[:8]}, {"text": TEXT[8:]}]
    events = [{"type": "transcript.text.delta", "delta": line["text"]} for line in lines]
    for sent in (lines, [*events, {"type": "transcript.text.done", "text": TEXT}]):
        raw.play([whole_answer("\n".join(map(json.dumps, sent)).encode(), kind=kind)])
        answer = await call("create_transcription", stream=is_stream, **ask)
        assert answer["text"] == TEXT
