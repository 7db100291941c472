"""Counts what a service host is asked for, and what that uses up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import callback

# Methods whose answer tells what making it took; reading it again takes nothing.
_MAKING = frozenset(
    {"create", "parse", "generate", "edit", "compact", "create_and_run", "submit_tool_outputs"}
)
_TOTALS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "input_tokens": (("input_tokens",), ("prompt_tokens",)),
    "output_tokens": (("output_tokens",), ("completion_tokens",)),
    "cached_tokens": (
        ("input_tokens_details", "cached_tokens"),
        ("input_token_details", "cached_tokens"),
        ("prompt_tokens_details", "cached_tokens"),
    ),
    "reasoning_tokens": (
        ("output_tokens_details", "reasoning_tokens"),
        ("output_token_details", "reasoning_tokens"),
        ("completion_tokens_details", "reasoning_tokens"),
    ),
}
_HEADROOM = {
    "remaining_requests": "x-ratelimit-remaining-requests",
    "remaining_tokens": "x-ratelimit-remaining-tokens",
}


@dataclass(slots=True)
class Usage:
    """What has been used since Home Assistant started; sensors add it to what was before."""

    values: dict[str, float] = field(default_factory=dict)
    """By the keys of the sensors. Times in seconds, the rest are counts."""
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    @callback
    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener after every change; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def asked(self, seconds: float, headers: Mapping[str, str], *, is_ok: bool) -> None:
        """Count a request that was answered, whether the host did what it was asked for or not."""
        self.values["response_time"] = seconds
        for key, header in _HEADROOM.items():
            if (value := headers.get(header, "")).isdecimal():
                self.values[key] = int(value)
        self._add("requests", 1)
        if not is_ok:
            self._add("failed_requests", 1)
        self._tell()

    @callback
    def failed(self) -> None:
        """Count a request that got no answer."""
        self._add("requests", 1)
        self._add("failed_requests", 1)
        self._tell()

    @callback
    def used(self, method: str, answer: Any) -> None:
        """Count the tokens that an answer says it took."""
        if method.rpartition(".")[2] in _MAKING:
            self.spent(answer)

    @callback
    def spent(self, answer: Any) -> None:
        """Count the tokens in an object's `usage`, under whichever names it has them."""
        usage = answer.get("usage") if isinstance(answer, Mapping) else None
        if not isinstance(usage, Mapping):
            return
        for key, places in _TOTALS.items():
            self._add(key, next((found for place in places if (found := _at(usage, place))), 0))
        self._tell()

    def _add(self, key: str, count: float) -> None:
        """Raise a count."""
        self.values[key] = self.values.get(key, 0) + count

    def _tell(self) -> None:
        """Tell the sensors."""
        for listener in tuple(self._listeners):
            listener()


def _at(values: Any, place: tuple[str, ...]) -> int:
    """Return the count at a place, 0 if there is none."""
    for key in place:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values if isinstance(values, int) and not isinstance(values, bool) else 0
