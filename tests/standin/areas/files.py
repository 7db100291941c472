"""Files: upload, list, and the same bytes back."""

from __future__ import annotations

from tests.standin.routing import Call, Route, one_of, resource_routes
from tests.standin.state import Blob, Kind
from tests.standin.wire import Json, Reply, invalid, new_id, now

FILES = Kind(name="file", deleted="file", default_limit=10_000, max_limit=10_000)
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")


async def create(call: Call) -> Json:
    """Keep an uploaded file."""
    purpose = one_of("purpose", call.form.need("purpose"), PURPOSES)
    part, data = call.form.file("file")
    file: Json = {
        "id": new_id("file-"),
        "object": "file",
        "bytes": part.size,
        "created_at": now(),
        "expires_at": _expiry(call),
        "filename": part.filename,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }
    kind = part.content_type or "application/octet-stream"
    call.state.blobs[file["id"]] = Blob(data=data, content_type=kind)
    return call.collection(FILES).add(file)


def _expiry(call: Call) -> int | None:
    """Return when the file is to expire."""
    seconds = call.form.text("expires_after[seconds]")
    if not seconds:
        return None
    one_of("expires_after.anchor", call.form.text("expires_after[anchor]"), ("created_at",))
    if not seconds.isdecimal() or not 3_600 <= int(seconds) <= 2_592_000:
        raise invalid(
            "Invalid 'expires_after.seconds': expected 3600 to 2592000.",
            "expires_after.seconds",
        )
    return now() + int(seconds)


async def list_files(call: Call) -> Json:
    """List the files, of one purpose if asked."""
    purpose = call.request.param("purpose")
    return call.collection(FILES).page(
        call.request, lambda file: purpose in (None, file["purpose"])
    )


async def content(call: Call) -> Reply:
    """Return a file's bytes."""
    file = call.collection(FILES).get(call.ids["file_id"])
    blob = call.state.blobs[file["id"]]
    disposition = f'attachment; filename="{file["filename"]}"'
    return Reply(
        body=blob.data,
        content_type=blob.content_type,
        headers={"Content-Disposition": disposition},
    )


ROUTES = (
    Route("POST", "/files", create),
    Route("GET", "/files", list_files),
    *resource_routes(FILES, "/files/{file_id}", "retrieve", "delete"),
    Route("GET", "/files/{file_id}/content", content),
)
