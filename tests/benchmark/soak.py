"""The long runs by their names, each with the sizes that it takes."""

from argparse import Namespace
from collections.abc import Awaitable, Callable

from . import concurrency, floods, realtime, transfers

type Run = Callable[[Namespace], Awaitable[bool]]


async def _transfers(wanted: Namespace) -> bool:
    """Send and fetch a large file; fails by itself if a byte is lost."""
    await transfers.measure(wanted.megabytes)
    return True


RUNS: dict[str, Run] = {
    "realtime": lambda wanted: realtime.realtime(wanted.sessions, wanted.pieces, wanted.seconds),
    "burst": lambda wanted: floods.burst(wanted.events, subscriber=wanted.subscriber),
    "steady": lambda wanted: floods.steady(
        wanted.rate, wanted.seconds, subscriber=wanted.subscriber
    ),
    "calls": lambda wanted: concurrency.calls(wanted.flight, wanted.seconds),
    "connections": lambda wanted: concurrency.connections(
        wanted.connections, wanted.each, wanted.seconds
    ),
    "transfers": _transfers,
}
