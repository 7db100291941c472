"""Every way in which a host may say goodbye, and what is made of it."""

from tests.faults.raw_sockets import CLOSE, RawHost, closing, frame, text
from tests.integration.conftest import CANARY

from .house import House, both_kinds

AGAIN = {1011, 1012, 1013, 1014}
"""Codes of a host that may be back soon."""
ENDS = {*range(1000, 1015), 3000, 3999, 4000, 4999} - {1004, 1005, 1006} - AGAIN
"""Codes that mean what they say: it is over."""
FORBIDDEN = {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535}
"""Codes that nobody may send: a line that carries such things is a broken one."""
KEY_LIKE = "sk-proj-0123456789abcdef"
REASONS: dict[str, tuple[bytes, str]] = {
    "none": (b"", ""),
    "as long as it gets": (("ü" * 61 + "x").encode(), "ü" * 61 + "x"),
    "the key": (f"Bad key {CANARY}!".encode(), "Bad key ***!"),
    "another key": (f"Bad key {KEY_LIKE} of yours".encode(), "Bad key *** of yours"),
    "a page": (b"<p>Go <b>away</b></p>", "Go away"),
}
BROKEN: dict[str, bytes] = {
    "no text": closing(1008, b"\xff\xfe"),
    "half a character": closing(1008, "ü".encode()[:1]),
    "half a code": frame(CLOSE, b"\x03"),
    "too long": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "in two parts": frame(CLOSE, b"\x03\xe8", fin=False),
}


@both_kinds
async def test_codes_that_end_it(house: House) -> None:
    for code in sorted(ENDS):
        peer = await house.opened()
        house.states.clear()
        await peer.close(code, b"Reason")
        ended = await house.until_told("disconnected")
        assert house.told == ["disconnected"], code
        assert (ended["code"], ended["reason"]) == (code, "Reason")
        # What ends as it should is no error.
        assert ended["error"] == (None if code in {1000, 1001} else "Reason")
        assert ended["context_lost"] is False
        await peer.over()
        assert peer.goodbyes == [(code, "Reason")]
        error = await house.refused(house.send())
        assert error.translation_key == "connection_unknown"
    await house.works_anew()


async def test_no_code(house: House) -> None:
    peer = await house.opened()
    await peer.close(None)
    ended = await house.until_told("disconnected")
    assert (ended["code"], ended["reason"], ended["error"]) == (1005, "", None)
    await house.works_anew()


@both_kinds
async def test_codes_of_a_host_that_comes_back(house: House, host: RawHost) -> None:
    await house.opened()
    for count, code in enumerate(sorted(AGAIN), 2):
        house.states.clear()
        await host.peers[-1].close(code, b"Back soon")
        await house.until_told("connected")
        await host.peers.reach(count)
        lost, back = house.states
        assert (lost["state"], lost["code"], lost["reason"]) == ("reconnecting", code, "Back soon")
        assert (lost["error"], lost["context_lost"]) == ("Back soon", False)
        assert (back["state"], back["code"], back["error"]) == ("connected", None, None)
        assert back["context_lost"] is True
    await house.works()


async def test_codes_that_nobody_may_send(house: House, host: RawHost) -> None:
    for code in sorted(FORBIDDEN):
        peer = await house.opened()
        house.states.clear()
        await peer.close(code, b"Reason")
        await house.until_told("connected")
        assert (house.states[0]["state"], house.states[0]["code"]) == ("reconnecting", 1006), code
        assert house.states[0]["error"], code
        await house.close()
    await house.works_anew()


async def test_reasons(house: House) -> None:
    for name, (reason, shown) in REASONS.items():
        peer = await house.opened()
        house.states.clear()
        await peer.close(1008, reason)
        ended = await house.until_told("disconnected")
        assert (ended["reason"], ended["error"]) == (shown, shown or None), name
    await house.works_anew()


async def test_reason_is_safe_while_it_comes_back(house: House) -> None:
    peer = await house.opened()
    await peer.close(1011, f"{KEY_LIKE} {CANARY}".encode())
    lost = await house.until_told("reconnecting")
    assert (lost["reason"], lost["error"]) == ("*** ***", "*** ***")
    await house.until_told("connected", 2)
    await house.works()


async def test_goodbyes_that_make_no_sense(house: House) -> None:
    for name, data in BROKEN.items():
        peer = await house.opened()
        house.states.clear()
        await peer.say(data)
        await house.until_told("connected")
        assert (house.states[0]["state"], house.states[0]["code"]) == ("reconnecting", 1006), name
        await house.close()
    await house.works_anew()


async def test_events_before_the_goodbye_arrive(house: House) -> None:
    peer = await house.opened()
    events = [{"type": "last", "n": number} for number in range(300)]
    await peer.tell(*events)
    await peer.close(1000, b"That was all")
    await house.until_told("disconnected")
    assert [data["event"] for data in house.raw] == events
    await house.works_anew()


async def test_nothing_after_the_goodbye_arrives(house: House) -> None:
    peer = await house.opened()
    await peer.say(closing(1000) + text({"type": "too.late"}) + closing(1011))
    ended = await house.until_told("disconnected")
    assert ended["code"] == 1000
    assert house.raw == []
    await house.works_anew()
