"""Lists the models of a service, and suggests those that suit a type of subentry."""

import re
import time
from typing import Final

from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..api.response import async_parse_body
from ..api.service_kinds import model_ids
from ..const import LOGGER
from ..subentries import SubentryType

_CACHE_SECONDS = 3600.0
"""Seconds: models come and go, but not while somebody fills in a form."""
_TIMEOUT = 10.0
IMAGE: Final = "image"
TRANSCRIPTION: Final = "transcription"

_NAME_PATTERNS: Final = {
    SubentryType.STT: re.compile(
        r"whisper|transcri|parakeet|canary|voxtral|sensevoice|\bstt\b|asr", re.IGNORECASE
    ),
    SubentryType.TTS: re.compile(
        r"tts|speech|kokoro|piper|orpheus|chatterbox|\bbark\b|voice", re.IGNORECASE
    ),
    SubentryType.REALTIME: re.compile(r"realtime", re.IGNORECASE),
    IMAGE: re.compile(r"image|dall-e|flux|diffusion|sdxl|imagen", re.IGNORECASE),
}
_NOT_CHAT: Final = re.compile(
    r"embed|bge-|rerank|moderation|sora|davinci|babbage|instruct-\d|translate|audio", re.IGNORECASE
)
# The first that a host has is suggested. Short names stand for all that begin with them.
_PREFERRED: Final = {
    SubentryType.CONVERSATION: ("gpt-5-mini", "gpt-4.1-mini", "gpt-4o-mini", "gpt-5", "gpt-4o"),
    SubentryType.STT: ("gpt-4o-mini-transcribe", "gpt-4o-transcribe", "whisper-1"),
    SubentryType.TTS: ("gpt-4o-mini-tts", "tts-1"),
    SubentryType.REALTIME: ("gpt-realtime-mini", "gpt-realtime"),
    IMAGE: ("gpt-image-1-mini", "gpt-image-1", "dall-e-3"),
}
_DEFAULT_MODELS: Final = {
    SubentryType.CONVERSATION: "chat",
    SubentryType.STT: "transcription",
    SubentryType.TTS: "speech",
    SubentryType.REALTIME: "realtime",
    IMAGE: "image",
}
"""The keys of the entry's option `default_models`."""


async def async_list_models(host: ServiceHost) -> list[str]:
    """Return the ids of the host's models in its order; none where it does not tell."""
    listed_at, models = host.known.get("models", (0.0, []))
    if models and time.monotonic() - listed_at < _CACHE_SECONDS:
        return list(models)
    try:
        call, _ = await host.method("models.list", "raw")
        async with host.async_request_scope(_TIMEOUT):
            response = (await call(timeout=_TIMEOUT)).http_response
            content_type = response.headers.get("content-type", "")
            answer = await async_parse_body(
                host.hass, host.settings, response.content, content_type
            )
    except HomeAssistantError as err:
        LOGGER.debug("The models of the service cannot be listed: %s", err)
        return []
    models = model_ids(answer)
    host.known["models"] = (time.monotonic(), models)
    return list(models)


def models_for_purpose(models: list[str], purpose: str) -> list[str]:
    """Return the models with names that suit a purpose, or all models where there are none."""
    if purpose in {SubentryType.CONVERSATION, SubentryType.AI_TASK}:
        matching = [
            model
            for model in models
            if not _NOT_CHAT.search(model)
            and not any(pattern.search(model) for pattern in _NAME_PATTERNS.values())
        ]
    elif purpose == TRANSCRIPTION:
        return models_for_purpose(models, SubentryType.STT)
    else:
        matching = [model for model in models if _NAME_PATTERNS[purpose].search(model)]
    return matching or models


def suggested_model(host: ServiceHost, models: list[str], purpose: str) -> str | None:
    """Return the suggested model of a purpose, None if there is none."""
    key = {SubentryType.AI_TASK: SubentryType.CONVERSATION, TRANSCRIPTION: SubentryType.STT}.get(
        purpose, purpose
    )
    defaults = host.entry.options.get("default_models") or {}
    if chosen := defaults.get(_DEFAULT_MODELS[key]):
        return str(chosen)
    if preferred := next((name for name in _PREFERRED[key] if name in models), None):
        return preferred
    # Local services often have a single model.
    suitable = models_for_purpose(models, purpose)
    return suitable[0] if len(suitable) == 1 else None
