"""Streamed runs of assistants."""

from dataclasses import replace

from .. import stream_runner
from ..action import ActionCall
from ..types import Json


async def async_stream(request: ActionCall) -> Json:
    """Stream a run of an assistant, and return it at its end.

    Returns the API's `thread.run` with `stream_id`, and raises what `stream_runner.async_run`
    raises.
    """
    return await stream_runner.async_run(replace(request, data={**request.data, "stream": True}))
