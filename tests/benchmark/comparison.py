"""Several ways to do the same, measured in turns, so that a busy machine is unfair to none."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
import gc

from aiohttp import ClientSession
from homeassistant.core import Context, Event, HomeAssistant, callback

from .measure import Cost, Row, micros, ratios
from .peer import Peer

EVENT_PLAIN = "openai_api_benchmark_event"

type Runner = Callable[[], Awaitable[Cost]]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where the contests take place."""

    hass: HomeAssistant
    session: ClientSession
    """Home Assistant's own."""
    url: str
    """The base URL of the host."""
    rounds: int
    scale: float
    """The share of the usual amount of work."""
    peer: Peer | None

    def amount(self, usual: int) -> int:
        """Return how much work to do in a round."""
        return max(10, round(usual * self.scale))


async def run(rounds: int, *runners: Runner, is_garbage_cleared: bool = True) -> list[list[Cost]]:
    """Run each in turn, after a round that does not count; return the costs of each.

    `is_garbage_cleared`: what a round leaves is cleared away off the clock, for where runners
    share this process.
    """
    costs: list[list[Cost]] = [[] for _ in runners]
    for number in range(rounds + 1):
        for runner, found in zip(runners, costs, strict=True):
            if is_garbage_cleared:
                # Nobody is to clear away what another one left.
                gc.collect()
            cost = await runner()
            if number:
                found.append(cost)
    return costs


@dataclass(frozen=True, kw_only=True)
class Aims:
    """What the ratios of a contest are to reach, as the table says it."""

    cpu: str = ""
    rate: str = ""
    peer_cpu: str = ""
    peer_rate: str = ""


def table(
    names: tuple[str, str, str], unit: str, costs: Sequence[Sequence[Cost]], aims: Aims
) -> list[Row]:
    """Return the lines for ours, the limit and, where there is one, the peer."""
    ours, limit, *rest = costs
    rows = []
    for name, found in zip(names, costs, strict=False):
        rows += [
            Row(name=f"{name}: {unit}s a second", figures=[cost.rate for cost in found]),
            Row(name=f"{name}: CPU time, µs a {unit}", figures=micros(found)),
        ]
    rows += [
        Row(name=f"CPU time / {names[1]}", figures=ratios(ours, limit, "cpu"), aim=aims.cpu),
        Row(name=f"speed / {names[1]}", figures=ratios(ours, limit, "rate"), aim=aims.rate),
    ]
    for peer in rest:
        rows += [
            Row(
                name=f"CPU time / {names[2]}", figures=ratios(ours, peer, "cpu"), aim=aims.peer_cpu
            ),
            Row(name=f"speed / {names[2]}", figures=ratios(ours, peer, "rate"), aim=aims.peer_rate),
        ]
    return rows


class Counter:
    """An automation's place: hears every event of a type."""

    def __init__(self, hass: HomeAssistant, event_type: str) -> None:
        """Begin to listen."""
        self.count = 0
        self.on_event: Callable[[Event], object] | None = None

        @callback
        def take(event: Event) -> None:
            self.count += 1
            if self.on_event is not None:
                self.on_event(event)

        self.stop = hass.bus.async_listen(event_type, take)


def fire_plain(hass: HomeAssistant, context: Context, event: object, event_type: object) -> None:
    """Fire an event as lean as ours: that it is ours, is all that is left out."""
    hass.bus.async_fire_internal(
        EVENT_PLAIN,
        {
            "config_entry_id": "benchmark",
            "connection_id": "benchmark",
            "transport": "plain",
            "direction": "server",
            "event_type": event_type,
            "event": event,
        },
        context=context,
    )
