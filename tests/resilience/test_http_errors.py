"""Error statuses with bodies of any form, redirects, and retries."""

import time
from typing import Any

from homeassistant.core import HomeAssistant
import orjson
import pytest

from .raw_server import DEEP, HTML, RIGHT, Script, answer, error
from .raw_server_fixture import ASK, RawServerFixture, raw_server_for

REFUSALS: dict[str, tuple[Any, str]] = {
    "the API's": (
        error(param="model", code="bad"),
        "Something is off (HTTP 400, code: bad, param: model)",
    ),
    "a number as the code": (error(code=1234), "code: 1234"),
    "the API's, in a list": ([error(code="bad")], "Something is off (HTTP 400, code: bad)"),
    "an error in words": ({"error": "Something is off"}, "request: Something is off (HTTP 400)"),
    "no error": ({"error": None}, "request: HTTP 400"),
    "an error that is empty": ({"error": {}}, "request: HTTP 400"),
    "an error that is a number": ({"error": 17}, "17"),
    "an error in an error": ({"error": {"error": "Something"}}, "Something"),
    "words in an object": (error({"en": "Something"}), "Something"),
    "FastAPI's words": ({"detail": "Something is off"}, "request: Something is off (HTTP 400)"),
    "FastAPI's list": (
        {"detail": [{"loc": ["body", "model"], "msg": "Field required", "type": "missing"}]},
        "body.model Field required",
    ),
    "a bare message": (
        {"message": "Something is off", "code": 7},
        "Something is off (HTTP 400, code: 7)",
    ),
    "names nobody knows": ({"fault": "Something is off"}, "Something is off"),
    "a list": ([1, 2], "1"),
    "an empty list": ([], "request: HTTP 400"),
    "null": (None, "request: HTTP 400"),
    "text": (b"Something is off", "request: Something is off (HTTP 400)"),
    "HTML": (b"<html><style>a{b}</style><h1>Bad</h1> Gateway", "request: Bad Gateway (HTTP 400)"),
    "nothing": (b"", "request: HTTP 400"),
    "half a JSON": (b'{"error": {"message": "Some', '{"error": {"message": "Some'),
    "deep JSON": (DEEP, "[[["),
    "deep JSON of an error": (b'{"error": ' + b"[" * 900 + b"]" * 900 + b"}", "[[["),
    "Latin-1": ("Schlüssel".encode("latin-1"), "Schl"),
    "signs that cannot be seen": (error("a\x1b[31m\u202eb\x00c"), "a[31mbc"),
    "no end of tags": (b"<style " * 500_000, ""),
    "no end of brackets": (b"<" * 3_000_000, "<"),
    "no end of words": (b"so " * 1_000_000, "so so"),
}


async def test_error_body_formats(raw_server: RawServerFixture, subtests: pytest.Subtests) -> None:
    for name, (body, words) in REFUSALS.items():
        with subtests.test(name):
            start = time.monotonic()
            text = await raw_server.assert_survives([[answer(body, 400)]], "refused")
            assert "400" in text
            assert words in text
            assert text.isprintable()
            assert len(text) < 800
            assert time.monotonic() - start < 2, "a text is to be read through but once"


def expected_of(status: int) -> str:
    """Return the error that a status leads to."""
    known = {
        401: "auth_failed",
        402: "quota_used_up",
        403: "forbidden",
        408: "server_error",
        429: "rate_limited",
        501: "refused",
    }
    return known.get(status, "server_error" if status >= 500 else "refused")


@pytest.mark.parametrize("body", [error(code="bad"), b""], ids=["told", "untold"])
async def test_http_status_codes(
    raw_server: RawServerFixture, subtests: pytest.Subtests, body: Any
) -> None:
    for status in range(400, 600):
        with subtests.test(str(status)):
            text = await raw_server.assert_survives([[answer(body, status)]], expected_of(status))
            assert str(status) in text
    # The key was accepted by the call after the one that was refused.
    assert not raw_server.hass.config_entries.flow.async_progress()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
async def test_redirects_are_not_followed(raw_server: RawServerFixture, status: int) -> None:
    async with raw_server_for(raw_server.hass) as other:
        for target in (
            f"{other.raw.url}/responses",
            f"{raw_server.raw.url}/elsewhere",
            "/elsewhere",
            "//[broken",
            "",
        ):
            moved = answer(b"" if status == 304 else b"moved", status, f"Location: {target}\r\n")
            asked = len(raw_server.raw.requests)
            await raw_server.assert_survives([[moved]], "redirected")
            # The call that is redirected, and the one after it.
            assert [item.line for item in raw_server.raw.requests[asked:]] == [
                "POST /v1/responses HTTP/1.1"
            ] * 2
        assert not other.raw.requests


@pytest.mark.parametrize("action", ["create_model_response", "stream_model_response"])
async def test_quota_exceeded_is_not_retried(
    hass: HomeAssistant, media_folder: object, action: str
) -> None:
    used_up = answer(error(type="insufficient_quota", code="insufficient_quota"), 429)
    async with raw_server_for(hass, max_retries=2) as watch:
        await watch.assert_survives([[used_up]], "quota_used_up", action, **ASK)


PAUSES = {
    "none": ("", True),
    "seconds": ("Retry-After: 0.05\r\n", True),
    "milliseconds": ("Retry-After-Ms: 50\r\n", True),
    "zero": ("Retry-After: 0\r\n", True),
    "a date in the past": ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", True),
    "negative": ("Retry-After: -5\r\n", True),
    "garbage": ("Retry-After: soon\r\n", True),
    "not a number": ("Retry-After: nan\r\n", True),
    "two of them": ("Retry-After: 0.05\r\nRetry-After: 0.1\r\n", True),
    "milliseconds that are none": ("Retry-After-Ms: soon\r\nRetry-After: 0.05\r\n", True),
    "milliseconds that are empty": ("Retry-After-Ms: \r\nRetry-After: 0.05\r\n", True),
    "with a unit": ("Retry-After: 0.05s\r\n", True),
    "long": ("Retry-After: 30\r\n", False),
    "long beside milliseconds that are none": (
        "Retry-After-Ms: soon\r\nRetry-After: 30\r\n",
        False,
    ),
    "long in milliseconds": ("Retry-After-Ms: 30000\r\n", False),
    "a date to come": ("Retry-After: Fri, 31 Dec 2399 23:59:59 GMT\r\n", False),
    "huge": (f"Retry-After: {'9' * 400}\r\n", False),
    "endless": ("Retry-After: inf\r\n", False),
    "the host says no": ("X-Should-Retry: false\r\n", False),
}


async def test_retry_after_header(
    hass: HomeAssistant, media_folder: object, subtests: pytest.Subtests
) -> None:
    async with raw_server_for(hass, max_retries=1) as watch:
        for name, (headers, is_asked_again) in PAUSES.items():
            with subtests.test(name):
                start = time.monotonic()
                busy = answer(error(), 429, headers)
                if is_asked_again:
                    await watch.assert_survives([[busy], [answer()]], RIGHT)
                else:
                    await watch.assert_survives([[busy]], "rate_limited")
                    assert time.monotonic() - start < 3, "nobody waits in vain"


SOON = "Retry-After-Ms: 10\r\n"
CHANGES: dict[str, tuple[list[Script], str | dict[str, Any]]] = {
    "503, then well": ([[answer(error(), 503, SOON)], [answer()]], RIGHT),
    "503 and 429, then well": (
        [[answer(b"", 503, SOON)], [answer(error(), 429, SOON)], [answer()]],
        RIGHT,
    ),
    "503, then 400": ([[answer(error(), 503, SOON)], [answer(error(), 400)]], "refused"),
    "503, then 401": ([[answer(error(), 503, SOON)], [answer(error(), 401)]], "auth_failed"),
    "503, then moved": (
        [[answer(error(), 503, SOON)], [answer(b"", 302, "Location: /x\r\n")]],
        "redirected",
    ),
    "503, then a page": ([[answer(error(), 503, SOON)], [answer(HTML)]], "bad_answer"),
    "503 for good": ([[answer(error(), 503, SOON)]] * 3, "server_error"),
    "429, then 404": ([[answer(error(), 429)], [answer(error(), 404)]], "refused"),
    "409, then well": ([[answer(error(), 409, SOON)], [answer()]], RIGHT),
    "500 that is to be sent again": (
        [[answer(error(), 500, f"{SOON}X-Should-Retry: true\r\n")], [answer()]],
        RIGHT,
    ),
}


async def test_retry_after_status_change(
    hass: HomeAssistant, media_folder: object, subtests: pytest.Subtests
) -> None:
    async with raw_server_for(hass, max_retries=2, timeout=10) as watch:
        for name, (scripts, expected) in CHANGES.items():
            with subtests.test(name):
                asked = len(watch.raw.requests)
                await watch.assert_survives(scripts, expected)
                # A refused key is looked into with requests that have no body.
                bodies = {item.body for item in watch.raw.requests[asked:-1] if item.body}
                assert [orjson.loads(body) for body in bodies] == [ASK]
