"""Holds realtime conversations for a given time, and prints what that cost."""

import argparse
import asyncio
from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.benchmark.soak import soak


def main() -> int:
    """Run, and fail if anything was lost or has grown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rate", type=float, default=25, help="pieces of audio a second")
    wanted = parser.parse_args()
    return 0 if asyncio.run(soak(wanted.sessions, wanted.rate, wanted.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
