"""Transcribes a complete recording by upload."""

import asyncio
from dataclasses import dataclass
import re
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..api.response import async_parse_body
from ..const import LOGGER
from ..streaming.answer_forms import transcript_in
from ..types import Json
from .errors import (
    NO_TRANSCRIPT,
    STT_NO_ANSWER,
    AssistError,
    matches,
    mentions_parameter,
    retry_delay,
)
from .http import without_sdk_retries
from .pcm import MICROPHONE_FORMAT, wav_file
from .plain_text import without_controls

_METHOD: Final = "audio.transcriptions.create"
_REJECTED_OPTIONS: Final = "left_out_of_transcriptions"
"""Key of `ServiceHost.known`: models with the options and values that they reject."""
_EXTRA_TIMEOUT: Final = 60.0
"""Seconds besides the length of the recording: a small machine takes long to begin."""
_MIN_SECONDS: Final = 0.1
"""Seconds: services reject less, and it holds no speech."""
# What models write where nobody speaks: "[BLANK_AUDIO]", "(silence)", "[Music]".
_NON_SPEECH: Final = re.compile(
    r"(?:\s*(?:\[[^\[\]]{1,40}\]|\([^()]{1,40}\)|\*[^*]{1,40}\*))+\s*[.]?\s*"
)

# What services say where a model would have written nothing.
_SILENCE: Final = re.compile(
    r"\bno[ _](?:speech|voice|audio|words|clip timestamps)(?:[ _](?:was|were))?[ _]"
    r"(?:detected|found|recogni[sz]ed)|\bno_speech\b|\baudio (?:file )?is (?:too short|silent)\b",
    re.IGNORECASE,
)
_SILENCE_STATUSES: Final = frozenset({400, 422, 500})

# What models write for themselves: "<|en|>" of Whisper and SenseVoice, "language English<asr_text>"
# of Qwen, and the times of subtitles, which some services send whatever they are asked for.
_MARKERS: Final = re.compile(
    r"<\|[^<>|]{1,40}\|>|\A\s*language [^<>]{1,40}<asr_text>|\AWEBVTT\b(?:[^\r\n]*[\r\n]|\s*\Z)"
)
_TIME: Final = r"(?:\d{1,2}:)?\d{1,2}:\d{2}[.,]\d{3}"
_TIMES: Final = re.compile(
    rf"^[ \t]*(?:\d+[ \t]*\r?\n[ \t]*)?\[?{_TIME} --> {_TIME}(?:\]|(?: \w+:\S+)*[ \t]*$)",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class TranscriptionOptions:
    """The options of a transcription; None is not sent."""

    model: str
    language: str | None = None
    """Two letters."""
    prompt: str | None = None
    noise_reduction: str | None = None
    """`near_field` or `far_field`; only for live sessions."""


async def async_transcribe(host: ServiceHost, options: TranscriptionOptions, audio: bytes) -> str:
    """Return what is said in `audio`, 16-bit PCM mono at 16 kHz; "" where nobody speaks.

    Raises AssistError "assist_no_transcript" for an answer without a text, and ApiError.
    """
    seconds = MICROPHONE_FORMAT.duration(len(audio))
    if seconds < _MIN_SECONDS:
        return ""
    arguments: dict[str, Any] = {
        "model": options.model,
        "file": ("speech.wav", wav_file(audio, MICROPHONE_FORMAT), "audio/wav"),
        "response_format": "json",
    }
    known_rejected: set[tuple[str, str, str]] = host.known.setdefault(_REJECTED_OPTIONS, set())
    optional = {"language": options.language, "prompt": options.prompt}
    arguments |= {
        option: value
        for option, value in optional.items()
        if value and (options.model, option, value) not in known_rejected
    }
    rejected: set[tuple[str, str, str]] = set()
    timeout = min(host.settings.timeout, _EXTRA_TIMEOUT + seconds)
    retries = 0
    try:
        while True:
            try:
                answer = await _async_request(host, arguments, timeout)
                break
            except HomeAssistantError as err:
                sent = [key for key in optional if key in arguments]
                option = next((key for key in sent if mentions_parameter(err, key)), "")
                if option:
                    rejected.add((options.model, option, arguments.pop(option)))
                    continue
                if (delay := retry_delay(err, retries)) is None:
                    raise
                retries += 1
                await asyncio.sleep(delay)
        # Only now is it certain that it was that.
        known_rejected |= rejected
        for model, option, _ in rejected:
            LOGGER.warning("The model %s of %s does not take %s", model, host.entry.title, option)
        if (text := transcript_in(answer)) is None:
            keys = ", ".join(sorted(map(str, answer)))[:100]
            raise AssistError(NO_TRANSCRIPT if keys else STT_NO_ANSWER, message=keys)
    except HomeAssistantError as err:
        if matches(err, _SILENCE, _SILENCE_STATUSES):
            return ""
        host.record_failure(err, _METHOD, options.model)
        raise
    host.record_success(answer, _METHOD, options.model)
    return clean_transcript(text)


async def _async_request(host: ServiceHost, arguments: dict[str, Any], seconds: float) -> Json:
    """Return what the service answers; raises a translated HomeAssistantError."""
    method, _ = await host.method(_METHOD, "raw")
    async with host.async_request_scope(seconds):
        with without_sdk_retries():
            response = (await method(**arguments, timeout=seconds)).http_response
    return await async_parse_body(
        host.hass, host.settings, response.content, response.headers.get("content-type", "")
    )


def clean_transcript(text: str) -> str:
    """Return a transcript without markers of its model; "" for one that only says "silence"."""
    text = _TIMES.sub("", _MARKERS.sub("", without_controls(text)))
    text = " ".join(text.split())
    return "" if _NON_SPEECH.fullmatch(text) else text
