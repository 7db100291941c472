"""The options of a spoken text, and the preferred audio of the listener."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .pcm import PcmFormat


@dataclass(frozen=True, kw_only=True)
class SpeechOptions:
    """How to speak: what is sent with every request, and how a text becomes requests."""

    model: str
    voice: str | Mapping[str, Any] | None = None
    """A name, or `{"id": …}` for a custom voice; None for services with a single voice."""
    instructions: str | None = None
    speed: float | None = None
    """0.25 to 4; None leaves it to the service."""
    audio_format: str = "auto"
    """`auto`, or one of those that the API knows."""
    first_piece: str = "sentence"
    """`sentence` or `clause`: what is spoken first."""
    sentences_ahead: int = 2
    """Requests at a time, 1 to 4."""
    clean_text: bool = True
    patience: float = 60.0
    """Seconds until the first audio, and between two chunks."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the SDK's method, but for text, voice and format."""
        arguments: dict[str, Any] = {"model": self.model}
        if self.instructions:
            arguments["instructions"] = self.instructions
        if self.speed is not None:
            arguments["speed"] = self.speed
        if self.extra_body:
            arguments["extra_body"] = dict(self.extra_body)
        return arguments


@dataclass(frozen=True, kw_only=True)
class PreferredAudio:
    """The preferred audio of the listener: an extension, and the details that it requires."""

    extension: str = "mp3"
    rate: int | None = None
    channels: int | None = None
    width: int | None = None
    bitrate: int | None = None
    """In kbit/s."""

    @property
    def is_specific(self) -> bool:
        """Whether more than the container is preferred."""
        return any((self.rate, self.channels, self.width, self.bitrate))


def target_format(
    preferred: PreferredAudio, pcm_format: PcmFormat, *, is_probed_by_ffmpeg: bool
) -> PcmFormat:
    """Return the format of the PCM to yield: the preferred one, if that needs no ffmpeg."""
    if is_probed_by_ffmpeg:
        return PcmFormat(48_000, 2, 2)
    if preferred.extension != "wav":
        return pcm_format
    target = PcmFormat(
        preferred.rate or pcm_format.rate,
        preferred.channels or pcm_format.channels,
        preferred.width or 2,
    )
    return target if target.is_valid else pcm_format
