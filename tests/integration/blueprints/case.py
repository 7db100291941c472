"""What a call of a script is to send and to bring back."""

from dataclasses import dataclass, field
from typing import Any

type Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call of a script: `<name>` in any text stands for something made before."""

    blueprint: str
    variant: str = ""
    makes: list[str] = field(default_factory=list)
    inputs: Json = field(default_factory=dict)
    fields: Json = field(default_factory=dict)
    sent: list[tuple[str, str, Any]]
    answer: Any

    @property
    def id(self) -> str:
        """The name of the test."""
        return f"{self.blueprint}-{self.variant}" if self.variant else self.blueprint
