"""Containers and the files in them."""

from __future__ import annotations

from tests.standin.routing import Call, Route, check, missing, need, one_of, resource_routes
from tests.standin.state import Blob, Collection, Kind
from tests.standin.wire import Json, Reply, new_id, now

from .files import FILES

CONTAINERS = Kind(name="container", deleted="container.deleted")
CONTAINER_FILES = Kind(name="container file", deleted="container.file.deleted")
SIZES = ("1g", "4g", "16g", "64g")
FILE = "/containers/{container_id}/files/{file_id}"


async def create(call: Call) -> Json:
    """Start a container, with files if any are named."""
    body = call.json
    container: Json = {
        "id": new_id("cntr_"),
        "object": "container",
        "created_at": now(),
        "status": "running",
        "name": need(body, "name", str),
        "last_active_at": now(),
        "expires_after": check(body, "expires_after", dict)
        or {"anchor": "last_active_at", "minutes": 20},
        "memory_limit": one_of("memory_limit", body.get("memory_limit", "1g"), SIZES),
        "network_policy": check(body, "network_policy", dict) or {"type": "disabled"},
        "skills": check(body, "skills", list) or [],
    }
    call.collection(CONTAINERS).add(container)
    for file_id in check(body, "file_ids", list) or ():
        _copy(call, container["id"], file_id)
    return container


async def list_containers(call: Call) -> Json:
    """List the containers, those of one name if asked."""
    name = call.request.param("name")
    return call.collection(CONTAINERS).page(
        call.request, lambda container: name in (None, container["name"])
    )


def _files(call: Call) -> Collection:
    """Return the files of the container in the path, or refuse."""
    container = call.collection(CONTAINERS).get(call.ids["container_id"])
    return call.collection(CONTAINER_FILES, container["id"])


def _copy(call: Call, container_id: str, file_id: str) -> Json:
    """Copy an uploaded file into a container."""
    file = call.collection(FILES).get(file_id)
    return _keep(call, container_id, file["filename"], call.state.blobs[file_id])


def _keep(call: Call, container_id: str, name: str, blob: Blob) -> Json:
    """Put a file into a container."""
    file: Json = {
        "id": new_id("cfile_"),
        "object": "container.file",
        "created_at": now(),
        "bytes": len(blob.data),
        "container_id": container_id,
        "path": f"/mnt/data/{name}",
        "source": "user",
    }
    call.state.blobs[file["id"]] = blob
    return call.collection(CONTAINER_FILES, container_id).add(file)


async def add_file(call: Call) -> Json:
    """Add a file that is sent along, or one that was uploaded before."""
    _files(call)
    container_id = call.ids["container_id"]
    if isinstance(call.request.body, list):
        part, data = call.form.file("file")
        kind = part.content_type or "application/octet-stream"
        return _keep(call, container_id, part.filename or "", Blob(data=data, content_type=kind))
    if "file_id" not in call.json:
        raise missing("file")
    return _copy(call, container_id, need(call.json, "file_id", str))


async def list_files(call: Call) -> Json:
    """List the files of a container."""
    return _files(call).page(call.request)


async def retrieve_file(call: Call) -> Json:
    """Return a file's data sheet."""
    return _files(call).get(call.ids["file_id"])


async def delete_file(call: Call) -> Json:
    """Delete a file."""
    return _files(call).delete(call.ids["file_id"])


async def content(call: Call) -> Reply:
    """Return a file's bytes."""
    file = _files(call).get(call.ids["file_id"])
    blob = call.state.blobs[file["id"]]
    return Reply(body=blob.data, content_type=blob.content_type)


ROUTES = (
    Route("POST", "/containers", create),
    Route("GET", "/containers", list_containers),
    *resource_routes(CONTAINERS, "/containers/{container_id}", "retrieve", "delete"),
    Route("POST", "/containers/{container_id}/files", add_file),
    Route("GET", "/containers/{container_id}/files", list_files),
    Route("GET", FILE, retrieve_file),
    Route("DELETE", FILE, delete_file),
    Route("GET", f"{FILE}/content", content),
)
