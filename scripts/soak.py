"""Lets the integration work hard for a given time, and prints what that cost as Markdown tables."""

import argparse
import asyncio
import logging
from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.benchmark.soak import RUNS


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help=f"one or more of {', '.join(RUNS)}; all without one",
    )
    parser.add_argument("--seconds", type=float, default=600, help="all but burst, transfers (600)")
    parser.add_argument("--events", type=int, default=100_000, help="burst: how many (100000)")
    parser.add_argument("--rate", type=float, default=1000, help="steady: events a second (1000)")
    parser.add_argument("--flight", type=int, default=200, help="calls: how many at once (200)")
    parser.add_argument("--connections", type=int, default=50, help="connections: how many (50)")
    parser.add_argument("--each", type=float, default=20, help="connections: events a second (20)")
    parser.add_argument("--sessions", type=int, default=20, help="realtime: how many (20)")
    parser.add_argument("--pieces", type=float, default=25, help="realtime: pieces a second (25)")
    parser.add_argument("--megabytes", type=int, default=500, help="transfers: how many (500)")
    parser.add_argument(
        "--subscriber", action="store_true", help="burst, steady: let a browser listen, too"
    )
    found = parser.parse_args()
    if unknown := set(found.runs) - set(RUNS):
        parser.error(f"there is no run called {', '.join(sorted(unknown))}")
    return found


async def main() -> int:
    """Do the runs, and fail if anything was lost or has grown."""
    wanted = arguments()
    # A custom integration is nothing to be warned of here.
    logging.getLogger().setLevel(logging.ERROR)
    is_well = True
    for name in wanted.runs or RUNS:
        is_well &= await RUNS[name](wanted)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
