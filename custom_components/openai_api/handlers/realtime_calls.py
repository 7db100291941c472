"""WebRTC calls."""

from contextlib import suppress

import orjson

from ..action import ActionCall
from ..exceptions import BINARY_TYPE, ResponseEmpty, api_error, join_details, sanitize
from ..types import Json


async def async_create(request: ActionCall) -> Json:
    """Create a WebRTC call from an SDP offer.

    Returns `{"sdp": …, "call_id": …}`: the SDP answer of the server, and the last part of its
    header `Location`, None without one. Raises ResponseEmpty, and HomeAssistantError
    "no_call_answer" for a body that is no SDP. SDK method: `realtime.calls.create`.
    """
    host = request.host
    method, arguments, seconds = await request.build("raw")
    async with host.async_request_scope(seconds):
        answer = await method(**arguments)
    response = answer.http_response
    sdp = _sdp_in(response.text)
    if not sdp.strip():
        raise ResponseEmpty
    if not sdp.lstrip().startswith("v="):
        kind = response.headers.get("content-type", "").partition(";")[0]
        details = join_details(sanitize(sdp[:2000], host.settings), kind) or BINARY_TYPE
        raise api_error("no_call_answer", details=details)
    location = response.headers.get("location", "").partition("?")[0]
    return {"sdp": sdp, "call_id": location.rstrip("/").rpartition("/")[2] or None}


def _sdp_in(text: str) -> str:
    """Return the SDP of a body, also from the object that browsers know; else the text."""
    if text.lstrip().startswith("{"):
        with suppress(orjson.JSONDecodeError):
            sdp = orjson.loads(text).get("sdp")
            return sdp if isinstance(sdp, str) else text
    return text
