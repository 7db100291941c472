"""Watched jobs: start, stop and list."""

from ..action import ActionCall
from ..data import runtime_data_of
from ..types import Json


async def async_watch(request: ActionCall) -> Json:
    """Watch a job from now on, and return its state.

    Returns what `JobManager.async_watch` returns, and raises what that raises.
    """
    return await runtime_data_of(request).jobs.async_watch(request)


async def async_stop(request: ActionCall) -> Json:
    """Stop watching a job.

    Returns `{"id": …, "status": "stopped"}`. Raises ServiceValidationError "job_unknown" if no job
    with this id is watched.
    """
    await runtime_data_of(request).jobs.async_stop(request.data["id"])
    return {"id": request.data["id"], "status": "stopped"}


async def async_list(request: ActionCall) -> Json:
    """Return the watched jobs, and those that have ended within a day.

    Returns `{"data": [job, …]}`, each job as `Job.as_response` returns it.
    """
    return {"data": [job.as_response() for job in runtime_data_of(request).jobs.jobs.values()]}
