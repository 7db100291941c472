"""Streamed model responses."""

from dataclasses import replace

from .. import stream_runner
from ..action import ActionCall
from ..api.request import Operation
from ..exceptions import validation_error
from ..types import Json


async def async_ask_or_follow(request: ActionCall) -> Json:
    """Stream a new response, or resume the stream of the one that `response_id` names.

    Returns the API's `response` with `stream_id`. Raises ServiceValidationError
    "follow_takes_no_question" for other fields beside `response_id`, "field_missing" for a new
    response without `model` or `input`, and what `stream_runner.async_run` raises. SDK methods:
    `responses.create` and `responses.retrieve`.
    """
    data = request.data
    if "response_id" in data:
        if others := sorted(data.keys() - {"response_id", "starting_after", "include"}):
            raise validation_error("follow_takes_no_question", fields=", ".join(others))
        operation = Operation(method="responses.retrieve", has_body=False)
    else:
        for field in ("model", "input"):
            # A prompt template may contain both.
            if field not in data and "prompt" not in data:
                raise validation_error("field_missing", field=field)
        operation = Operation(method="responses.create")
    return await stream_runner.async_run(
        replace(request, operation_override=operation, data={**data, "stream": True})
    )
