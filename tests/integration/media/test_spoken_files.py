"""Speech in WAV files that servers write while they speak."""

import base64
import json
from pathlib import Path
import struct
import wave

import pytest

from tests.integration.conftest import Call
from tests.integration.streaming.conftest import raw as raw  # noqa: PLC0414
from tests.integration.streaming.host import event, stream
from tests.resilience.raw_server import RawServer, answer
from tests.standin import media

SPEAK = {"model": "m", "voice": "v", "input": "x", "response_format": "wav"}
FIRST, SECOND, THIRD = (media.wav(media.tone(seconds)) for seconds in (0.05, 0.1, 0.02))
LIST = b"LIST" + struct.pack("<I", 10) + b"INFOISFT\0\0"


def samples(content: bytes) -> bytes:
    """Return the samples of a WAV file with the shortest header."""
    return content[44:]


def stating(content: bytes, length: int) -> bytes:
    """Return a WAV file that states another length, as one whose end is not known yet."""
    stated = struct.pack("<I", length)
    return content[:4] + stated + content[8:40] + stated + content[44:]


SENT = {
    "one": ([FIRST], samples(FIRST)),
    "two": ([FIRST, SECOND], samples(FIRST) + samples(SECOND)),
    "three": ([FIRST, SECOND, THIRD], samples(FIRST) + samples(SECOND) + samples(THIRD)),
    "a length that is none": ([stating(FIRST, 0xFFFFFFFF)], samples(FIRST)),
    "a length of nothing": ([stating(FIRST, 0)], samples(FIRST)),
    "a length that is too long": ([stating(FIRST, len(FIRST) * 2)], samples(FIRST)),
    "the last without a length": (
        [FIRST, stating(SECOND, 0xFFFFFFFF)],
        samples(FIRST) + samples(SECOND),
    ),
}


def heard(path: str) -> bytes:
    """Return the samples that a player hears."""
    with wave.open(path) as sound:
        assert sound.getnframes() * sound.getsampwidth() == len(Path(path).read_bytes()) - 44
        found: bytes = sound.readframes(sound.getnframes())
    return found


@pytest.mark.parametrize("case", SENT)
async def test_wav_of_several_is_played_to_its_end(raw: RawServer, call: Call, case: str) -> None:
    files, expected = SENT[case]
    raw.play([answer(b"".join(files), kind="audio/wav")])
    found = await call("create_speech", **SPEAK)
    assert heard(found["path"]) == expected
    assert found["size"] == Path(found["path"]).stat().st_size


@pytest.mark.parametrize("case", SENT)
async def test_wav_of_several_events(raw: RawServer, call: Call, case: str) -> None:
    files, expected = SENT[case]
    pieces = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(file).decode()} for file in files
    ]
    raw.play(stream(*map(event, pieces), {"type": "speech.audio.done"}))
    found = await call("create_speech", **SPEAK, stream_format="sse")
    assert heard(found["path"]) == expected


OTHER_RATE = FIRST[:24] + struct.pack("<I", 8000) + FIRST[28:]
KEPT = {
    "chunks behind the samples": FIRST + LIST,
    "chunks before the samples": FIRST[:36] + LIST + FIRST[36:],
    "another form": FIRST + OTHER_RATE,
    "a text behind": FIRST + b"the end",
    "half a header": FIRST[:30],
    "no samples": FIRST[:36],
    "a form that is too long": FIRST[:16] + struct.pack("<I", 2**31) + FIRST[20:],
}


@pytest.mark.parametrize("case", KEPT)
async def test_wav_with_more_is_kept_as_it_is(raw: RawServer, call: Call, case: str) -> None:
    raw.play([answer(KEPT[case], kind="audio/wav")])
    found = await call("create_speech", **SPEAK)
    saved = Path(found["path"]).read_bytes()
    assert saved == KEPT[case] or saved[44:] == KEPT[case][44:]
    assert json.dumps(found["size"]) == str(len(KEPT[case]))
