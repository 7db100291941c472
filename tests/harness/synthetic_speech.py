"""Sound that Home Assistant's detection of speech takes for speech, made of nothing."""

from array import array
import math
from pathlib import Path
import random
import wave

RATE = 16_000
SYLLABLE = 0.2
"""Seconds; each has a vowel of its own."""
_VOWELS = (
    (700, 1200, 2500),
    (300, 2300, 3000),
    (450, 850, 2600),
    (400, 1900, 2550),
    (350, 700, 2500),
)
"""The resonances of a mouth, in Hz."""
_BANDWIDTHS = (80, 100, 140)
_WEIGHTS = (1, 0.6, 0.3)
_LOUDNESS = 20_000


def speak(seconds: float, *, silence: float = 0) -> bytes:
    """Return 16-bit mono PCM of a voice that says nothing, and of the silence after it."""
    noise = random.Random(1)
    states = [[0.0, 0.0] for _ in _BANDWIDTHS]
    samples: list[float] = []
    phase = 0.0
    for number in range(int(seconds * RATE)):
        time = number / RATE
        syllable, place = divmod(time, SYLLABLE)
        phase += (120 + 25 * math.sin(time * 3) + syllable % 3 * 8) / RATE
        pulse = noise.uniform(-0.03, 0.03)
        if phase >= 1:
            phase -= 1
            pulse += 1
        vowel = _VOWELS[int(syllable) * 7 % len(_VOWELS)]
        sample = 0.0
        for state, pitch, bandwidth, weight in zip(
            states, vowel, _BANDWIDTHS, _WEIGHTS, strict=True
        ):
            ring = math.exp(-math.pi * bandwidth / RATE)
            output = (
                pulse * (1 - ring)
                + 2 * ring * math.cos(2 * math.pi * pitch / RATE) * state[0]
                - ring * ring * state[1]
            )
            state[:] = output, state[0]
            sample += output * weight
        rise = math.sin(math.pi * min(1, place / SYLLABLE * 1.15))
        samples.append(sample * max(0, rise) ** 0.7)
    loudest = max(map(abs, samples), default=1)
    sound = array("h", (int(sample / loudest * _LOUDNESS) for sample in samples))
    return sound.tobytes() + bytes(int(silence * RATE) * 2)


def write(path: Path, seconds: float, *, silence: float = 0) -> None:
    """Write such sound as a WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(speak(seconds, silence=silence))
