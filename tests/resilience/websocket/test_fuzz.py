"""Random messages of either side: each arrives, or is refused on purpose.

A few inputs in every run, always the same. For many, and others each time:
`OPENAI_API_FUZZ=1000 .venv/oldest/bin/python -m pytest tests/resilience/websocket/test_fuzz.py`
"""

from collections.abc import Callable
from functools import cache
import logging
from typing import Any, get_args

from homeassistant.exceptions import HomeAssistantError
from hypothesis import given, strategies as st
from openai.types.realtime import RealtimeServerEvent
from openai.types.responses import ResponseStreamEvent
import pytest
import voluptuous as vol

from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.realtime.session_config import _MOVED, _SPELLINGS
from tests.integration.fuzzing import inputs
from tests.integration.waiting import wait_for

from .connection_driver import ConnectionDriver, Json, only_realtime

WORDS = [
    *("message", "function_call", "mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp"),
    *("user", "assistant", "system", "audio", "output_audio", "input_audio", "input_text"),
    *("completed", "in_progress", "audio/pcm", "audio/pcmu", "pcm16", "g711_alaw", "realtime"),
    *("transcription", "i-0", "i-1", "i-2", "r-1", "AAAA", "A", "é", "{", '{"a": 1}', "[" * 5000),
    *("", "root", "auto", "x" * 3000, "\x00", "sk-not-a-key-but-like-one"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)


def fields(model: Any) -> tuple[str, ...]:
    """Return the names that events of a type have, those of their parts included."""
    found = set(getattr(model, "model_fields", {}))
    for field in getattr(model, "model_fields", {}).values():
        for part in (field.annotation, *get_args(field.annotation)):
            if hasattr(part, "model_fields"):
                found |= set(fields(part))
    return tuple(sorted(found))


def events_of(union: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Return each type of server event that the SDK knows, with the names of its parts."""
    (found, *_) = get_args(union)
    known = {}
    for model in get_args(found):
        (kind,) = get_args(model.model_fields["type"].annotation)
        known[kind] = tuple(name for name in fields(model) if name != "type") or ("x",)
    return sorted(known.items())


# Hypothesis takes longer to make a strategy than to draw from it.
@cache
def values(keys: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Return JSON, right or wrong, made of these names."""
    names = st.sampled_from(keys) | st.text(max_size=4)
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
        max_leaves=12,
    )


def sendable(value: Any) -> bool:
    """Tell whether JSON can hold it, as far as hosts send it."""
    if isinstance(value, dict):
        return all(map(sendable, value)) and all(map(sendable, value.values()))
    if isinstance(value, list):
        return all(map(sendable, value))
    if isinstance(value, int):
        return abs(value) < 2**53
    if isinstance(value, float):
        return abs(value) < 1e300
    return not isinstance(value, str) or value.isprintable()


REALTIME_EVENTS = events_of(RealtimeServerEvent)
RESPONSE_EVENTS = events_of(ResponseStreamEvent)
ITEM = ("id", "item_id", "type", "role", "content", "status", "name", "arguments", "call_id")
SETTINGS = tuple(
    sorted(
        {
            *_SPELLINGS,
            *_SPELLINGS.values(),
            *_MOVED,
            *("audio", "input", "output", "format", "rate", "type", "tools", "tracing", "model"),
            *("instructions", "transcription", "prompt", "include", "truncation", "server_label"),
        }
    )
)


@cache
def objects(names: tuple[str, ...], keys: tuple[str, ...]) -> st.SearchStrategy[Json]:
    """Return what hosts send as an object with these names, and with these keys further within."""
    return st.dictionaries(st.sampled_from(names), values(keys).filter(sendable), max_size=8)


@st.composite
def server_events(draw: st.DrawFn, known: list[tuple[str, tuple[str, ...]]]) -> Json:
    """Draw an event of a known type, with whatever in it."""
    kind, keys = draw(st.sampled_from(known))
    event: Json = draw(objects(keys, keys))
    for key in {"item", "response", "session"} & set(keys):
        if draw(st.booleans()):
            event[key] = draw(objects((*ITEM, *keys), ITEM))
    return {**event, "type": kind}


@st.composite
def messages(draw: st.DrawFn, *, is_clean: bool) -> Json:
    """Draw an item of a conversation: one that makes sense, or nearly."""
    role = draw(st.sampled_from(["user", "assistant", "system"]))
    parts = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["input_text", "output_text", "input_audio", "output_audio"]),
            "text": st.sampled_from(["one", "two"]),
        }
    )
    item: Json = {
        "item_id": draw(st.sampled_from([f"i-{number}" for number in range(6)])),
        "type": draw(st.sampled_from(["message"] * 5 + ["function_call", "mcp_call"])),
        "role": role,
        "content": draw(st.lists(parts, max_size=2)),
    }
    if not is_clean:
        item |= draw(st.dictionaries(st.sampled_from(ITEM), values(ITEM), max_size=2))
    return item


async def attempt(call: Any) -> Any:
    """Return the answer, or None for what was refused in our words, or a field that does not fit."""
    try:
        return await call
    except vol.Invalid:
        return None
    except HomeAssistantError as err:
        if err.translation_domain != DOMAIN or not err.translation_key:
            raise
        return None


async def survived(driver: ConnectionDriver, caplog: pytest.LogCaptureFixture) -> None:
    """Make sure that the conversation goes on and nothing was thrown."""
    await driver.assert_sends_and_receives()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    caplog.clear()


async def ready(driver: ConnectionDriver, caplog: pytest.LogCaptureFixture) -> None:
    """Have an open conversation of which nothing is known yet."""
    caplog.set_level(logging.WARNING, logger="homeassistant")
    if not driver.connection_states or driver.connection_states[-1] != "connected":
        await driver.accepted_peer()
    driver.raw.clear()
    driver.notices.clear()


@only_realtime
@inputs(15, is_slow=True)
@given(session=st.dictionaries(st.sampled_from(SETTINGS), values(SETTINGS), max_size=6))
async def test_session_config_fuzz(
    driver: ConnectionDriver,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
    session: Json,
) -> None:
    """A configuration is sent whole, or refused; its audio format is never trusted."""
    await ready(driver, caplog)
    record_property("realtime session configurations", 1)
    other = ConnectionDriver(driver.hass, driver.host, driver.kind, "other")
    other.entry = driver.entry
    count = len(driver.host.peers)
    if await attempt(other.connect(session=session)) is not None:
        peer = await driver.host.peers.reach(count + 1)
        first = await peer.received.reach(1)
        assert first["type"] == "session.update"
        assert isinstance(first["session"], dict)
        await other.close()
        await peer.wait_closed()
        driver.host.peers.remove(peer)
    answer = await attempt(driver.call("update_realtime_session_config", session=session))
    peer = driver.host.peers[-1]
    if answer is not None:
        # The server accepts it, and sends audio in that format.
        told = answer["session"] if sendable(answer["session"]) else {}
        await peer.send_events({"type": "session.updated", "session": told})
    place = {"response_id": "r-1", "item_id": "i-1", "content_index": 0}
    await peer.send_events(
        {"type": "response.output_audio.delta", "delta": "AAAA", **place},
        {"type": "input_audio_buffer.speech_started"},
        {"type": "response.output_audio.done", **place},
    )
    await wait_for(lambda: [n for n in driver.notices if n["type"] == "audio_done"])
    await attempt(driver.call("get_realtime_status"))
    await survived(driver, caplog)


@only_realtime
@pytest.mark.parametrize("is_clean", [True, False])
@inputs(15, is_slow=True)
@given(draws=st.data())
async def test_history_diff_fuzz(
    driver: ConnectionDriver,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
    is_clean: bool,
    draws: st.DataObject,
) -> None:
    """Any history becomes any other by what is sent, or that is refused before anything is."""
    await ready(driver, caplog)
    record_property("realtime histories", 1)
    old = draws.draw(st.lists(messages(is_clean=True), max_size=5))
    new = draws.draw(st.lists(messages(is_clean=is_clean), max_size=5))
    peer = driver.host.peers[-1]
    for name in range(6):
        await peer.send_events({"type": "conversation.item.deleted", "item_id": f"i-{name}"})
    for item in old:
        shown = {**item, "id": item["item_id"]}
        await peer.send_events({"type": "conversation.item.done", "item": shown})
    await survived(driver, caplog)
    before = [item["item_id"] for item in (await driver.call("get_realtime_status"))["history"]]
    seen = len(peer.received)
    answer = await attempt(driver.call("reset_realtime_history", history=new))
    await survived(driver, caplog)
    sent = [event for event in peer.received[seen:] if event["type"].startswith("conversation")]
    if answer is None:
        assert sent == []
        return
    after = list(before)
    for event in sent:
        if event["type"] == "conversation.item.delete":
            after.remove(event["item_id"])
            continue
        item_id, previous = event["item"]["id"], event.get("previous_item_id")
        at = len(after) if previous is None else 0
        if previous not in {None, "root"}:
            at = after.index(previous) + 1
        after.insert(at, item_id)
    if is_clean:
        wanted = [item["item_id"] for item in new if item["item_id"] not in answer["skipped"]]
        assert after == wanted


async def assert_fired(
    driver: ConnectionDriver, caplog: pytest.LogCaptureFixture, events: list[Json]
) -> None:
    """Let the server send events, and check that they are fired as they are."""
    await ready(driver, caplog)
    await driver.host.peers[-1].send_events(*events)
    await wait_for(lambda: len(driver.raw) >= len(events))
    assert [data["event"] for data in driver.raw] == events


@only_realtime
@inputs(15, is_slow=True)
@given(frames=st.lists(server_events(REALTIME_EVENTS), min_size=8, max_size=16))
async def test_conversation_events_fuzz(
    driver: ConnectionDriver,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
    frames: list[Json],
) -> None:
    record_property("realtime server events", len(frames))
    await assert_fired(driver, caplog, frames)
    await attempt(driver.call("get_realtime_status"))
    await survived(driver, caplog)


@inputs(10, is_slow=True)
@given(frames=st.lists(server_events(RESPONSE_EVENTS), min_size=8, max_size=16))
async def test_response_events_fuzz(
    driver: ConnectionDriver,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
    frames: list[Json],
) -> None:
    record_property("responses server events", len(frames))
    await assert_fired(driver, caplog, frames)
    await driver.assert_receives()
    assert driver.connection_states == ["connecting", "connected"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    caplog.clear()
