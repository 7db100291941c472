"""Makes action calls in the checkout that is the working directory, whenever it is told to.

Started as a file and not as a module, so that it also measures checkouts that do not have it.
Reads `COUNT FLIGHT` from standard input, and writes `{"wall": s, "cpu": s, "units": n}`.
"""

import asyncio
import gc
import json
import logging
from pathlib import Path
import sys
import time

sys.path[0] = str(Path.cwd())

import homeassistant  # noqa: E402, F401  # It decides what `import voluptuous` means.

from tests.benchmark.core import loaded_core  # noqa: E402

QUESTION = {"model": "gpt-5-mini", "input": "Is it a good day to hang out the laundry?"}


async def main(url: str) -> None:
    """Load the integration, and call it as often as standard input says."""
    logging.getLogger().setLevel(logging.ERROR)
    loop = asyncio.get_running_loop()
    async with loaded_core(url) as hass:

        async def worker(count: int) -> None:
            for _ in range(count):
                response = await hass.services.async_call(
                    "openai_api",
                    "create_model_response",
                    dict(QUESTION),
                    blocking=True,
                    return_response=True,
                )
                assert response
                assert response["output_text"]

        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            count, flight = map(int, line.split())
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(worker(count // flight) for _ in range(flight)))
            cost = {
                "wall": time.perf_counter() - wall,
                "cpu": time.process_time() - cpu,
                "units": count // flight * flight,
            }
            print(json.dumps(cost), flush=True)


asyncio.run(main(sys.argv[1]))
