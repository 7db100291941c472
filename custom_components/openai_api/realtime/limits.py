"""Bounds on what a model may do by itself, and on what a connection may cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..api.usage import Prices

MAX_ROUNDS: Final = 10
"""Responses in which a model may use tools before a person has the next word."""
MAX_CALLS: Final = 10
"""Calls of tools, in all of these rounds."""
MAX_CONCURRENT_CALLS: Final = 4


@dataclass(slots=True)
class ToolLimits:
    """Counts rounds and calls since the last message of a person."""

    max_calls: int = MAX_CALLS
    is_reached: bool = False
    """Whether something was refused since then."""
    calls: int = 0
    _rounds: set[str] = field(default_factory=set)
    _unnamed: int = 0

    def reset(self) -> None:
        """Start again: a person has said something."""
        self.calls = self._unnamed = 0
        self._rounds.clear()
        self.is_reached = False

    def start_round(self, response_id: Any) -> bool:
        """Return whether the response of this id may use tools, or be followed by another one."""
        if isinstance(response_id, str):
            if response_id not in self._rounds and len(self._rounds) < MAX_ROUNDS:
                self._rounds.add(response_id)
            return response_id in self._rounds
        self._unnamed += 1
        return self._unnamed + len(self._rounds) <= MAX_ROUNDS

    def start_call(self, response_id: Any) -> bool:
        """Return whether a tool may be used in the response of this id."""
        if self.calls >= self.max_calls or not self.start_round(response_id):
            return False
        self.calls += 1
        return True


@dataclass(slots=True, kw_only=True)
class UsageLimit:
    """Adds up the tokens and costs of a connection, and knows when they are enough."""

    max_tokens: int | None = None
    """Input and output, with those from the host's cache."""
    max_cost: float | None = None
    """In Home Assistant's currency."""
    prices: Prices = field(default_factory=Prices)
    tokens: int = 0
    cost: float = 0.0

    def add(self, usage: Any) -> bool:
        """Add what a response or a transcription took; return whether a limit is reached now.

        `usage` is `{"input_tokens": …, "output_tokens": …, "input_token_details": …}`; what else
        it may be counts for nothing.
        """
        if not isinstance(usage, Mapping):
            return False
        details = usage.get("input_token_details")
        counts = {
            "input_tokens": _count(usage, "input_tokens"),
            "output_tokens": _count(usage, "output_tokens"),
            "cached_tokens": _count(details, "cached_tokens"),
        }
        total = counts["input_tokens"] + counts["output_tokens"]
        if not total:
            return False
        self.tokens += total
        self.cost += self.prices.cost(counts)
        return self._is_reached()

    def _is_reached(self) -> bool:
        """Return whether there is nothing left of a limit."""
        return (self.max_tokens is not None and self.tokens >= self.max_tokens) or (
            self.max_cost is not None and self.cost >= self.max_cost
        )


def _count(values: Any, key: str) -> int:
    """Return a count of tokens; 0 for what is none."""
    value = values.get(key) if isinstance(values, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
