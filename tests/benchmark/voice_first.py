"""The first turn of a voice assistant after a start, and what it blocks the event loop.

Each needs a process of its own: what is imported once is there for good.
"""

import asyncio
import json
import logging
import sys

from .measure import watch_loop
from .voice_home import WAV, voice_home


async def measure(url: str, name: str) -> float:
    """Return the seconds of CPU time of the longest piece of work on the loop."""
    async with voice_home(url, (name,)) as home:
        await asyncio.sleep(1)
        async with watch_loop(0.001) as stalls:
            await home.write(name, "What is it like today? [short]", WAV)
    return stalls.longest_cpu


def main() -> None:
    """Measure with the service and the assistant in the arguments, and print the seconds."""
    logging.getLogger().setLevel(logging.CRITICAL)
    print(json.dumps(asyncio.run(measure(*sys.argv[1:3]))))


if __name__ == "__main__":
    main()
