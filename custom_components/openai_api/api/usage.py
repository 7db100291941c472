"""Counts the requests and tokens of a service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
import time
from typing import Any, Self

from homeassistant.core import callback

from ..const import (
    CONF_CACHED_INPUT_PRICE,
    CONF_INPUT_PRICE,
    CONF_OUTPUT_PRICE,
)
from ..error_rules import is_server_error
from ..object_types import object_type_of
from ..statuses import is_ended

# Methods whose response has the usage of creating it; reading it again uses nothing.
_BILLABLE_VERBS = frozenset(
    {
        *("create", "parse", "generate", "edit", "create_variation", "compact"),
        *("create_and_run", "submit_tool_outputs"),
    }
)
_AGENT_TURN_METHOD = "beta.agents.sessions.stream"
"""It creates a turn, which has the usage."""
_MAX_IN_PROGRESS = 1000
# Methods that are paid for though their response has no usage.
_BILLABLE_METHODS = frozenset(
    {
        "audio.speech.create",
        "audio.transcriptions.create",
        "audio.translations.create",
        "images.create_variation",
        "images.edit",
        "images.generate",
        "videos.create",
        "videos.edit",
        "videos.extend",
        "videos.remix",
    }
)
_INPUT_DETAILS = ("input_tokens_details", "input_token_details", "prompt_tokens_details")
_OUTPUT_DETAILS = ("output_tokens_details", "output_token_details", "completion_tokens_details")
_RATE_LIMIT_HEADERS = {
    "remaining_requests": "x-ratelimit-remaining-requests",
    "remaining_tokens": "x-ratelimit-remaining-tokens",
}
# More digits than any count has, and fewer than Python refuses to read.
_MAX_COUNT_DIGITS = 20
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The price of a million tokens in Home Assistant's currency; None where none is set."""

    input: float | None = None
    cached_input: float | None = None
    output: float | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Return the prices in an entry's options; what is no number is none."""

        def price(key: str) -> float | None:
            value = options.get(key)
            return value if isinstance(value, int | float) else None

        return cls(
            input=price(CONF_INPUT_PRICE),
            cached_input=price(CONF_CACHED_INPUT_PRICE),
            output=price(CONF_OUTPUT_PRICE),
        )

    @property
    def is_set(self) -> bool:
        """Whether any price is set; 0 is a price, too."""
        return any(price is not None for price in (self.input, self.cached_input, self.output))

    def cost(self, counts: Mapping[str, int]) -> float:
        """Return the cost of tokens in Home Assistant's currency.

        `counts` is `{"input_tokens": …, "output_tokens": …, "cached_tokens": …}`; cached tokens are
        among the input tokens.
        """
        full = self.input or 0
        reduced = full if self.cached_input is None else self.cached_input
        cached = min(counts["cached_tokens"], counts["input_tokens"])
        total = (counts["input_tokens"] - cached) * full + cached * reduced
        return (total + counts["output_tokens"] * (self.output or 0)) / _MILLION


@dataclass(slots=True)
class Usage:
    """What was used since Home Assistant started; sensors add it to the stored totals."""

    prices: Prices = field(default_factory=Prices)
    values: dict[str, float] = field(default_factory=dict)
    """By the keys of the sensors: times in seconds, costs in currency, the rest are counts."""
    last_response_at: float = 0.0
    """When the server last responded, as a time of `time.monotonic` in seconds."""
    _in_progress: dict[str, bool] = field(default_factory=dict)
    """The ids of created objects on which the server still works, the oldest first."""
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    @callback
    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener after every change; returns how to stop it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def record_response(self, seconds: float, headers: Mapping[str, str], status: int) -> None:
        """Count a request that was answered after some seconds, with any status."""
        self.values["response_time"] = seconds
        for key, header in _RATE_LIMIT_HEADERS.items():
            if (value := headers.get(header, "")).isdecimal() and len(value) < _MAX_COUNT_DIGITS:
                self.values[key] = int(value)
        self._add("requests", 1)
        if status >= HTTPStatus.BAD_REQUEST:
            self._add("failed_requests", 1)
        if not (
            HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
            or is_server_error(status)
        ):
            self.last_response_at = time.monotonic()
        self._notify()

    @callback
    def record_connection(self) -> None:
        """Record that a WebSocket was opened."""
        self.last_response_at = time.monotonic()
        self._notify()

    @callback
    def record_failure(self) -> None:
        """Count a request without a response."""
        self._add("requests", 1)
        self._add("failed_requests", 1)
        self._notify()

    @callback
    def count(self, key: str) -> None:
        """Add one to the value of a sensor."""
        self._add(key, 1)
        self._notify()

    @callback
    def record_result(self, method: str, answer: Any) -> bool:
        """Count the tokens of a response of an SDK method; return whether it used the quota."""
        took = False
        if isinstance(answer, dict) and self._is_new(method, answer):
            took = self.record_tokens(
                answer.get("turn") if method == _AGENT_TURN_METHOD else answer
            )
        return took or method in _BILLABLE_METHODS

    def _is_new(self, method: str, answer: Mapping[str, Any]) -> bool:
        """Return whether the tokens of an object are to be counted now.

        Those of a background object are counted when it is complete for the first time.
        """
        name = str(answer.get("id"))
        is_made = method == _AGENT_TURN_METHOD or method.rpartition(".")[2] in _BILLABLE_VERBS
        is_new = self._in_progress.pop(name, is_made)
        if is_new and _is_in_progress(answer) and not _has_tokens(answer):
            self._in_progress[name] = True
            if len(self._in_progress) > _MAX_IN_PROGRESS:
                del self._in_progress[next(iter(self._in_progress))]
            return False
        return is_new

    @callback
    def record_tokens(self, answer: Any) -> bool:
        """Count the tokens in the `usage` of an object, and return whether there are any."""
        counts = _tokens_in(answer)
        if counts is None:
            return False
        for key, count in counts.items():
            self._add(key, count)
        if self.prices.is_set:
            self._add("costs", self.prices.cost(counts))
        self._notify()
        return any(counts.values())

    def _add(self, key: str, count: float) -> None:
        """Add to a count."""
        self.values[key] = self.values.get(key, 0) + count

    def _notify(self) -> None:
        """Call the listeners."""
        for listener in tuple(self._listeners):
            listener()


def _is_in_progress(answer: Mapping[str, Any]) -> bool:
    """Return whether the server still works on an object that will have a usage."""
    status, object_type = answer.get("status"), object_type_of(answer)
    if object_type is None:
        return not is_ended(status)
    return object_type.is_billable and not object_type.is_ended(status)


def _has_tokens(answer: Mapping[str, Any]) -> bool:
    """Return whether an object has a usage."""
    return any((_tokens_in(answer) or {}).values())


def _tokens_in(answer: Any) -> dict[str, int] | None:
    """Return the tokens in the `usage` of an object, None if it has none; keys differ by API.

    Returns `{"input_tokens": …, "output_tokens": …, "cached_tokens": …, "reasoning_tokens": …}`,
    each 0 if it is not told.
    """
    usage = answer.get("usage") if isinstance(answer, dict) else None
    if not isinstance(usage, dict):
        return None
    return {
        "input_tokens": _count(usage, "input_tokens") or _count(usage, "prompt_tokens"),
        "output_tokens": _count(usage, "output_tokens") or _count(usage, "completion_tokens"),
        "cached_tokens": _detail(usage, _INPUT_DETAILS, "cached_tokens"),
        "reasoning_tokens": _detail(usage, _OUTPUT_DETAILS, "reasoning_tokens"),
    }


def _detail(usage: Mapping[str, Any], places: tuple[str, ...], key: str) -> int:
    """Return the count of a kind of tokens in the first of the objects that has it, else 0."""
    for place in places:
        details = usage.get(place)
        if isinstance(details, dict) and (count := _count(details, key)):
            return count
    return 0


def _count(values: Mapping[str, Any], key: str) -> int:
    """Return the count under a key, 0 if there is none."""
    count = values.get(key)
    if isinstance(count, int) and not isinstance(count, bool) and count > 0:
        return count
    return 0
