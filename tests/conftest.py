"""What holds for all tests: their log, their names, and the figures that they leave behind."""

from collections.abc import Generator
import logging

import pytest


def pytest_configure() -> None:
    """Write no log to the standard error output, as Home Assistant's test package does.

    pytest keeps the log of tests that fail; to write each record twice takes its time.
    """
    for handler in logging.root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            logging.root.removeHandler(handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case with a long value by its argument: some would be megabytes, in each report."""
    is_long = isinstance(val, str) and len(val) > 80
    return argname if is_long or (isinstance(val, bytes) and len(val) > 16) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the captured log of failed tests only: all of them together take a gigabyte."""
    report = yield
    if report.passed:
        report.sections.clear()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests took down with `record_property`: their figures, added up by name."""
    figures: dict[str, float] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            figures[name] = figures.get(name, 0) + value
    if figures:
        terminalreporter.section("figures")
        for name, value in figures.items():
            terminalreporter.line(f"{name}: {value:,}")
