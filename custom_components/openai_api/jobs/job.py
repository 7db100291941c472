"""A watched job: its state, and when it is polled next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import time

from homeassistant.core import CALLBACK_TYPE, Context, callback
from homeassistant.util import dt as dt_util
import voluptuous as vol

from ..types import Json

_MIN_INTERVAL = 1.0
_INITIAL_INTERVAL = 5.0
_MAX_INTERVAL = 300.0
_INTERVAL_RATIO = 20
"""Without `poll_interval`, the elapsed time is divided by this."""
_MAX_BACKOFF = 900.0

_SECONDS = vol.All(vol.Coerce(float), vol.Range(min=0, max=1e11))
"""Seconds, or a Unix timestamp that is a date."""

STORED = vol.Schema(
    {
        vol.Required("kind"): str,
        vol.Required("ids"): vol.All({str: str}, vol.Length(min=1)),
        vol.Required("started"): _SECONDS,
        vol.Required("until"): _SECONDS,
        vol.Required("name"): vol.Any(None, str),
        vol.Required("poll_interval"): vol.Any(None, _SECONDS),
        vol.Required("status"): vol.Any(None, str),
        vol.Required("counts"): dict,
        vol.Required("error"): vol.Any(None, str),
        vol.Required("ended"): vol.Any(None, _SECONDS),
        # Stores of older releases do not have it.
        vol.Optional("watched"): _SECONDS,
    },
    # A newer release may know more of a job.
    extra=vol.REMOVE_EXTRA,
)


@dataclass(kw_only=True)
class Job:
    """Work at the server that is polled until it is done; times are Unix timestamps."""

    kind: str
    ids: Mapping[str, str]
    """The arguments of the method that returns it, its own id last."""
    started: float
    """When watching began."""
    until: float
    name: str | None = None
    poll_interval: float | None = None
    status: str | None = None
    counts: Json = field(default_factory=dict)
    error: str | None = None
    ended: float | None = None
    context: Context = field(default_factory=Context)
    failures: int = 0
    """How many polls in a row have failed."""
    not_found_count: int = 0
    """How many polls in a row were answered with 404 or 410."""
    timer: CALLBACK_TYPE | None = None
    watched: float | None = None
    """Seconds for which it had been watched when this object was created."""
    _made: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Derive `watched` from the clock if it is not stored."""
        if self.watched is None:
            self.watched = max((self.ended or time.time()) - self.started, 0.0)

    @property
    def key(self) -> str:
        """The key of the job, unique within its service."""
        return "/".join((self.kind, *self.ids.values()))

    @property
    def id(self) -> str:
        """The id of the object at the server."""
        return list(self.ids.values())[-1]

    @property
    def elapsed(self) -> float:
        """Seconds for which it is, or was, watched; setting the clock does not change them."""
        assert self.watched is not None
        if self.ended is not None:
            return self.watched
        return self.watched + time.monotonic() - self._made

    @property
    def remaining(self) -> float:
        """Seconds until it is given up; zero or less if that is due."""
        return self.until - self.started - self.elapsed

    @callback
    def end(self, status: str | None, error: str | None) -> None:
        """Record that it has ended."""
        self.watched = self.elapsed
        self.status, self.error, self.ended = status, error, time.time()

    @property
    def next_interval(self) -> float:
        """Seconds until the next poll."""
        if self.poll_interval is not None:
            pause = max(self.poll_interval, _MIN_INTERVAL)
        else:
            pause = min(max(self.elapsed / _INTERVAL_RATIO, _INITIAL_INTERVAL), _MAX_INTERVAL)
        if self.failures:
            # The exponent is bounded: a server may be away for days.
            back_off = min(_INITIAL_INTERVAL * 2 ** min(self.failures, 10), _MAX_BACKOFF)
            pause = max(pause, back_off)
        return pause

    def as_dict(self) -> Json:
        """Return the job as it is stored.

        Returns `{"kind": …, "ids": {…}, "started": …, "until": …, "name": …, "poll_interval": …,
        "status": …, "counts": {…}, "error": …, "ended": …, "watched": …}`, as `STORED` validates
        it: times as Unix timestamps, `poll_interval` and `watched` in seconds.
        """
        stored = {key: getattr(self, key) for key in map(str, STORED.schema)}
        return stored | {"watched": self.elapsed}

    def as_response(self) -> Json:
        """Return the job as actions describe it.

        Returns `{"id": …, "kind": …, "name": …, "status": …, "done": …, "started": …, "elapsed":
        …}` with the counts of the object, and `error` if there is one; `started` in ISO 8601 (UTC),
        `elapsed` in seconds.
        """
        response: Json = {
            "id": self.id,
            "kind": self.kind,
            "name": self.name,
            "status": self.status,
            "done": self.ended is not None,
            "started": dt_util.utc_from_timestamp(self.started).isoformat(),
            "elapsed": round(self.elapsed, 1),
            **self.counts,
        }
        return response | ({"error": self.error} if self.error else {})

    @callback
    def cancel(self) -> None:
        """Stop its timer."""
        if self.timer is not None:
            self.timer()
            self.timer = None
