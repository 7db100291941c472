"""The session that a host is sent: defaults, and what was asked for under any of its names."""

from typing import Any

from homeassistant.exceptions import ServiceValidationError
from hypothesis import given, strategies as st
import pytest

from custom_components.openai_api.realtime.session_config import audio_format, build_session
from tests.integration.conftest import raises_key
from tests.integration.fuzzing import inputs

from .driver import Json, RealtimeDriver

PCM: Json = {"type": "audio/pcm", "rate": 24000}
ULAW: Json = {"type": "audio/pcmu"}
ALAW: Json = {"type": "audio/pcma"}
DEFAULT_INPUT: Json = {
    "format": PCM,
    "noise_reduction": None,
    "transcription": {"model": "gpt-4o-mini-transcribe"},
    "turn_detection": {"type": "semantic_vad"},
}
DEFAULT_OUTPUT: Json = {"format": PCM, "speed": 1}
DEFAULT: Json = {
    "type": "realtime",
    "model": "m-1",
    "output_modalities": ["audio"],
    "audio": {"input": DEFAULT_INPUT, "output": DEFAULT_OUTPUT},
}


def with_input(**changes: Any) -> Json:
    """Return the default session with another input."""
    audio = {"input": {**DEFAULT_INPUT, **changes}, "output": DEFAULT_OUTPUT}
    return {**DEFAULT, "audio": audio}


def with_output(**changes: Any) -> Json:
    """Return the default session with another output."""
    audio = {"input": DEFAULT_INPUT, "output": {**DEFAULT_OUTPUT, **changes}}
    return {**DEFAULT, "audio": audio}


def nested(side: str, **settings: Any) -> Json:
    """Return settings where they stand today."""
    return {"audio": {side: settings}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, DEFAULT),
        ({"type": "realtime"}, DEFAULT),
        ({"audio": None, "output_modalities": None, "tools": None}, DEFAULT),
        ({"audio": {"input": None, "output": None}}, DEFAULT),
        ({"model": "m-1"}, DEFAULT),
        ({"output_modalities": ["text"]}, {**DEFAULT, "output_modalities": ["text"]}),
        ({"outputModalities": ["text"]}, {**DEFAULT, "output_modalities": ["text"]}),
        ({"modalities": ["text"]}, {**DEFAULT, "output_modalities": ["text"]}),
        ({"instructions": "Be kind"}, {**DEFAULT, "instructions": "Be kind"}),
        ({"brand_new": {"camelCase": 1}}, {**DEFAULT, "brand_new": {"camelCase": 1}}),
        ({"toolChoice": "none"}, {**DEFAULT, "tool_choice": "none"}),
        ({"parallelToolCalls": False}, {**DEFAULT, "parallel_tool_calls": False}),
        ({"max_response_output_tokens": 9}, {**DEFAULT, "max_output_tokens": 9}),
        ({"maxOutputTokens": "inf"}, {**DEFAULT, "max_output_tokens": "inf"}),
        ({"reasoning": {"effort": "low"}}, {**DEFAULT, "reasoning": {"effort": "low"}}),
        (
            {"prompt": {"promptId": "p-1", "version": "2", "variables": {"promptId": "x"}}},
            {**DEFAULT, "prompt": {"id": "p-1", "version": "2", "variables": {"promptId": "x"}}},
        ),
        # What other SDKs send as it is.
        ({"providerData": None}, DEFAULT),
        (
            {"maxOutputTokens": 1, "providerData": {"max_output_tokens": 9, "truncation": "auto"}},
            {**DEFAULT, "max_output_tokens": 9, "truncation": "auto"},
        ),
        (
            {"voice": "ash", "providerData": nested("output", voice="marin")},
            {**DEFAULT, "audio": {"output": {"voice": "marin"}}},
        ),
        # It has an event of its own.
        ({"tracing": "auto"}, DEFAULT),
        ({"tracing": {"workflow_name": "w"}}, DEFAULT),
        # Off.
        (nested("input", transcription=None), with_input(transcription=None)),
        (nested("input", turn_detection=None), with_input(turn_detection=None)),
        (nested("input", turnDetection=None), with_input(turn_detection=None)),
        (nested("input", noise_reduction=None), DEFAULT),
        ({"turn_detection": None}, with_input(turn_detection=None)),
        ({"turnDetection": None}, with_input(turn_detection=None)),
        ({"input_audio_transcription": None}, with_input(transcription=None)),
        ({"inputAudioTranscription": None}, with_input(transcription=None)),
        # On, under any name.
        (
            nested("input", noise_reduction={"type": "near_field"}),
            with_input(noise_reduction={"type": "near_field"}),
        ),
        (
            nested("input", noiseReduction={"type": "far_field"}),
            with_input(noise_reduction={"type": "far_field"}),
        ),
        (
            {"input_audio_noise_reduction": {"type": "far_field"}},
            with_input(noise_reduction={"type": "far_field"}),
        ),
        (
            {"inputAudioNoiseReduction": {"type": "far_field"}},
            with_input(noise_reduction={"type": "far_field"}),
        ),
        (
            nested("input", transcription={"model": "whisper-1"}),
            with_input(transcription={"model": "whisper-1"}),
        ),
        (
            nested(
                "input",
                turnDetection={
                    "type": "server_vad",
                    "createResponse": True,
                    "interruptResponse": False,
                    "prefixPaddingMs": 300,
                    "silenceDurationMs": 500,
                    "idleTimeoutMs": 6000,
                    "modelVersion": "v2",
                    "threshold": 0.5,
                    "eagerness": "low",
                    "brand_new": 1,
                },
            ),
            with_input(
                turn_detection={
                    "type": "server_vad",
                    "create_response": True,
                    "interrupt_response": False,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": 6000,
                    "model_version": "v2",
                    "threshold": 0.5,
                    "eagerness": "low",
                    "brand_new": 1,
                }
            ),
        ),
        (
            {"turn_detection": {"type": "server_vad", "silenceDurationMs": 1}},
            with_input(turn_detection={"type": "server_vad", "silence_duration_ms": 1}),
        ),
        # Nothing said of it at all, which is not "off".
        (nested("input", turn_detection={}), DEFAULT),
        # Formats.
        (nested("input", format="g711_ulaw"), with_input(format=ULAW)),
        (nested("input", format=None), DEFAULT),
        (nested("input", format=ALAW), with_input(format=ALAW)),
        ({"input_audio_format": "pcm16"}, DEFAULT),
        ({"inputAudioFormat": "g711_alaw"}, with_input(format=ALAW)),
        ({"output_audio_format": "g711_ulaw"}, with_output(format=ULAW)),
        ({"outputAudioFormat": "g711_alaw"}, with_output(format=ALAW)),
        (
            nested("output", format={"type": "audio/pcm", "rate": 16000}),
            with_output(format={"type": "audio/pcm", "rate": 16000}),
        ),
        # Output.
        (nested("output", voice="marin"), with_output(voice="marin")),
        ({"voice": "marin"}, with_output(voice="marin")),
        ({"voice": "cedar", **nested("output", voice="marin")}, with_output(voice="marin")),
        (nested("output", speed=1.5), with_output(speed=1.5)),
        ({"speed": 0.5}, with_output(speed=0.5)),
        (nested("output", speed=None, voice=None), DEFAULT),
    ],
)
def test_session_config(given: Json, expected: Json) -> None:
    assert build_session(given, "m-1") == expected


def test_session_config_without_model() -> None:
    assert "model" not in build_session({}, None)
    assert build_session({"model": "m-2"}, None)["model"] == "m-2"


def test_session_config_transcription() -> None:
    given = {"type": "transcription", "audio": {"input": {"noiseReduction": None}}}
    assert build_session(given, "m-1") == {
        "type": "transcription",
        "audio": {"input": {"noise_reduction": None}},
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("pcm16", PCM),
        ("g711_ulaw", ULAW),
        ("g711_alaw", ALAW),
        ("unheard-of", PCM),
        (None, PCM),
        ({"type": "audio/pcm", "rate": 8000}, {"type": "audio/pcm", "rate": 8000}),
    ],
)
def test_session_config_audio_format(value: Any, expected: Json) -> None:
    assert audio_format(value) == expected


FUNCTION = {
    "type": "function",
    "name": "open_door",
    "description": "Opens it.",
    "parameters": {"type": "object", "properties": {}},
}
MCP = {
    "type": "mcp",
    "server_label": "shop",
    "server_url": "https://example.com",
    "headers": {"X": "1"},
    "allowed_tools": ["buy"],
    "require_approval": {"always": {"tool_names": ["buy"]}},
}


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([FUNCTION], [FUNCTION]),
        ([{**FUNCTION, "strict": True, "invoke": 1}], [FUNCTION]),
        ([{"name": "bare"}], [{"type": "function", "name": "bare"}]),
        ([MCP, FUNCTION], [MCP, FUNCTION]),
        (
            [{"type": "mcp", "server_label": "mail", "connector_id": "c-1"}],
            [{"type": "mcp", "server_label": "mail", "connector_id": "c-1"}],
        ),
    ],
)
def test_session_config_tools(tools: Any, expected: Any) -> None:
    assert build_session({"tools": tools}, None)["tools"] == expected


@pytest.mark.parametrize("tools", [None, []])
def test_session_config_without_tools(tools: Any) -> None:
    assert "tools" not in build_session({"tools": tools}, None)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"audio": "loud"}, "session_invalid"),
        ({"audio": ["loud"]}, "session_invalid"),
        ({"audio": {"input": "loud"}}, "session_invalid"),
        ({"audio": {"output": 5}}, "session_invalid"),
        ({"providerData": "truncation"}, "session_invalid"),
        ({"tools": "open_door"}, "session_invalid"),
        ({"tools": {"type": "function"}}, "session_invalid"),
        ({"tools": 1}, "session_invalid"),
        ({"tools": ["open_door"]}, "session_invalid"),
        ({"tools": [{"type": "function"}]}, "session_invalid"),
        ({"tools": [{"type": "mcp"}]}, "mcp_tool_invalid"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "mcp_tool_invalid"),
        ({"tools": [{"type": "mcp", "server_url": "x"}]}, "mcp_tool_invalid"),
        ({"instructions": {"be": "kind"}}, "session_invalid"),
    ],
)
async def test_session_config_malformed_is_rejected(
    script: RealtimeDriver, given: Json, key: str
) -> None:
    with raises_key(key, ServiceValidationError):
        build_session(given, None)
    before = (await script.status())["session"]
    with pytest.raises(ServiceValidationError):
        await script.call("update_realtime_session_config", session=given)
    assert await script.sent() == []
    assert (await script.status())["session"] == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["pcm16", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["format", "type", "rate", "transcription", "turn_detection", "name"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "type",
        "model",
        "audio",
        "input",
        "tools",
        "voice",
        "speed",
        "tracing",
        "instructions",
        "prompt",
        "modalities",
        "turn_detection",
        "input_audio_format",
        "outputAudioFormat",
        "x",
    ]
)


@inputs(80)
@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_session_config_fuzz(given: Json) -> None:
    before = repr(given)
    try:
        built = build_session(given, "m-1")
    except ServiceValidationError:
        return
    finally:
        assert repr(given) == before
    if built.get("type") == "realtime":
        assert {"format"} <= set(built["audio"]["input"]) & set(built["audio"]["output"])
        # Building what was built changes nothing.
        assert build_session(built, "m-1") == built


async def test_session_update_replaces_config(silent: None, talk: RealtimeDriver) -> None:
    await talk.connect(session={"voice": "marin", "instructions": "Be kind"})
    answer = await talk.call(
        "update_realtime_session_config", session={"output_modalities": ["text"]}
    )
    expected = {**DEFAULT, "output_modalities": ["text"]}
    assert await talk.sent() == [{"type": "session.update", "session": expected}]
    assert answer["session"] == expected


def tracing(value: Any) -> Json:
    """Return the event that asks for a record."""
    return {"type": "session.update", "session": {"type": "realtime", "tracing": value}}


WORKFLOW = {"workflow_name": "w"}


@pytest.mark.parametrize(
    ("given", "known", "sent"),
    [
        ({}, None, [tracing("auto")]),
        ({"tracing": "auto"}, None, [tracing("auto")]),
        ({"tracing": WORKFLOW}, None, [tracing(WORKFLOW)]),
        ({"tracing": WORKFLOW}, "auto", [tracing(WORKFLOW)]),
        ({"tracing": None}, None, [tracing(None)]),
        ({"tracing": None}, "auto", [tracing(None)]),
        # What the host records under a name already cannot be changed.
        ({"tracing": WORKFLOW}, {"workflow_name": "v"}, []),
        ({"tracing": WORKFLOW}, WORKFLOW, []),
        ({"tracing": None}, WORKFLOW, []),
        ({"tracing": "auto"}, WORKFLOW, [tracing("auto")]),
    ],
)
async def test_session_config_tracing(
    silent: None, talk: RealtimeDriver, given: Json, known: Any, sent: Any
) -> None:
    await talk.connect(session=given)
    await talk.server_sends({"type": "session.created", "session": {"tracing": known}})
    assert await talk.sent() == sent


async def test_tracing_sent_after_session_created(silent: None, talk: RealtimeDriver) -> None:
    await talk.call("connect_realtime_websocket", model="m-1")
    session = await talk.standin.wait_for_socket()
    first, second = await session.wait_for(1), await session.wait_for(2)
    assert first == {"type": "session.update", "session": DEFAULT}
    assert second == tracing("auto")
    await talk.clear()
    # An update of the session says nothing of it.
    await talk.call("update_realtime_session_config", session={"tracing": WORKFLOW})
    await talk.server_sends({"type": "session.updated", "session": {}})
    assert [frame["session"].get("tracing", "none") for frame in await talk.sent()] == ["none"]
