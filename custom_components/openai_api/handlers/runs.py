"""Runs of assistants that are followed as they happen."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ..action import Json
from ..streaming import runner

if TYPE_CHECKING:
    from ..dispatch import ActionCall


async def async_stream(request: ActionCall) -> Json:
    """Ask for a stream, which the action itself stands for, and return the run at its end."""
    return await runner.async_run(replace(request, data={**request.data, "stream": True}))
