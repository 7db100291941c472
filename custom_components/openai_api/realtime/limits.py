"""Limits of what a model may do without the user, and of what a connection may cost."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
import json
from typing import Any, Final

from ..api.usage import Prices
from ..llm_tools import ToolCallLimit

MAX_ROUNDS: Final = 10
"""Responses in which a model may call tools between two messages of the user."""
MAX_CALLS: Final = 10
"""Tool calls in all of these responses."""
MAX_CONCURRENT_CALLS: Final = 4


@dataclass(slots=True)
class ToolLimits:
    """Counts rounds and calls since the last message of the user."""

    max_calls: int = MAX_CALLS
    is_reached: bool = False
    """Whether a call was refused since then."""
    calls: int = 0
    same: ToolCallLimit | None = None
    """Counts the calls about the same thing."""
    _rounds: set[str] = field(default_factory=set)
    _unnamed: int = 0

    def reset(self) -> None:
        """Start again after a message of the user."""
        self.calls = self._unnamed = 0
        self._rounds.clear()
        self.is_reached = False
        if self.same is not None:
            self.same.reset()

    def start_round(self, response_id: Any) -> bool:
        """Return whether the response with this id may call tools, or be followed by another one."""
        if isinstance(response_id, str):
            if response_id not in self._rounds and len(self._rounds) < MAX_ROUNDS:
                self._rounds.add(response_id)
            return response_id in self._rounds
        self._unnamed += 1
        return self._unnamed + len(self._rounds) <= MAX_ROUNDS

    def start_call(self, response_id: Any, tool_name: str, text: str) -> bool:
        """Count a tool call; return whether the response with this id may make it.

        `text` is the JSON of its arguments.
        """
        if self.calls >= self.max_calls or not self.start_round(response_id):
            return False
        arguments: Any = text
        with suppress(ValueError, RecursionError):
            arguments = json.loads(text)
        if self.same is not None and not self.same.start_call(tool_name, arguments):
            return False
        self.calls += 1
        return True


@dataclass(slots=True, kw_only=True)
class UsageLimit:
    """Adds up the tokens and costs of a connection, and says when they reach a limit."""

    max_tokens: int | None = None
    """Input and output, cached tokens included."""
    max_cost: float | None = None
    """In Home Assistant's currency."""
    prices: Prices = field(default_factory=Prices)
    tokens: int = 0
    cost: float = 0.0

    def add(self, usage: Any) -> bool:
        """Add the usage of a response or a transcription; return whether a limit is reached.

        `usage` is `{"input_tokens": …, "output_tokens": …, "input_token_details": {"cached_tokens":
        …}}`; anything else counts nothing.
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
        """Return whether a limit is reached."""
        return (self.max_tokens is not None and self.tokens >= self.max_tokens) or (
            self.max_cost is not None and self.cost >= self.max_cost
        )


def _count(values: Any, key: str) -> int:
    """Return a count of tokens, 0 for anything else."""
    value = values.get(key) if isinstance(values, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
