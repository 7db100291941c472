"""The examples in the documentation, as the tests read them."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
GENERATED = ROOT / "docs" / "actions"
# An example that cannot be run says why, in a comment above it.
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?(?P<indent> *)```yaml\n(?P<text>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)


class Example(NamedTuple):
    """A block of YAML in a page."""

    page: Path
    line: int
    text: str
    reason: str | None
    """Why it is not run."""

    @property
    def data(self) -> Any:
        """Return what it says."""
        return yaml.safe_load(self.text)  # type: ignore[no-untyped-call]

    @property
    def place(self) -> str:
        """Return where it stands, as the names of tests show it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples() -> Iterator[Example]:
    """Yield all examples."""
    for page in PAGES:
        text = page.read_text()
        for found in _BLOCK.finditer(text):
            indent = found["indent"]
            lines = [line.removeprefix(indent) for line in found["text"].splitlines()]
            line = text.count("\n", 0, found.start("indent")) + 1
            yield Example(page, line, "\n".join(lines), found["reason"])


EXAMPLES = tuple(examples())


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in an example, at whatever depth."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from mappings(item)
    elif isinstance(value, list):
        for item in value:
            yield from mappings(item)
