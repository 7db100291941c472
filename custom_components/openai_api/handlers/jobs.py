"""Watched jobs: began, listed and stopped."""

from ..action import ActionCall
from ..data import runtime_data_of
from ..types import Json


async def async_watch(request: ActionCall) -> Json:
    """Watch a job, and return how far it is."""
    return await runtime_data_of(request).jobs.async_watch(request)


async def async_stop(request: ActionCall) -> Json:
    """Watch a job no longer."""
    await runtime_data_of(request).jobs.async_stop(request.data["id"])
    return {"id": request.data["id"], "status": "stopped"}


async def async_list(request: ActionCall) -> Json:
    """Return the jobs that are watched, and those that have ended lately."""
    return {"data": [job.as_response() for job in runtime_data_of(request).jobs.jobs.values()]}
