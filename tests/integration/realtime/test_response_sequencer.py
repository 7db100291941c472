"""The order of responses, whatever happens in whatever order."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.openai_api.realtime.response_sequencer import ResponseSequencer
from tests.integration.fuzzing import inputs

from .driver import Json


def sequencer() -> tuple[ResponseSequencer, list[Json]]:
    """Return a sequencer and what it sends."""
    sent: list[Json] = []
    return ResponseSequencer(sent.append), sent


def explicit(name: str) -> Json:
    """Return an explicit request."""
    return {"type": "response.create", "event_id": name}


def names(sent: list[Json]) -> list[str]:
    """Return which requests were sent; automatic ones are all alike."""
    return [
        "auto" if frame["event_id"].startswith("event_response_") else frame["event_id"]
        for frame in sent
    ]


def test_one_pending_create_and_none_during_response() -> None:
    it, sent = sequencer()
    for name in ("a", "b", "c"):
        it.request(explicit(name))
    assert names(sent) == ["a"]
    it.created()
    assert names(sent) == ["a"]
    it.done()
    assert names(sent) == ["a", "b"]
    it.created()
    it.done()
    assert names(sent) == ["a", "b", "c"]


def test_server_initiated_response_occupies_slot() -> None:
    it, sent = sequencer()
    it.created()
    it.request()
    assert sent == []
    it.done()
    assert names(sent) == ["auto"]


def test_done_without_created_frees_slot() -> None:
    it, sent = sequencer()
    it.request(explicit("a"))
    it.request(explicit("b"))
    it.done()
    assert names(sent) == ["a", "b"]


def test_automatic_requests_merge_until_explicit() -> None:
    it, sent = sequencer()
    it.created()
    for event in (None, None, explicit("a"), None, explicit("b"), explicit("c"), None, None):
        it.request(event)
    for _ in range(8):
        it.done()
        it.created()
    assert names(sent) == ["auto", "a", "auto", "b", "c", "auto"]


def test_sent_request_is_not_merged() -> None:
    it, sent = sequencer()
    it.request()
    it.request()
    it.request()
    it.created()
    it.done()
    assert names(sent) == ["auto", "auto"]


def test_error_requeues_merged_requests() -> None:
    it, sent = sequencer()
    it.created()
    for _ in range(3):
        it.request()
    it.request(explicit("a"))
    it.done()
    assert len(sent) == 1
    it.failed({"event_id": sent[0]["event_id"]})
    # Two are left of the three, and still before the explicit one.
    assert names(sent) == ["auto", "auto"]
    it.created()
    it.done()
    assert names(sent) == ["auto", "auto", "a"]


@pytest.mark.parametrize("own", ["mine", None, 5])
def test_event_ids(own: Any) -> None:
    it, sent = sequencer()
    event = {"type": "response.create", "event_id": own, "response": {"x": 1}}
    it.request(event)
    assert sent[0]["response"] == {"x": 1}
    assert sent[0]["event_id"] == own if isinstance(own, str) else sent[0]["event_id"]
    assert event["event_id"] == own
    it.created()
    it.done()
    it.request()
    assert sent[1]["event_id"] != sent[0]["event_id"]


def test_cancel_pending_requests() -> None:
    it, sent = sequencer()
    assert it.begin_cancel() is False
    it.request()
    assert it.begin_cancel() is False
    it.created()
    assert it.begin_cancel() is True
    assert it.begin_cancel() is False
    it.request()
    assert len(sent) == 1
    it.done()
    assert len(sent) == 2
    it.created()
    assert it.begin_cancel() is True


def test_late_error_is_ignored() -> None:
    it, sent = sequencer()
    it.request(explicit("a"))
    it.request(explicit("b"))
    it.created()
    it.failed({"event_id": "a"})
    it.failed({"message": "response.create"})
    assert names(sent) == ["a"]
    assert it.in_flight


def test_clear_resets_sequencer() -> None:
    it, sent = sequencer()
    it.request(explicit("a"))
    it.request(explicit("b"))
    it.created()
    it.begin_cancel()
    it.clear()
    assert not it.in_flight
    assert not it.is_cancelling
    it.done()
    assert names(sent) == ["a"]
    it.request(explicit("c"))
    assert names(sent) == ["a", "c"]


@dataclass
class Model:
    """The contract in its plainest form: every request has a number."""

    waiting: deque[tuple[int, bool]] = field(default_factory=deque)
    taken: list[tuple[int, bool]] = field(default_factory=list)
    in_flight: bool = False
    sent: list[tuple[str, int]] = field(default_factory=list)

    def step(self) -> None:
        """Send what may be sent."""
        if self.taken or self.in_flight or not self.waiting:
            return
        self.taken = [self.waiting.popleft()]
        number, is_explicit = self.taken[0]
        while not is_explicit and self.waiting and not self.waiting[0][1]:
            self.taken.append(self.waiting.popleft())
        self.sent.append(("explicit" if is_explicit else "auto", number))


STEPS = st.lists(
    st.sampled_from(["auto", "explicit", "created", "done", "error", "other", "cancel", "clear"]),
    max_size=60,
)


@inputs(100)
@given(STEPS)
def test_sequencer_fuzz(steps: list[str]) -> None:
    it, sent = sequencer()
    model = Model()
    for number, step in enumerate(steps):
        before = len(sent)
        match step:
            case "auto" | "explicit":
                is_explicit = step == "explicit"
                it.request(explicit(f"x{number}") if is_explicit else None)
                model.waiting.append((number, is_explicit))
            case "created":
                it.created()
                model.taken, model.in_flight = [], True
            case "done":
                it.done()
                model.taken, model.in_flight = [], False
            case "error" if sent:
                it.failed({"event_id": sent[-1]["event_id"]})
                if model.taken:
                    # Only the one that was asked first is lost.
                    model.waiting.extendleft(reversed(model.taken[1:]))
                    model.taken = []
            case "other":
                it.failed({"event_id": "somebody else's", "message": "response.create"})
            case "cancel":
                it.begin_cancel()
            case "clear":
                it.clear()
                model.waiting.clear()
                model.taken, model.in_flight = [], False
        model.step()
        assert len(sent) - before <= 1
        assert it.in_flight == model.in_flight
        assert [
            (("auto", None) if name == "auto" else ("explicit", int(name[1:])))
            for name in names(sent)
        ] == [(kind, number if kind == "explicit" else None) for kind, number in model.sent]
    assert len({frame["event_id"] for frame in sent}) == len(sent)
