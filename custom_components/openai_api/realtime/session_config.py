"""Builds the session configuration: the defaults, overridden by the given values."""

from collections.abc import Mapping
from typing import Any

from ..exceptions import validation_error
from ..types import Json

_PCM = {"type": "audio/pcm", "rate": 24000}
_FORMATS: dict[str, Json] = {
    "pcm16": _PCM,
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
# Keys of older servers and of other SDKs, and their present names.
_SPELLINGS = {
    "outputModalities": "output_modalities",
    "modalities": "output_modalities",
    "toolChoice": "tool_choice",
    "parallelToolCalls": "parallel_tool_calls",
    "maxOutputTokens": "max_output_tokens",
    "max_response_output_tokens": "max_output_tokens",
    "noiseReduction": "noise_reduction",
    "turnDetection": "turn_detection",
    "createResponse": "create_response",
    "interruptResponse": "interrupt_response",
    "prefixPaddingMs": "prefix_padding_ms",
    "silenceDurationMs": "silence_duration_ms",
    "idleTimeoutMs": "idle_timeout_ms",
    "modelVersion": "model_version",
    "promptId": "id",
}
# Settings that were at the top of a session, and their present places in `audio`.
_MOVED = {
    "input_audio_format": ("input", "format"),
    "inputAudioFormat": ("input", "format"),
    "input_audio_transcription": ("input", "transcription"),
    "inputAudioTranscription": ("input", "transcription"),
    "input_audio_noise_reduction": ("input", "noise_reduction"),
    "inputAudioNoiseReduction": ("input", "noise_reduction"),
    "turn_detection": ("input", "turn_detection"),
    "turnDetection": ("input", "turn_detection"),
    "output_audio_format": ("output", "format"),
    "outputAudioFormat": ("output", "format"),
    "voice": ("output", "voice"),
    "speed": ("output", "speed"),
}
_NESTED = frozenset({"audio", "input", "output", "prompt", "turn_detection", "turnDetection"})
_FUNCTION = ("type", "name", "description", "parameters")


def build_session(given: Mapping[str, Any], model: str | None) -> Json:
    """Return a whole session: the defaults, overridden by the given values.

    Returns `{"type": "realtime", "output_modalities": […], "audio": {"input": {…}, "output": {…}},
    …}` as `session.update` takes it, with `tools` if there are any; a session of another type
    without defaults. null switches transcription, turn detection and noise reduction off. Settings
    in `providerData`, where other SDKs put what they do not know, are sent as they are. Raises
    ServiceValidationError "session_invalid" for a value of the wrong type, and "mcp_tool_invalid".
    """
    session = _renamed(given)
    unchanged = session.pop("providerData", None) or {}
    if not isinstance(unchanged, Mapping):
        raise validation_error("session_invalid", setting="providerData")
    for key in ("instructions", "model"):
        if not isinstance(session.get(key) or "", str):
            raise validation_error("session_invalid", setting=key)
    if session.get("type", "realtime") != "realtime":
        # The defaults do not apply to sessions that only transcribe.
        return {**session, **unchanged}
    audio = _audio(session)
    output_audio, input_audio = audio.pop("output", {}), audio.pop("input", {})
    # A voice cannot be null, and an object without settings does not switch off.
    output_audio = {key: value for key, value in output_audio.items() if value is not None}
    if input_audio.get("turn_detection") == {}:
        del input_audio["turn_detection"]
    # It is sent in an event of its own, because servers refuse to change it.
    session.pop("tracing", None)
    tools = _tools(session.pop("tools", None))
    built: Json = {
        **session,
        "type": "realtime",
        "output_modalities": session.get("output_modalities") or ["audio"],
        "audio": {
            **audio,
            "input": {
                "noise_reduction": None,
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad"},
                **input_audio,
                "format": audio_format(input_audio.get("format")),
            },
            "output": {
                "speed": 1,
                **output_audio,
                "format": audio_format(output_audio.get("format")),
            },
        },
    }
    if model and not built.get("model"):
        built["model"] = model
    return {**built, **unchanged} | ({"tools": tools} if tools else {})


def audio_format(value: Any) -> Json:
    """Return an audio format with its present name.

    Returns `{"type": "audio/pcm", "rate": 24000}`, `{"type": "audio/pcmu"}` or `{"type":
    "audio/pcma"}` for a name of the beta API; an object as it is; PCM at 24 kHz for anything else.
    """
    if isinstance(value, Mapping):
        return dict(value)
    return {**_FORMATS.get(str(value), _PCM)}


def _renamed(values: Mapping[str, Any]) -> Json:
    """Return the settings with the present names; keys that users have chosen stay."""
    found: Json = {}
    for key, value in values.items():
        is_ours = key in _NESTED and isinstance(value, Mapping)
        found[_SPELLINGS.get(key, key)] = _renamed(value) if is_ours else value
    return found


def _audio(session: Json) -> Json:
    """Remove the audio settings from a session, wherever they are, and return them."""
    audio: Any = session.pop("audio", None) or {}
    if not isinstance(audio, Mapping) or not all(
        isinstance(audio.get(side) or {}, Mapping) for side in ("input", "output")
    ):
        raise validation_error("session_invalid", setting="audio")
    found = {**audio, **{side: {**(audio.get(side) or {})} for side in ("input", "output")}}
    for key, (side, name) in _MOVED.items():
        if key in session:
            value = session.pop(key)
            found[side].setdefault(name, value)
    return found


def _tools(tools: Any) -> list[Json]:
    """Return the tools with the keys of the API; raises ServiceValidationError for invalid ones."""
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise validation_error("session_invalid", setting="tools")
    found = []
    for tool in tools:
        if not isinstance(tool, Mapping):
            raise validation_error("session_invalid", setting="tools")
        if tool.get("type") == "mcp":
            if not tool.get("server_label") or not (
                tool.get("server_url") or tool.get("connector_id")
            ):
                raise validation_error("mcp_tool_invalid")
            found.append(dict(tool))
        elif not tool.get("name"):
            raise validation_error("session_invalid", setting="tools")
        else:
            picked = {key: tool[key] for key in _FUNCTION if key in tool}
            found.append({"type": "function", **picked})
    return found
