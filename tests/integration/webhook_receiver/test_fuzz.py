"""Random calls: the receiver answers all of them, and believes what is signed only."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
import json
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.core import Event
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.integration.fuzzing import inputs
from tests.standin.areas.webhooks import sign

from .helpers import BODY, OTHER, SECRET, Post, path

HEADER = st.text(
    st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=40
)
NAMES = st.sampled_from(
    [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "content-encoding",
        "content-type",
        "x-odd",
    ]
)


async def test_malformed_webhook_requests(
    receiving: MockConfigEntry,
    client: TestClient[Any, Any],
    fired: list[Event],
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    """Whatever comes, the answer is one of ours, without a body, and nothing is fired."""
    tried: list[tuple[bytes, dict[str, str]]] = []

    @inputs(100)
    @given(
        body=st.one_of(st.binary(max_size=200), st.just(BODY)),
        base=st.sampled_from(["", SECRET, OTHER]),
        changes=st.dictionaries(NAMES, HEADER, max_size=4),
    )
    def collect(body: bytes, base: str, changes: dict[str, str]) -> None:
        headers = sign(base, BODY, "wh_1") if base else {}
        changed = {name for name in changes if name.startswith("webhook-")}
        if body != BODY or base != SECRET or changed:
            tried.append((body, headers | changes))

    await asyncio.to_thread(collect)
    statuses: dict[int, int] = {}
    for body, headers in tried:
        async with client.post(path(receiving), data=body, headers=headers) as response:
            assert response.status in {400, 401, 413}, (body, headers)
            # What is no HTTP never gets as far as the receiver.
            assert await response.read() == b"" or response.status == HTTPStatus.BAD_REQUEST
            statuses[response.status] = statuses.get(response.status, 0) + 1
    assert not fired
    assert "Error processing webhook" not in caplog.text
    assert sum(statuses.values()) > 75
    record_property("webhook calls, odd", sum(statuses.values()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


async def test_signed_body_fuzz(
    post: Post, fired: list[Event], record_property: Callable[[str, object], None]
) -> None:
    """Of what the host has signed, every object is an event, and nothing else is."""
    tried: list[bytes] = []

    @inputs(60)
    @given(body=st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
    def collect(body: bytes) -> None:
        tried.append(body)

    await asyncio.to_thread(collect)
    wanted: list[Any] = []
    for number, body in enumerate(tried):
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        is_event = isinstance(value, dict)
        status = await post(body, sign(SECRET, body, f"wh_{number}"))
        assert status in ({200} if is_event else {400, 401}), body
        wanted += [value] if is_event else []
    assert [event.data["event"] for event in fired] == wanted
    assert len(wanted) > 10
    record_property("webhook bodies, signed", len(tried))
