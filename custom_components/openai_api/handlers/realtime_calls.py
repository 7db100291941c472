"""Begins calls whose sound goes from peer to peer."""

from ..action import ActionCall
from ..exceptions import ResponseEmpty, api_error, sanitize
from ..types import Json


async def async_create(request: ActionCall) -> Json:
    """Return the host's answer to an offer, and the id under which it knows the call."""
    host = request.host
    method, arguments, seconds = await request.build("raw")
    async with host.async_request_scope(seconds):
        answer = await method(**arguments)
    response = answer.http_response
    sdp: str = response.text
    if not sdp.strip():
        raise ResponseEmpty
    if not sdp.lstrip().startswith("v="):
        kind = response.headers.get("content-type", "").partition(";")[0] or "–"
        raise api_error(
            "no_call_answer", content_type=kind, start=sanitize(sdp[:2000], host.settings)
        )
    location = response.headers.get("location", "").partition("?")[0]
    return {"sdp": sdp, "call_id": location.rstrip("/").rpartition("/")[2] or None}
