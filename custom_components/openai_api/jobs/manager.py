"""Polls long work at a server until it is done, also over restarts of Home Assistant."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
import time
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later

from .. import progress
from ..action import ActionCall, ActionDescription
from ..action_request import async_request_json
from ..api.host import ServiceHost
from ..const import DOMAIN, LOGGER
from ..exceptions import (
    ApiError,
    AuthenticationFailed,
    HostUnreachable,
    api_error,
    validation_error,
)
from ..media import images
from ..object_types import ObjectType
from ..statuses import status_of
from ..types import Json
from .job import Job
from .store import JobStore

MAX_JOBS: Final = 100
"""The most jobs that an entry watches at a time."""
GONE: Final = "gone"
"""The status of a job that the server no longer has."""
GIVEN_UP: Final = "given_up"
"""The status of a job that took longer than `max_days`."""
_ACTION: Final = "watch_job"
_DAY = 86_400.0
_MAX_DAYS = 7.0
AUTH_FAILED_INTERVAL = 3600.0
MAX_CONCURRENT_POLLS = 4
NOT_FOUND_LIMIT = 3
"""Polls with 404 until a job is gone: a gateway that restarts may answer so for a moment."""
MAX_FINISHED = 20
"""The most jobs that are shown after their end; none is shown for longer than a day."""
_GONE_STATUSES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

type Listener = Callable[[Job], None]


class JobManager:
    """The jobs that an entry watches, and those that have ended within a day."""

    def __init__(self, host: ServiceHost, actions: Mapping[str, ActionDescription]) -> None:
        """Start without jobs; `actions` are those that return a job, by its kind."""
        self.jobs: dict[str, Job] = {}
        self._host = host
        self._hass = host.hass
        self._entry = host.entry
        self._actions = actions
        self._store = JobStore(host.hass, host.entry)
        self._listeners: list[Listener] = []
        self._failing: set[str] = set()
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT_POLLS)
        self._is_closed = False

    async def async_load(self) -> None:
        """Load the stored jobs; those that cannot be read are logged and left out."""
        self.jobs = {job.key: job for job in await self._store.async_load(self._actions)}

    @callback
    def start(self, _: HomeAssistant) -> None:
        """Poll all jobs, once automations are running."""
        for job in tuple(self.jobs.values()):
            self._schedule(job, 0)

    @callback
    def close(self) -> None:
        """Stop polling."""
        self._is_closed = True
        for job in self.jobs.values():
            job.cancel()

    @callback
    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call the listener for each job that is added, changed or removed; returns how to stop it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def async_watch(self, request: ActionCall) -> Json:
        """Watch a job from now on, after a first poll of it.

        Returns `{"id": …, "kind": …, "name": …, "status": …, "done": …, "started": …, "elapsed":
        …}` with the counts of the object, and `result`, the API's object, if it is done already.
        Raises ServiceValidationError "field_missing" for the id of a parent, "too_many_jobs", and
        what `async_request_json` raises.
        """
        data = request.data
        *parents, own = self._type(data["kind"]).id_fields
        if missing := next((key for key in parents if key not in data), None):
            raise validation_error("field_missing", field=missing)
        now = time.time()
        job = Job(
            kind=data["kind"],
            ids={**{key: data[key] for key in parents}, own: data["id"]},
            started=now,
            until=now + data.get("max_days", _MAX_DAYS) * _DAY,
            name=data.get("name"),
            poll_interval=data.get("poll_interval"),
            context=request.context,
        )
        answer = await self._async_request(job)
        before = self.jobs.get(job.key)
        if (before is None or before.ended) and self._count() >= MAX_JOBS:
            raise validation_error("too_many_jobs", limit=MAX_JOBS)
        if before is not None:
            before.cancel()
        self.jobs[job.key] = job
        result = await self._handle_result(job, answer)
        return job.as_response() | ({"result": result} if result is not None else {})

    async def async_stop(self, job_id: str) -> None:
        """Stop watching a job; raises ServiceValidationError "job_unknown" if there is none."""
        stopped = [job for job in self.jobs.values() if job.id == job_id]
        if not stopped:
            raise validation_error("job_unknown", id=job_id)
        for job in stopped:
            self._remove(job)
        await self._save()

    def _count(self) -> int:
        """Return how many jobs have not ended."""
        return sum(job.ended is None for job in self.jobs.values())

    def _type(self, kind: str) -> ObjectType:
        """Return the object type of a kind of job."""
        object_type = self._actions[kind].watch_as
        assert object_type is not None
        return object_type

    def _request(self, job: Job) -> ActionCall:
        """Return the call that polls a job."""
        return ActionCall(
            hass=self._hass,
            entry=self._entry,
            host=self._host,
            action=self._actions[job.kind],
            data=job.ids,
            context=job.context,
        )

    async def _async_request(self, job: Job) -> Json:
        """Return the job's object as it is at the server."""
        request = self._request(job)
        async with self._semaphore:
            answer = await async_request_json(request)
        request.host.usage.record_result(request.operation.method, answer)
        return answer

    async def _poll(self, job: Job) -> None:
        """Poll a job, and schedule the next poll if it is not done."""
        try:
            answer = await self._async_request(job)
        except HomeAssistantError as err:
            if self._is_watched(job):
                await self._handle_error(job, err)
        else:
            if self._is_watched(job):
                await self._handle_result(job, answer)

    def _is_watched(self, job: Job) -> bool:
        """Return whether the job is still watched after a poll."""
        return not self._is_closed and self.jobs.get(job.key) is job

    async def _handle_result(self, job: Job, answer: Json) -> Json | None:
        """Report what has changed, and return the final object once the job is done."""
        job.failures = job.not_found_count = 0
        self._log_failure(job)
        reported = status_of(answer)
        status = reported if isinstance(reported, str) else None
        counts = progress.progress_counts(answer)
        if self._type(job.kind).is_ended(status):
            result = await self._result(job, answer)
            if not self._is_watched(job):
                return None
            job.counts = counts
            await self._finish(job, status, result=result)
            return result
        if job.remaining <= 0:
            days = (job.until - job.started) / _DAY
            await self._finish(
                job, GIVEN_UP, error=str(api_error("job_given_up", days=f"{days:.3g}"))
            )
            return None
        self._schedule(job)
        is_new_status = status != job.status
        if is_new_status or counts != job.counts:
            job.status, job.counts = status, counts
            self._fire(job)
            self._notify(job)
        if is_new_status:
            # Counts alone are not stored: the next poll returns them again.
            await self._save()
        return None

    async def _handle_error(self, job: Job, err: HomeAssistantError) -> None:
        """Schedule the next poll, unless the job is gone or its time is over."""
        job.failures += 1
        is_gone = isinstance(err, ApiError) and err.status in _GONE_STATUSES
        job.not_found_count = job.not_found_count + 1 if is_gone else 0
        if job.not_found_count >= NOT_FOUND_LIMIT:
            await self._finish(job, GONE, error=str(err))
        elif job.remaining <= 0:
            await self._finish(job, GIVEN_UP, error=str(err))
        else:
            if not isinstance(err, HostUnreachable):
                # That the server is unreachable has been logged already.
                self._log_failure(job, err)
            self._schedule(
                job, AUTH_FAILED_INTERVAL if isinstance(err, AuthenticationFailed) else None
            )

    async def _finish(
        self, job: Job, status: str | None, *, result: Json | None = None, error: str | None = None
    ) -> None:
        """Report the end of a job, and keep it for a day."""
        job.end(status, error)
        self._log_failure(job)
        self._schedule(job)
        # Fired before it is stored: after a crash in between it is fired twice, not never.
        self._fire(job, result=result, error=error)
        self._notify(job)
        ended = sorted((job for job in self.jobs.values() if job.ended), key=_when_ended)
        for old in ended[:-MAX_FINISHED]:
            self._remove(old)
        await self._save()

    async def _result(self, job: Job, answer: Json) -> Json:
        """Return the final object as the action for it does, with its images saved."""
        finish = self._actions[job.kind].postprocess
        whole = finish(answer) if finish else answer
        return await images.async_save_generated_media(self._request(job), whole) or whole

    @callback
    def _schedule(self, job: Job, pause: float | None = None) -> None:
        """Poll a job after a pause in seconds, or remove one that has ended."""
        job.cancel()
        if self._is_closed:
            return
        if job.ended is not None:
            wait = min(max(job.ended + _DAY - time.time(), 0), _DAY)
        else:
            wait = job.next_interval if pause is None else pause
            wait = min(wait, max(job.remaining, 1))
        job.timer = async_call_later(self._hass, wait, partial(self._on_time, job))

    @callback
    def _on_time(self, job: Job, _: datetime) -> None:
        """Poll a job, or remove it."""
        job.timer = None
        if job.ended is not None:
            self._remove(job)
            work = self._save()
        else:
            work = self._poll(job)
        self._entry.async_create_background_task(self._hass, work, f"{DOMAIN} {job.key}")

    @callback
    def _remove(self, job: Job) -> None:
        """Remove a job."""
        job.cancel()
        del self.jobs[job.key]
        self._log_failure(job)
        self._notify(job)

    @callback
    def _fire(self, job: Job, **more: Any) -> None:
        """Fire the progress event."""
        known = {"id": job.id, "status": job.status, **job.counts}
        progress.fire_progress(
            self._request(job),
            known,
            job.elapsed,
            done=job.ended is not None,
            action=_ACTION,
            kind=job.kind,
            name=job.name,
            **{key: value for key, value in more.items() if value is not None},
        )

    @callback
    def _notify(self, job: Job) -> None:
        """Call the listeners."""
        for listener in tuple(self._listeners):
            listener(job)

    @callback
    def _log_failure(self, job: Job, err: HomeAssistantError | None = None) -> None:
        """Log once that polls fail, and once that they succeed again."""
        were_failing = bool(self._failing)
        if err is not None:
            self._failing.add(job.key)
        else:
            self._failing.discard(job.key)
        title = self._entry.title
        if err is not None and not were_failing:
            LOGGER.warning("Polling watched jobs of %s failed: %s", title, err)
        elif were_failing and not self._failing:
            LOGGER.info("Polling watched jobs of %s succeeds again", title)

    async def _save(self) -> None:
        """Store all jobs."""
        await self._store.async_save(self.jobs.values())


def _when_ended(job: Job) -> float:
    """Return when a job ended."""
    return job.ended or 0
