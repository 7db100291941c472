"""Lists of many pages, from hosts that end them in different ways, and from some that never do."""

from typing import Any

import pytest

from custom_components.openai_api import pagination
from tests.standin import Fault
from tests.standin.server import StandIn

from .conftest import Call, raises_key

pytestmark = pytest.mark.usefixtures("entry")


def play(standin: StandIn, *pages: Any) -> None:
    """Answer the next requests for files with these pages."""
    for page in pages:
        standin.fail(Fault(path="/files", status=200, body=page))


def page(*ids: str, **rest: Any) -> dict[str, Any]:
    """Return a page as hosts send it."""
    return {"object": "list", "data": [{"id": name} for name in ids], **rest}


def ids(answer: dict[str, Any]) -> list[str]:
    """Return the ids of the items of a list."""
    return [item["id"] for item in answer["data"]]


@pytest.mark.parametrize(
    ("pages", "expected", "has_more"),
    [
        # Without has_more, a page that is empty, or brings nothing new, is the last.
        ([page("a", "b"), page("c"), page()], ["a", "b", "c"], False),
        ([page("a"), page("b"), {"data": None}], ["a", "b"], False),
        ([page("a", "b"), page("a", "b")], ["a", "b"], False),
        ([page("a", has_more=None), page()], ["a"], False),
        ([page()], [], False),
        # The host's own word counts where it gives one.
        ([page("a", has_more=False)], ["a"], False),
        ([page("a", has_more=True), page("b", has_more=False)], ["a", "b"], False),
        ([page("a", has_more=True), page("b"), page()], ["a", "b"], False),
        ([page("a", has_more=True), page(has_more=True)], ["a"], True),
        ([page("a", has_more=True), page("a", has_more=True)], ["a"], True),
        (
            [
                page("a", "b", has_more=True),
                page("c", has_more=True),
                page("a", "b", has_more=True),
            ],
            ["a", "b", "c"],
            True,
        ),
    ],
)
async def test_all_pages_ends(
    pages: list[Any], expected: list[str], has_more: bool, call: Call, standin: StandIn
) -> None:
    play(standin, *pages)
    before = len(standin.requests)
    answer = await call("list_files", all_pages=True)
    assert ids(answer) == expected
    assert answer["has_more"] is has_more
    assert answer["last_id"] == (expected[-1] if expected else None)
    assert len(standin.requests) - before == len(pages)


@pytest.mark.parametrize(
    ("rest", "has_more"),
    [
        ({}, False),
        ({"next": None}, False),
        ({"next": "token"}, True),
        ({"next_page": "token", "has_more": None}, True),
        ({"next_page": "token", "has_more": False}, False),
    ],
)
async def test_list_without_all_pages_is_one_request(
    call: Call, standin: StandIn, rest: dict[str, Any], has_more: bool
) -> None:
    play(standin, page("a", **rest))
    before = len(standin.requests)
    answer = await call("list_files")
    assert (ids(answer), answer["has_more"]) == (["a"], has_more)
    assert len(standin.requests) - before == 1


@pytest.mark.parametrize(("bound", "value"), [("MAX_ITEMS", 5), ("MAX_BYTES", 300)])
async def test_all_pages_limit_raises(
    bound: str, value: int, call: Call, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, bound, value)
    play(standin, *(page(f"a{number}", f"b{number}", has_more=True) for number in range(20)))
    before = len(standin.requests)
    with raises_key("list_too_long") as caught:
        await call("list_files", all_pages=True)
    assert "all_pages" in str(caught.value)
    assert len(standin.requests) - before < 10


@pytest.mark.parametrize(
    "last",
    [{"message": "later"}, {"data": None, "message": "later"}, {"status": "ok", "hint": "later"}],
)
async def test_all_pages_answered_with_words_raises(
    call: Call, standin: StandIn, last: dict[str, Any]
) -> None:
    """Half a list is no list."""
    play(standin, page("a", has_more=True), last)
    with raises_key("bad_answer") as caught:
        await call("list_files", all_pages=True)
    assert "later" in str(caught.value)


@pytest.mark.parametrize(
    "last",
    [
        {},
        {"data": None},
        {"object": "list", "has_more": False},
        {"data": None, "total": 1, "limit": 1, "next_cursor": None, "request_id": "r"},
    ],
)
async def test_all_pages_ends_with_nothing(
    call: Call, standin: StandIn, last: dict[str, Any]
) -> None:
    play(standin, page("a", has_more=True), last)
    assert ids(await call("list_files", all_pages=True)) == ["a"]
