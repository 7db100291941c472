"""Runs of assistants that are followed as they happen."""

from dataclasses import replace

from .. import stream_runner
from ..action import ActionCall
from ..types import Json


async def async_stream(request: ActionCall) -> Json:
    """Ask for a stream, which the action itself stands for, and return the run at its end."""
    return await stream_runner.async_run(replace(request, data={**request.data, "stream": True}))
