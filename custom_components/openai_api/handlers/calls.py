"""Begins calls whose sound goes from peer to peer."""

from typing import TYPE_CHECKING

from ..errors import failure, quote
from ..model import Json

if TYPE_CHECKING:
    from ..requests import Request


async def async_create(request: Request) -> Json:
    """Return the host's answer to an offer, and the id under which it knows the call."""
    host = request.host
    method, arguments, seconds = await request.prepare("raw")
    async with host.waiting(seconds):
        answer = await method(**arguments)
    response = answer.http_response
    sdp: str = response.text
    if not sdp.strip():
        raise failure("empty_answer")
    if not sdp.lstrip().startswith("v="):
        kind = response.headers.get("content-type", "").partition(";")[0] or "–"
        raise failure("no_call_answer", content_type=kind, start=quote(sdp[:2000], host.settings))
    location = response.headers.get("location", "").partition("?")[0]
    return {"sdp": sdp, "call_id": location.rstrip("/").rpartition("/")[2] or None}
