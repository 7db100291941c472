"""Run the stand-in as a process, see python -m tests.standin --help."""

from __future__ import annotations

import argparse
import asyncio
import signal

from .server import StandIn


async def serve(key: str, port: int, pace: float) -> None:
    """Serve until a signal asks to stop."""
    standin = StandIn(key, pace=pace)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    await standin.start(port)
    print(standin.address, flush=True)
    try:
        await stop.wait()
    finally:
        await standin.stop()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.standin")
    parser.add_argument("--port", type=int, default=8765, help="0 takes any free one")
    parser.add_argument("--key", default="sk-standin", help="the accepted API key")
    parser.add_argument("--pace", type=float, default=0, help="seconds between streamed events")
    options = parser.parse_args()
    asyncio.run(serve(options.key, options.port, options.pace))


if __name__ == "__main__":
    main()
