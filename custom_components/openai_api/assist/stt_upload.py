"""Transcribes a recording that is whole."""

from dataclasses import dataclass
import re
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..api.response import async_parse_body
from ..const import LOGGER
from ..exceptions import UNKNOWN
from ..streaming.answer_forms import transcript_in
from ..types import Json
from .errors import NO_TRANSCRIPT, AssistError, is_about, names
from .pcm import MICROPHONE, wav
from .plain_text import without_controls

_METHOD: Final = "audio.transcriptions.create"
_LEFT_OUT: Final = "left_out_of_transcriptions"
"""Key of `ServiceHost.known`: models, and the options and values that they do not take."""
_PATIENCE: Final = 60.0
"""Seconds besides the length of the recording: a small machine takes long to begin."""
_SHORTEST: Final = 0.1
"""Seconds: services refuse less, and nobody says anything in it."""
# What models write where nobody speaks: "[BLANK_AUDIO]", "(silence)", "[Music]".
_NO_WORDS: Final = re.compile(
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
_MARKS: Final = re.compile(
    r"<\|[^<>|]{1,40}\|>|\A\s*language [^<>]{1,40}<asr_text>|\AWEBVTT\b(?:[^\r\n]*[\r\n]|\s*\Z)"
)
_TIME: Final = r"(?:\d{1,2}:)?\d{1,2}:\d{2}[.,]\d{3}"
_TIMES: Final = re.compile(
    rf"^[ \t]*(?:\d+[ \t]*\r?\n[ \t]*)?\[?{_TIME} --> {_TIME}(?:\]|(?: \w+:\S+)*[ \t]*$)",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class TranscriptionOptions:
    """What a service is told about a recording; None is not sent."""

    model: str
    language: str | None = None
    """Two letters."""
    prompt: str | None = None
    """Names and rare words that occur."""
    noise_reduction: str | None = None
    """`near_field` or `far_field`; only for live sessions."""


async def async_transcribe(host: ServiceHost, options: TranscriptionOptions, sound: bytes) -> str:
    """Return what is said in `sound`, 16-bit PCM mono at 16 kHz; "" where nobody speaks.

    Raises AssistError "assist_no_transcript" for an answer without a text, and ApiError.
    """
    seconds = MICROPHONE.seconds(len(sound))
    if seconds < _SHORTEST:
        return ""
    arguments: dict[str, Any] = {
        "model": options.model,
        "file": ("speech.wav", wav(sound, MICROPHONE), "audio/wav"),
        "response_format": "json",
    }
    refused: set[tuple[str, str, str]] = host.known.setdefault(_LEFT_OUT, set())
    wanted = {"language": options.language, "prompt": options.prompt}
    arguments |= {
        option: value
        for option, value in wanted.items()
        if value and (options.model, option, value) not in refused
    }
    left_out: set[tuple[str, str, str]] = set()
    patience = min(host.settings.timeout, _PATIENCE + seconds)
    try:
        while True:
            try:
                answer = await _async_ask(host, arguments, patience)
                break
            except HomeAssistantError as err:
                sent = [key for key in wanted if key in arguments]
                option = next((key for key in sent if names(err, key)), "")
                if not option:
                    raise
                left_out.add((options.model, option, arguments.pop(option)))
        # Only now is it certain that it was that.
        refused |= left_out
        for model, option, _ in left_out:
            LOGGER.warning("The model %s of %s does not take %s", model, host.entry.title, option)
        if (text := transcript_in(answer)) is None:
            found = ", ".join(sorted(map(str, answer)))[:100]
            raise AssistError(NO_TRANSCRIPT, message=found or UNKNOWN)
    except HomeAssistantError as err:
        if is_about(err, _SILENCE, _SILENCE_STATUSES):
            return ""
        host.record_failure(err, _METHOD, options.model)
        raise
    host.record_success(answer, _METHOD, options.model)
    return words(text)


async def _async_ask(host: ServiceHost, arguments: dict[str, Any], patience: float) -> Json:
    """Return what the service answers; raises a translated HomeAssistantError."""
    method, _ = await host.method(_METHOD, "raw")
    async with host.async_request_scope(patience):
        response = (await method(**arguments, timeout=patience)).http_response
    return await async_parse_body(
        host.hass,
        host.settings,
        response.content,
        response.headers.get("content-type", ""),
    )


def words(text: str) -> str:
    """Return a transcript without marks of its model, and what only says that there is none."""
    text = _TIMES.sub("", _MARKS.sub("", without_controls(text)))
    text = " ".join(text.split())
    return "" if _NO_WORDS.fullmatch(text) else text
