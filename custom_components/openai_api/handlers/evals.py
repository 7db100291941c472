"""Eval runs, whose cancellation older SDKs send to another path."""

from urllib.parse import quote

import httpx2

from ..action import ActionCall
from ..api.response import async_parse_body
from ..exceptions import validation_error
from ..types import Json


async def async_cancel_run(request: ActionCall) -> Json:
    """Cancel an eval run with `POST /evals/{eval_id}/runs/{run_id}/cancel`.

    Returns the API's `eval.run`. Raises ServiceValidationError "invalid_arguments" for the ids `.`
    and `..`, and what `parse_body` raises.
    """
    host, data, options = request.host, request.data, request.options
    eval_id, run_id = (quote(data[key], safe="") for key in ("eval_id", "run_id"))
    if {eval_id, run_id} & {".", ".."}:
        # These would change the path.
        raise validation_error("invalid_arguments", message="eval_id, run_id")
    async with host.async_request_scope(request.timeout):
        response = await host.client.post(
            f"/evals/{eval_id}/runs/{run_id}/cancel",
            cast_to=httpx2.Response,
            body=options.get("extra_body"),
            options={"params": options.get("extra_query") or {}, "timeout": request.timeout},
        )
        content_type = response.headers.get("content-type", "")
    return await async_parse_body(request.hass, host.settings, response.content, content_type)
