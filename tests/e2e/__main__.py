"""Drive Home Assistant's frontend as a person would, see scripts/e2e --help."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
import re
import shutil
import signal
import sys
from time import monotonic

from playwright.async_api import Error

from tests.harness import CommandError, HomeAssistantProcess, Service
from tests.harness.check import Report
from tests.harness.client import Json, RestError
from tests.harness.process import ROOT, ProcessError

from .actions import check_actions
from .assistant import set_up_assistant
from .automations import add_actions, blueprint, trigger, voice
from .browser import Chromium, Screen, chromium
from .forms import add, mistype, options, reconfigure
from .pages import ask, dashboard, paint
from .texts import Texts, actions_of

PICTURES = ROOT / ".develop" / "e2e"
DOCUMENTATION = ROOT / "docs" / "screenshots"
KEY = "sk-standin"
WRONG = "sk-wrong"
STYLES: dict[str, Json] = {
    "bearer": {"auth_method": "bearer", "api_key": KEY},
    "header": {"auth_method": "header", "auth_name": "api-key", "api_key": KEY},
    "query": {"auth_method": "query", "auth_name": "key", "api_key": KEY},
    "none": {"auth_method": "none"},
}
# In English every action is opened; in German enough of them to see that its texts are used.
SAMPLE = 5

type Step = tuple[str, Callable[[], Awaitable[None]]]


async def drive(
    browser: Chromium,
    home: HomeAssistantProcess,
    service: Service,
    report: Report,
    folder: Path | None,
    only: str,
) -> None:
    """Go through everything that a person would do."""
    english, german = [await Texts.load(home, language) for language in ("en", "de")]

    async def add_host(screen: Screen, style: str) -> None:
        """Add a service that wants its key in this style."""
        settings = {"base_url": service.url(style), **STYLES[style]}
        known = len(await home.entries())
        wrong = WRONG if "api_key" in settings else None
        await add(
            screen,
            report,
            english,
            settings,
            wrong=wrong,
            picture=None if known else folder,
        )
        entries = await home.entries()
        loaded = [entry for entry in entries if entry["state"] == "loaded"]
        report.expect(len(loaded) == known + 1, "the service is added and loaded")
        if not known:
            # The stand-in is no known kind of service, so that no model of its many is chosen.
            await home.set_options(
                loaded[0]["entry_id"], {"record_events": False, "chat": "gpt-5-mini"}
            )

    async def open_actions(screen: Screen, texts: Texts, step: int) -> None:
        """Open every action, or some."""
        found = list((await actions_of(home)).values())
        await check_actions(screen, report, texts, found[::step])

    async with browser.screen(home.url, "en-US") as screen:
        first: Step = ("Add a service: bearer", partial(add_host, screen, "bearer"))
        await walk([first], screen, report, "")
        steps: list[Step] = [
            ("Every action in the developer tools", partial(open_actions, screen, english, 1)),
            (
                "Actions in the automation editor",
                partial(add_actions, screen, report, english),
            ),
            ("Ask in the developer tools", partial(ask, screen, report, english, folder)),
            ("Make a picture and find it", partial(paint, screen, report, english, folder)),
            (
                "A trigger in the automation editor",
                partial(trigger, screen, report, english, home, folder),
            ),
            ("Import a blueprint", partial(blueprint, screen, report, home)),
            ("Ask by voice", partial(voice, screen, report, folder)),
            ("The demonstration dashboard", partial(dashboard, screen, report, folder)),
            ("The options", partial(options, screen, report, english)),
            (
                "A mistyped URL on a phone",
                partial(mistype, screen, report, english, service.url("bearer"), KEY),
            ),
            (
                "The connection",
                partial(reconfigure, screen, report, english, service.url("bearer")),
            ),
        ]
        steps += [
            (f"Add a service: {style}", partial(add_host, screen, style))
            for style in ("header", "query", "none")
        ]
        await walk(steps, screen, report, only)
    async with browser.screen(home.url, "de-DE") as screen:
        last: Step = ("Actions in German", partial(open_actions, screen, german, SAMPLE))
        await walk([last], screen, report, only)


async def drive_fresh(
    browser: Chromium,
    environment: Path,
    service: Service,
    report: Report,
    folder: Path | None,
    only: str,
) -> None:
    """Set up a voice assistant in a Home Assistant that has nothing yet."""
    title = "A voice assistant on a phone"
    if only.lower() not in title.lower():
        return
    async with HomeAssistantProcess(environment=environment) as home:
        english = await Texts.load(home, "en")
        async with browser.screen(home.url, "en-US") as screen:
            step: Step = (
                title,
                partial(set_up_assistant, screen, report, english, home, service, folder),
            )
            await walk([step], screen, report, only)
        (PICTURES / "fresh-home.log").write_text(home.logs())


async def walk(steps: Sequence[Step], screen: Screen, report: Report, only: str) -> None:
    """Take the steps with a text in their titles one after the other, and go on if one fails."""
    for title, step in steps:
        if only.lower() not in title.lower():
            continue
        report.title(title)
        began = monotonic()
        try:
            await step()
        except (Error, AssertionError, CommandError, LookupError, RestError) as err:
            name = "failure-" + re.sub(r"\W+", "-", title.lower())
            await screen.picture(name)
            report.expect(False, f"{title}: {str(err).strip()} (see {name}.png)")
        complaints, screen.complaints = screen.complaints, []
        for complaint in complaints:
            report.show("console", complaint)
        report.expect(not complaints, "no error in the browser's console")
        report.show("took", f"{monotonic() - began:.1f} s")


async def run(executable: Path, environment: Path, *, documentation: bool, only: str) -> bool:
    """Start everything, go through it and tell whether nothing was missing."""
    report = Report()
    began = monotonic()
    if work := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    output = PICTURES / "standin.log"
    async with (
        Service(key=KEY, output=output) as service,
        HomeAssistantProcess(environment=environment, demo=True) as home,
    ):
        report.title("Home Assistant")
        report.show("started in", f"{monotonic() - began:.1f} s")
        try:
            async with chromium(executable, PICTURES) as browser:
                folder = DOCUMENTATION if documentation else None
                await drive(browser, home, service, report, folder, only)
                await drive_fresh(browser, environment, service, report, folder, only)
        finally:
            (PICTURES / "home.log").write_text(home.logs())
    report.title("Result")
    report.show("took", f"{monotonic() - began:.0f} s")
    report.show("pictures and logs", str(PICTURES.relative_to(ROOT)))
    report.show("missing", "; ".join(report.missing) or "nothing")
    return not report.missing


def main() -> None:
    """Read the command line and start."""
    parser = argparse.ArgumentParser(prog="scripts/e2e", description=__doc__)
    parser.add_argument("--browser", required=True, help=argparse.SUPPRESS)
    parser.add_argument(
        "--screenshots", action="store_true", help="renew the pictures in docs/screenshots"
    )
    parser.add_argument(
        "--if-possible", action="store_true", help="skip all where no Chromium can be had"
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="add a service, then take the steps with TEXT in their titles",
    )
    parser.add_argument(
        "--oldest", action="store_true", help="drive the oldest supported Home Assistant"
    )
    given = parser.parse_args()
    environment = ROOT / ".venv" / ("oldest_core" if given.oldest else "newest")
    try:
        passed = asyncio.run(
            run(
                Path(given.browser),
                environment,
                documentation=given.screenshots,
                only=given.only,
            )
        )
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    except (ProcessError, Error) as err:
        sys.exit(f"error: {err}")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
