"""A Home Assistant to try things out in, see python -m tests.harness.develop --help."""

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
import os
from pathlib import Path
import signal
import sys
from tempfile import TemporaryDirectory

from .check import check
from .client import PASSWORD, USER, Json
from .home_assistant import HomeAssistantProcess
from .process import ROOT, ProcessError, free_port
from .service import Service

FOLDER = ROOT / ".develop"
DASHBOARD = "openai-demo"
ENV_KEY = "OPENAI_API_KEY"
ENV_BASE_URL = "OPENAI_BASE_URL"
ENV_MODEL = "OPENAI_MODEL"
RESTART = 100


def say(text: str) -> None:
    """Tell what is going on."""
    print(f"\033[1m==>\033[0m {text}", flush=True)


def host_of(environment: Mapping[str, str]) -> Json | None:
    """Return the settings of the host that the environment names, None for the stand-in."""
    if not environment.get(ENV_KEY):
        return None
    base_url = environment.get(ENV_BASE_URL)
    return {
        **({"base_url": base_url} if base_url else {}),
        "api_key_source": "environment",
        "api_key": ENV_KEY,
    }


def trouble_in(result: Json) -> str:
    """Return why a form was not accepted."""
    errors = result.get("errors") or {"reason": result.get("reason")}
    return ", ".join(f"{field} {error}" for field, error in errors.items())


async def set_up(home: HomeAssistantProcess, settings: Json) -> None:
    """Add the entry, or bring the one of an earlier start up to date."""
    if entries := await home.entries():
        result = await home.reconfigure(entries[0]["entry_id"], settings)
        if result.get("reason") != "reconfigure_successful":
            raise ProcessError(f"The entry could not be changed: {trouble_in(result)}")
        await home.entry_until(entries[0]["entry_id"], "loaded", within=60)
        return
    result = await home.add_entry(settings)
    if result["type"] != "create_entry":
        raise ProcessError(f"The entry could not be added: {trouble_in(result)}")


async def develop(*, checking: bool) -> bool:
    """Start everything, check it or serve it until somebody stops it, and stop everything."""
    settings = host_of(os.environ)
    async with AsyncExitStack() as stack:
        if checking:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="home-")))
        else:
            folder = FOLDER
            folder.mkdir(exist_ok=True)
        service = None
        if settings is None:
            service = Service(
                key="sk-standin",
                port=None if checking else free_port(8765),
                pace=0 if checking else 0.05,
                output=folder / "standin.log",
            )
            await stack.enter_async_context(service)
            settings = {"base_url": service.url(), "api_key": service.key}
            say(
                f"stand-in service at {service.url()}, key {service.key}, "
                f"and at {service.url('none')} without one (set {ENV_KEY} to use a real service)"
            )
        home = HomeAssistantProcess(
            folder,
            port=None if checking else free_port(8123, *range(8124, 8134)),
            demo=True,
            quiet=checking,
        )
        stack.push_async_callback(home.close)
        is_first = not (folder / ".storage").exists()
        say(f"starting Home Assistant{' for the first time' if is_first else ''}")
        await home.start()
        await set_up(home, settings)
        say(f"Home Assistant at {home.url}/{DASHBOARD} (user {USER}, password {PASSWORD})")
        if checking:
            return await check(home, service, model=os.environ.get(ENV_MODEL, "gpt-5-mini"))
        say("press Ctrl-C to stop")
        while (code := await home.wait()) == RESTART:
            say("restarting Home Assistant")
            await home.start()
        raise ProcessError(f"Home Assistant ended with {code}")


async def run(*, checking: bool) -> int:
    """Do the work until it is done or a signal ends it."""
    work = asyncio.create_task(develop(checking=checking))

    def ask_to_stop() -> None:
        """End the work once; a second Ctrl-C must not interrupt the tidying up."""
        if not work.done() and not work.cancelling():
            say("stopping")
            work.cancel()

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sign, ask_to_stop)
    try:
        return 0 if await work else 1
    except asyncio.CancelledError:
        return 130 if checking else 0
    except ProcessError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1


def main() -> None:
    """Read the command line and start."""
    parser = argparse.ArgumentParser(prog="scripts/develop", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="try everything without a person, then stop"
    )
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(run(checking=options.check)))


if __name__ == "__main__":
    main()
