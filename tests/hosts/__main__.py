"""Drive real servers through a real Home Assistant, see scripts/hosts --help."""

import argparse
import asyncio
from contextlib import AsyncExitStack
import importlib
from pathlib import Path
import pkgutil
import re
import sys

from tests.harness import HomeAssistantProcess
from tests.harness.develop import say as report
from tests.harness.process import ProcessError

from . import servers
from .assist import try_assist
from .families import SPOKEN, write_files
from .install import FOLDER, InstallError
from .run import Trial, say
from .server import Server
from .servers.piper import Piper


def known() -> dict[str, type[Server]]:
    """Return every server there is a module for, by its name."""
    for module in pkgutil.iter_modules(servers.__path__):
        importlib.import_module(f"{servers.__name__}.{module.name}")
    found: dict[str, type[Server]] = {}
    kinds = Server.__subclasses__()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found[kind.name] = kind
    return dict(sorted(found.items()))


async def _spoken(stack: AsyncExitStack, folder: Path) -> None:
    """Have the question for the transcribers spoken, once."""
    sound = FOLDER / "spoken.wav"
    if not sound.exists():
        piper = Piper()
        await asyncio.to_thread(piper.install)
        stack.push_async_callback(piper.stop)
        await piper.start()
        await say(piper, SPOKEN, sound)
    (folder / "spoken.wav").write_bytes(sound.read_bytes())


async def run(options: argparse.Namespace) -> None:
    """Try the chosen servers one after another."""
    kinds = known()
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        home = HomeAssistantProcess()
        stack.push_async_callback(home.close)
        if options.assist:
            (home.folder / "packages").mkdir(exist_ok=True)
            (home.folder / "packages" / "assist.yaml").write_text("assist_pipeline:\nstt:\ntts:\n")
        report("starting Home Assistant")
        await home.start()
        files = home.folder / "files"
        write_files(files)
        if options.assist or any("transcription" in kinds[name].families for name in options.name):
            await _spoken(stack, files)
        failed = [
            name
            for name in options.name
            if not await _try(home, kinds[name](), files, options.family)
        ]
        if options.assist:
            print(await try_assist(home, files), flush=True)
        print("What Home Assistant logged of it:", complaints(home.logs()) or "nothing", sep="\n")
    if failed:
        sys.exit(f"error: not tried to the end: {', '.join(failed)}; see {FOLDER}/*.log")


async def _try(home: HomeAssistantProcess, server: Server, files: Path, wanted: list[str]) -> bool:
    """Get a server, try it and print its table; tell whether that went to its end."""
    try:
        report(f"installing {server.name}")
        await asyncio.to_thread(server.install)
    except InstallError as err:
        print(f"error: {server.name} is not to be had: {err}", file=sys.stderr, flush=True)
        return False
    trial = Trial(home, server)
    try:
        report(f"starting {server.name}")
        await server.start()
        await trial.run(files, wanted)
    except ProcessError as err:
        print(f"error: {err}", file=sys.stderr, flush=True)
        return False
    finally:
        await server.stop()
        print(trial.table(), flush=True)
    return True


def complaints(log: str) -> str:
    """Return the integration's own errors in a log, each once, and tracebacks that lead to it."""
    found = re.findall(
        r"^.* (?:ERROR|CRITICAL) .*\[custom_components\.openai_api.*$", log, re.MULTILINE
    )
    tracebacks = re.findall(r"^Traceback \(most.*\n(?:[ \t].*\n|\n)+\S.*$", log, re.MULTILINE)
    found += [traceback for traceback in tracebacks if "openai_api" in traceback]
    return "\n".join(dict.fromkeys(found))


def main() -> None:
    """Read the command line and start."""
    parser = argparse.ArgumentParser(prog="scripts/hosts", description=__doc__)
    names = list(known())
    parser.add_argument(
        "name",
        nargs="*",
        choices=[*names, []],
        metavar="NAME",
        help=f"all without one: {', '.join(names)}",
    )
    parser.add_argument("--family", action="append", default=[], help="only this family")
    parser.add_argument(
        "--assist",
        action="store_true",
        help="an Assist pipeline of whisper.cpp, llama.cpp and Piper answers a spoken question",
    )
    options = parser.parse_args()
    if not options.name and not options.assist:
        options.name = names
    try:
        asyncio.run(run(options))
    except (ProcessError, InstallError) as err:
        sys.exit(f"error: {err}; see {FOLDER}/*.log")


if __name__ == "__main__":
    main()
