"""Nothing that a host says, however odd, ends a conversation or gets lost."""

import asyncio
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.openai_api.realtime.event_handlers import EVENT_HANDLERS
from tests.integration.fuzzing import inputs

from .driver import MARKER, Json, RealtimeDriver

WORDS = [
    *("message", "function_call", "mcp_call", "mcp_list_tools", "mcp_approval_request"),
    *("user", "assistant", "audio", "output_audio", "input_audio", "completed", "audio/pcm"),
    *("audio/pcmu", "pcm16", "i-1", "r-1", "AAAA", "A", "é", "{", '{"a": 1}', ""),
]
KEYS = [
    *("id", "item_id", "response_id", "content_index", "previous_item_id", "call_id", "name"),
    *("type", "role", "status", "content", "transcript", "arguments", "delta", "output"),
    *("usage", "input_tokens", "audio", "format", "rate", "input", "turn_detection", "error"),
    *("event_id", "code", "message", "tracing", "model", "tools", "server_label", "item"),
    *("response", "session"),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=14,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=7)
ITEMS = st.builds(lambda rest, kind: {**rest, "type": kind}, OBJECTS, st.sampled_from(WORDS[:5]))


@st.composite
def events(draw: st.DrawFn) -> Json:
    """Draw an event: of a kind that matters, its parts in place, or odd."""
    event: Json = draw(OBJECTS)
    for key, parts in (("item", ITEMS), ("response", OBJECTS), ("session", OBJECTS)):
        if draw(st.booleans()):
            event[key] = draw(parts)
    return {**event, "type": draw(st.sampled_from(sorted(EVENT_HANDLERS)))}


FRAMES = st.lists(events() | OBJECTS, min_size=1, max_size=25)


@inputs(20, is_slow=True)
@given(frames=FRAMES)
async def test_malformed_server_events(
    script: RealtimeDriver, caplog: pytest.LogCaptureFixture, frames: Any
) -> None:
    await script.clear()
    await script.server_sends(*frames)
    # A host may greet a second time and so change much, but it comes through as it was.
    assert [data["event"] for data in script.raw] == frames
    assert (await script.status())["status"] == "connected"
    await script.sent()
    assert not script.states
    await asyncio.sleep(0)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    caplog.clear()


@pytest.mark.parametrize("event_type", sorted(EVENT_HANDLERS))
async def test_server_events_without_fields(script: RealtimeDriver, event_type: str) -> None:
    frames: list[Json] = [{"type": event_type}]
    values: list[Any] = [None, 1, "x", [], [1], {}]
    for key in ("item", "response", "session", "error", "delta", "item_id"):
        frames += [{"type": event_type, key: value} for value in values]
    await script.server_sends(*frames)
    assert [data["event"] for data in script.raw] == frames
    await script.sent()
    assert not script.states


async def test_messages_that_are_not_events(script: RealtimeDriver) -> None:
    for text in ("{ not json", "", "[" * 100_000, b"\xff\xfe"):
        await script.session.send(text)
    await script.settle()
    assert [state["state"] for state in script.states] == ["connected"] * 4
    assert all("not JSON" in state["error"] for state in script.states)
    script.states.clear()
    odd: list[Any] = ["[1, 2]", '"text"', "null", "17", b'{"type": "binary"}']
    for frame in odd:
        await script.session.send(frame)
    await script.settle()
    assert [data["event"] for data in script.raw if data["event_type"] != MARKER] == [
        [1, 2],
        "text",
        None,
        17,
        {"type": "binary"},
    ]
    assert [data["event_type"] for data in script.raw] == [None] * 4 + ["binary"]
    assert await script.sent() == []
