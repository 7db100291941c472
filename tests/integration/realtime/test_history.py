"""What was said is known, and can be turned into something else."""

from typing import Any

from homeassistant.exceptions import ServiceValidationError
from hypothesis import given, strategies as st
import pytest
import voluptuous as vol

from custom_components.openai_api.realtime.history import History, diff, normalize
from tests.integration.conftest import raises_key
from tests.integration.fuzzing import inputs

from .driver import Json, RealtimeDriver


def message(item_id: str, text: str = "Hello", role: str = "user", **more: Any) -> Json:
    """Return a message as a host shows it."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"id": item_id, "type": "message", "role": role, "content": content, **more}


def spoken(item_id: str, transcript: str | None = "Hi") -> Json:
    """Return a spoken answer."""
    content = [{"type": "output_audio", "transcript": transcript, "audio": "AAAA"}]
    return {"id": item_id, "type": "message", "role": "assistant", "content": content}


def added(item: Json, *previous: str | None) -> Json:
    """Return the event that tells of an item; without a place unless given."""
    place = {"previous_item_id": previous[0]} if previous else {}
    return {"type": "conversation.item.added", "item": item, **place}


def ids(history: list[Json]) -> list[str]:
    """Return the ids of the items."""
    return [item["item_id"] for item in history]


async def test_history_order_follows_previous_item_id(script: RealtimeDriver) -> None:
    await script.server_sends(
        added(message("b")),
        added(message("a"), None),
        added(message("d"), "b"),
        added(message("c"), "b"),
        added(message("e"), "nobody"),
        added(message("f")),
    )
    history = (await script.status())["history"]
    assert ids(history) == ["a", "b", "c", "d", "e", "f"]
    assert history[0] == {
        "type": "message",
        "role": "user",
        "item_id": "a",
        "status": "in_progress",
        "content": [{"type": "input_text", "text": "Hello"}],
    }
    # What is known keeps its place, and says what it says now.
    await script.server_sends({"type": "conversation.item.done", "item": message("c", "Bye")})
    history = (await script.status())["history"]
    assert ids(history) == ["a", "b", "c", "d", "e", "f"]
    assert history[2]["content"][0]["text"] == "Bye"
    assert history[2]["status"] == "completed"
    await script.server_sends({"type": "conversation.item.deleted", "item_id": "c"})
    assert ids((await script.status())["history"]) == ["a", "b", "d", "e", "f"]


async def test_history_strips_audio(script: RealtimeDriver) -> None:
    await script.server_sends(added(spoken("a")))
    (item,) = (await script.status())["history"]
    assert item["content"] == [{"type": "output_audio", "transcript": "Hi"}]
    for missing in (None, ""):
        await script.server_sends(
            {"type": "conversation.item.retrieved", "item": spoken("a", missing)}
        )
        (item,) = (await script.status())["history"]
        assert item["content"] == [{"type": "output_audio", "transcript": "Hi"}]
    await script.server_sends({"type": "conversation.item.retrieved", "item": spoken("a", "Bye")})
    (item,) = (await script.status())["history"]
    assert item["content"][0]["transcript"] == "Bye"


async def test_history_keeps_input_transcripts(script: RealtimeDriver) -> None:
    part = {"type": "input_audio", "transcript": None, "audio": "AAAA"}
    item = {"id": "a", "type": "message", "role": "user", "content": [part]}
    await script.server_sends(
        added(item),
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "a",
            "transcript": "Good morning",
        },
    )
    (found,) = (await script.status())["history"]
    assert found["content"] == [{"type": "input_audio", "transcript": "Good morning"}]


def test_history_size_limit() -> None:
    history = History()
    for number in range(2100):
        history.update(message(str(number)), None, is_placed=False)
    assert len(history.items) == 2000
    assert history.items[-1]["item_id"] == "2099"


def delete(item_id: str) -> Json:
    """Return the event that deletes an item."""
    return {"type": "conversation.item.delete", "item_id": item_id}


def create(item: Json, *previous: str) -> Json:
    """Return the event that creates an item."""
    place = {"previous_item_id": previous[0]} if previous else {}
    return {"type": "conversation.item.create", **place, "item": item}


A, B, C = message("a"), message("b"), message("c")


@pytest.mark.parametrize(
    ("wanted", "events"),
    [
        ([A, B, C], []),
        ([], [delete("a"), delete("b"), delete("c")]),
        ([A, C], [delete("b")]),
        ([A, B, C, message("d")], [create(message("d"))]),
        ([message("d"), A, B, C], [create(message("d"), "root")]),
        ([A, message("d"), B, C], [create(message("d"), "a")]),
        (
            [A, message("d"), message("e"), B, C],
            [create(message("d"), "a"), create(message("e"), "d")],
        ),
        ([A, message("b", "Bye"), C], [delete("b"), create(message("b", "Bye"), "a")]),
        ([A, B, message("c", "Bye")], [delete("c"), create(message("c", "Bye"))]),
        (
            [message("a", "Bye"), message("x"), C],
            [
                delete("a"),
                delete("b"),
                create(message("a", "Bye"), "root"),
                create(message("x"), "a"),
            ],
        ),
        (
            [message("x"), message("y")],
            [
                delete("a"),
                delete("b"),
                delete("c"),
                create(message("x")),
                create(message("y")),
            ],
        ),
    ],
)
async def test_reset_history_sends_difference(
    script: RealtimeDriver, wanted: list[Json], events: list[Json]
) -> None:
    await script.server_sends(*(added({**item, "status": "completed"}) for item in (A, B, C)))
    answer = await script.call("reset_realtime_history", history=wanted)
    assert await script.sent() == events
    assert answer["skipped"] == []


async def test_reset_history_accepts_status_items(script: RealtimeDriver) -> None:
    await script.server_sends(added(A), added(spoken("s")), added(B))
    history = (await script.status())["history"]
    await script.call("reset_realtime_history", history=history)
    assert await script.sent() == []
    await script.call("reset_realtime_history", history=history[:-1])
    assert await script.sent() == [delete("b")]


async def test_reset_history_without_audio_is_unchanged(script: RealtimeDriver) -> None:
    """Other clients keep a part's missing audio as null; here it is left out."""
    heard = {"type": "input_audio", "transcript": "Hello", "audio": "AAAA"}
    user = {"id": "u", "type": "message", "role": "user", "content": [heard]}
    await script.server_sends(added(user), added(spoken("s")), added(A))
    history = [
        {**item, "content": [{**part, "audio": None} for part in item["content"]]}
        for item in (await script.status())["history"]
    ]
    await script.call("reset_realtime_history", history=history)
    assert await script.sent() == []
    await script.call("reset_realtime_history", history=[*history[:2], B])
    assert await script.sent() == [delete("a"), create(B)]


async def test_reset_history_places_nothing_behind_deleted_items(script: RealtimeDriver) -> None:
    """An item whose deletion was sent is not there any more, though the server has yet to say so."""
    await script.server_sends(added(A), added(B), added(C))
    await script.call("reset_realtime_history", history=[B, C])
    assert await script.sent() == [delete("a")]
    await script.call("reset_realtime_history", history=[A, message("x"), B, C])
    assert await script.sent() == [create(message("x"), "root")]
    # Nothing that stays is behind the last one: it is put at the end.
    await script.call("reset_realtime_history", history=[A])
    assert await script.sent() == [delete("b"), delete("c")]
    await script.call("reset_realtime_history", history=[A, message("y"), B, C])
    assert await script.sent() == [create(message("y"))]
    # What is created again is there again.
    await script.call("reset_realtime_history", history=[message("a", "Bye"), B, C])
    await script.sent()
    await script.call("reset_realtime_history", history=[A, message("z"), B, C])
    assert await script.sent() == [create(message("z"))]
    await script.server_sends(
        *({"type": "conversation.item.deleted", "item_id": item_id} for item_id in "abc"),
        added(A),
        added(B),
    )
    await script.call("reset_realtime_history", history=[A, message("v"), B])
    assert await script.sent() == [create(message("v"), "a")]


@pytest.mark.parametrize("name", ["id", "item_id", "itemId"])
async def test_reset_history_id_aliases(script: RealtimeDriver, name: str) -> None:
    item = {"role": "assistant", "content": [{"type": "output_text", "text": "Hi"}], name: "a"}
    await script.call("reset_realtime_history", history=[{**item, "status": "completed"}])
    (frame,) = await script.sent()
    assert frame["item"] == {
        "id": "a",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hi"}],
        "status": "completed",
    }


async def test_reset_history_system_message_without_status(script: RealtimeDriver) -> None:
    item = message("a", role="system", status="completed")
    await script.call("reset_realtime_history", history=[item])
    (frame,) = await script.sent()
    assert "status" not in frame["item"]


MCP_CALL = {"id": "m", "type": "mcp_call", "name": "buy", "arguments": "{}"}


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ([], [spoken("s")]),
        ([spoken("s")], [{**spoken("s"), "content": [{"type": "output_audio"}]}]),
        ([], [MCP_CALL]),
        ([MCP_CALL], [{**MCP_CALL, "arguments": "[]"}]),
        ([MCP_CALL], [message("m")]),
        ([], [{"id": "m", "type": "mcp_tool_call"}]),
        ([], [{"id": "m", "type": "mcp_approval_request"}]),
    ],
)
async def test_reset_history_invalid_sends_nothing(
    script: RealtimeDriver, known: list[Json], wanted: list[Json]
) -> None:
    await script.server_sends(added(A), *(added(item) for item in known))
    await script.sent()
    with raises_key("history_unsupported", ServiceValidationError):
        await script.call("reset_realtime_history", history=[B, *wanted])
    assert await script.sent() == []


async def test_reset_history_mcp_items(script: RealtimeDriver) -> None:
    await script.server_sends(added(MCP_CALL), added(A))
    history = (await script.status())["history"]
    await script.call("reset_realtime_history", history=[*history, B])
    assert await script.sent() == [create(B)]
    await script.call("reset_realtime_history", history=history[1:])
    assert await script.sent() == [delete("m")]


async def test_reset_history_skips_function_calls(
    script: RealtimeDriver, caplog: pytest.LogCaptureFixture
) -> None:
    call = {"id": "f", "type": "function_call", "name": "open", "call_id": "c-1"}
    answer = await script.call("reset_realtime_history", history=[A, call, B])
    assert answer["skipped"] == ["f"]
    assert await script.sent() == [create(A), create(B)]
    assert "Function call f cannot" in caplog.text
    # Nothing can stand behind what is not there.
    await script.server_sends(added(A), added(B))
    await script.call("reset_realtime_history", history=[A, call, C, B])
    assert await script.sent() == [create(C, "a")]


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "user", "content": []}],
        [{**A, "id": ""}],
        [{**A, "id": 5}],
        [{**A, "role": "butler"}],
        [{**A, "role": ["user"]}],
        [{**A, "content": "Hello"}],
        [{**A, "content": ["Hello"]}],
        [{**A, "content": [None]}],
        [{**A, "type": 5}],
        [{**A, "type": ["message"]}],
        [A, A],
    ],
)
async def test_reset_history_malformed_is_rejected(
    script: RealtimeDriver, history: list[Any]
) -> None:
    with raises_key("history_invalid", ServiceValidationError):
        await script.call("reset_realtime_history", history=history)
    assert await script.sent() == []


async def test_reset_history_not_a_list_is_rejected(script: RealtimeDriver) -> None:
    with pytest.raises(vol.Invalid):
        await script.call("reset_realtime_history", history="forget it")


TEXTS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xy"), max_size=6)


@inputs(80)
@given(TEXTS.flatmap(lambda old: st.permutations(sorted(old.items()))), TEXTS)
def test_diff_applied_yields_target(old: list[tuple[str, str]], new: dict[str, str]) -> None:
    history = normalize([message(key, text) for key, text in old])
    # What stays keeps its order: hosts move nothing.
    kept = [key for key, text in old if new.get(key) == text]
    others = [key for key in new if key not in kept]
    order = [key for pair in zip(kept, others, strict=False) for key in pair]
    order += [*kept[len(others) :], *others[len(kept) :]]
    wanted = normalize([message(key, new[key]) for key in order])

    events, skipped = diff(history, wanted)

    served = list(history)
    for event in events:
        if event["type"] == "conversation.item.delete":
            served = [item for item in served if item["item_id"] != event["item_id"]]
            continue
        previous = event.get("previous_item_id")
        at = {item["item_id"]: place for place, item in enumerate(served)}
        place = {None: len(served), "root": 0}.get(previous)
        place = at[previous] + 1 if place is None else place
        served.insert(place, {"item_id": event["item"]["id"], **event["item"]})
    assert [(item["item_id"], item["content"]) for item in served] == [
        (item["item_id"], item["content"]) for item in wanted
    ]
    assert skipped == []
    assert len(events) == len([key for key, _ in old if key not in kept]) + len(others)
