"""Runs of assistants that are followed as they happen."""

from dataclasses import replace
from typing import TYPE_CHECKING

from .. import streams
from ..model import Json

if TYPE_CHECKING:
    from ..requests import Request


async def async_stream(request: Request) -> Json:
    """Ask for a stream, which the action itself stands for, and return the run at its end."""
    return await streams.async_run(replace(request, data={**request.data, "stream": True}))
