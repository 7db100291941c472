"""Uploads: large files that arrive in parts."""

from __future__ import annotations

import hashlib

from tests.standin.routing import Call, Route, check, need, one_of
from tests.standin.state import Blob, Kind
from tests.standin.wire import Json, invalid, new_id, now

from .files import FILES, PURPOSES

UPLOADS = Kind(name="upload")
PARTS = Kind(name="part")
HOUR = 3_600
LARGEST_PART = 64 * 1024**2


async def create(call: Call) -> Json:
    """Announce a file."""
    body = call.json
    upload: Json = {
        "id": new_id("upload_"),
        "object": "upload",
        "bytes": need(body, "bytes", int),
        "created_at": now(),
        "expires_at": now() + HOUR,
        "filename": need(body, "filename", str),
        "mime_type": need(body, "mime_type", str),
        "purpose": one_of("purpose", need(body, "purpose", str), PURPOSES),
        "status": "pending",
        "file": None,
        # How long the file to come may stay.
        "expires_after": check(body, "expires_after", dict),
    }
    return call.collection(UPLOADS).add(upload)


def _pending(call: Call) -> Json:
    """Return the upload in the path, refusing one that is over."""
    upload = call.collection(UPLOADS).get(call.ids["upload_id"])
    if upload["status"] != "pending":
        raise invalid(f"The upload is {upload['status']} already.", "upload_id")
    return upload


async def add_part(call: Call) -> Json:
    """Keep a part."""
    upload = _pending(call)
    sent, data = call.form.file("data")
    if sent.size > LARGEST_PART:
        raise invalid("The part is larger than 64 MB.", "data")
    part: Json = {
        "id": new_id("part_"),
        "object": "upload.part",
        "created_at": now(),
        "upload_id": upload["id"],
    }
    call.state.blobs[part["id"]] = Blob(
        data=data, content_type="application/octet-stream", size=sent.size
    )
    return call.collection(PARTS, upload["id"]).add(part)


async def complete(call: Call) -> Json:
    """Make a file of the parts, in the order given."""
    upload, body = _pending(call), call.json
    parts = call.collection(PARTS, upload["id"])
    ids = [parts.get(part_id)["id"] for part_id in need(body, "part_ids", list)]
    blobs = [call.state.blobs[part_id] for part_id in ids]
    data, size = b"".join(blob.data for blob in blobs), sum(blob.size for blob in blobs)
    if size != upload["bytes"]:
        raise invalid(
            f"The parts have {size} bytes, but {upload['bytes']} were announced.", "bytes"
        )
    md5 = check(body, "md5", str)
    if md5 and md5 != hashlib.md5(data, usedforsecurity=False).hexdigest():
        raise invalid("The checksum does not match.", "md5")
    expires_after = upload["expires_after"]
    file: Json = {
        "id": new_id("file-"),
        "object": "file",
        "bytes": size,
        "created_at": now(),
        "expires_at": expires_after and now() + need(expires_after, "seconds", int),
        "filename": upload["filename"],
        "purpose": upload["purpose"],
        "status": "processed",
        "status_details": None,
    }
    call.state.blobs[file["id"]] = Blob(data=data, content_type=upload["mime_type"])
    call.collection(FILES).add(file)
    return call.collection(UPLOADS).update(upload["id"], {"status": "completed", "file": file})


async def cancel(call: Call) -> Json:
    """Drop an upload."""
    return call.collection(UPLOADS).update(_pending(call)["id"], {"status": "cancelled"})


ROUTES = (
    Route("POST", "/uploads", create),
    Route("POST", "/uploads/{upload_id}/parts", add_part),
    Route("POST", "/uploads/{upload_id}/complete", complete),
    Route("POST", "/uploads/{upload_id}/cancel", cancel),
)
