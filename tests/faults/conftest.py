"""The Home Assistant of the integration tests, and the figures that tests here leave behind."""

import pytest

from tests.integration.conftest import (
    _custom,
    _nothing_blocks,
    _nothing_leaks,
    _sockets,
    call,
    entry,
    events,
    media_folder,
    standin,
)

from .watch import watch

__all__ = [
    "_custom",
    "_nothing_blocks",
    "_nothing_leaks",
    "_sockets",
    "call",
    "entry",
    "events",
    "media_folder",
    "standin",
    "watch",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests took down with `record_property`: their figures, added up by name."""
    figures: dict[str, float] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        if report.nodeid.startswith("tests/faults/"):
            for name, value in report.user_properties:
                figures[name] = figures.get(name, 0) + value
    if figures:
        terminalreporter.section("figures")
        for name, value in figures.items():
            terminalreporter.line(f"{name}: {value:,}")
