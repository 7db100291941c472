"""Watched jobs: began, listed and stopped."""

from ..action import ActionCall
from ..types import Json


async def async_watch(request: ActionCall) -> Json:
    """Watch a job, and return how far it is."""
    return await request.host.jobs.async_watch(request)


async def async_stop(request: ActionCall) -> Json:
    """Watch a job no longer."""
    await request.host.jobs.async_stop(request.data["id"])
    return {"id": request.data["id"], "status": "stopped"}


async def async_list(request: ActionCall) -> Json:
    """Return the jobs that are watched, and those that have ended lately."""
    return {"data": [job.as_response() for job in request.host.jobs.jobs.values()]}
