"""Audio: speech that can be played, transcriptions and translations."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tests.standin import answers, media
from tests.standin.routing import Call, Route, need, one_of, within
from tests.standin.wire import Json, Reply, invalid, sse_reply

SPEECH_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
TEXT_TYPES = {
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
MAX_INPUT = 4096
CHUNK = 8_192


async def speak(call: Call) -> Reply:
    """Speak a text: a tone as long as the words would take."""
    body = call.json
    need(body, "model", str)
    text = need(body, "input", str)
    need(body, "voice", str, dict)
    within(body, "speed", 0.25, 4)
    if not 1 <= len(text) <= MAX_INPUT:
        raise invalid(
            f"Invalid 'input': expected 1 to {MAX_INPUT} characters.",
            "input",
            "string_above_max_length",
        )
    kind = one_of("response_format", body.get("response_format") or "mp3", SPEECH_TYPES)
    streaming = one_of("stream_format", body.get("stream_format") or "audio", ("audio", "sse"))
    seconds = media.spoken_seconds(text) / (body.get("speed") or 1)
    sound = _encode(seconds, kind)
    chunks = [sound[start : start + CHUNK] for start in range(0, len(sound), CHUNK)]
    if streaming == "audio":
        return Reply(body=call.paced(chunks), content_type=SPEECH_TYPES[kind])
    return sse_reply(call.paced(_speech_events(text, chunks)))


def _encode(seconds: float, kind: str) -> bytes:
    """Make a sound; formats without an encoder here are WAV inside."""
    if kind == "mp3":
        return media.mp3(seconds)
    pcm = media.tone(seconds)
    return pcm if kind == "pcm" else media.wav(pcm)


def _speech_events(text: str, chunks: list[bytes]) -> Iterator[Json]:
    """Yield the events of streamed speech."""
    for chunk in chunks:
        yield {"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()}
    heard, said = answers.tokens(text), len(chunks) * 10
    yield {
        "type": "speech.audio.done",
        "usage": {"input_tokens": heard, "output_tokens": said, "total_tokens": heard + said},
    }


async def transcribe(call: Call) -> Reply | Json:
    """Write down what a file says."""
    return _written(call, "transcribe", "heard")


async def translate(call: Call) -> Reply | Json:
    """Write down in English what a file says."""
    return _written(call, "translate", "translated")


def _written(call: Call, task: str, verb: str) -> Reply | Json:
    """Answer with the text of a file, in the format asked for."""
    form = call.form
    part, data = form.file("file")
    model = form.need("model")
    kind = one_of("response_format", form.text("response_format", "json"), FORMATS)
    seconds = round(media.file_seconds(data), 2)
    text = f"I {verb} {seconds} seconds of {part.filename}."
    # Whisper ignores the wish to stream, as the API says it does.
    if task == "transcribe" and form.text("stream") == "true" and model != "whisper-1":
        return sse_reply(call.paced(_transcript_events(text, seconds)))
    if kind in TEXT_TYPES:
        return Reply(body=_subtitles(text, seconds, kind), content_type=TEXT_TYPES[kind])
    if kind == "verbose_json":
        words = task == "transcribe" and "word" in form.texts("timestamp_granularities")
        return _verbose(form.text("language", "english"), task, text, seconds, words=words)
    usage = {} if task == "translate" else {"usage": _usage(text, seconds)}
    return {"text": text, **usage}


def _usage(text: str, seconds: float) -> Json:
    """Count tokens."""
    heard, said = round(seconds * 10), answers.tokens(text)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": said,
        "total_tokens": heard + said,
    }


def _transcript_events(text: str, seconds: float) -> Iterator[Json]:
    """Yield the events of a streamed transcription."""
    for piece in answers.pieces(text):
        yield {"type": "transcript.text.delta", "delta": piece}
    yield {"type": "transcript.text.done", "text": text, "usage": _usage(text, seconds)}


def _subtitles(text: str, seconds: float, kind: str) -> bytes:
    """Write a text as plain text or subtitles."""
    if kind == "text":
        return f"{text}\n".encode()
    minutes, rest = divmod(seconds, 60)
    end = f"{int(minutes) // 60:02}:{int(minutes) % 60:02}:{rest:06.3f}"
    if kind == "vtt":
        return f"WEBVTT\n\n00:00:00.000 --> {end}\n{text}\n\n".encode()
    return f"1\n00:00:00,000 --> {end.replace('.', ',')}\n{text}\n\n".encode()


def _verbose(language: str, task: str, text: str, seconds: float, *, words: bool) -> Json:
    """Return a transcription with its segments."""
    answer: Json = {
        "task": task,
        "language": language,
        "duration": seconds,
        "text": text,
        "segments": [
            {
                "id": 0,
                "seek": 0,
                "start": 0.0,
                "end": seconds,
                "text": text,
                "tokens": list(range(answers.tokens(text))),
                "temperature": 0.0,
                "avg_logprob": -0.2,
                "compression_ratio": 1.1,
                "no_speech_prob": 0.01,
            }
        ],
        "usage": {"type": "duration", "seconds": round(seconds)},
    }
    if words:
        spoken = text.split()
        step = seconds / len(spoken)
        answer["words"] = [
            {"word": word, "start": round(i * step, 2), "end": round((i + 1) * step, 2)}
            for i, word in enumerate(spoken)
        ]
    return answer


ROUTES = (
    Route("POST", "/audio/speech", speak),
    Route("POST", "/audio/transcriptions", transcribe),
    Route("POST", "/audio/translations", translate),
)
