"""Files of vector stores, added one by one or in batches."""

from __future__ import annotations

from tests.standin.routing import Call, Route, check, missing
from tests.standin.state import Collection, Kind
from tests.standin.wire import Json, invalid, new_id, now

from .files import FILES
from .vector_stores import STATES, attach, counts, refresh, store_files, text_of

BATCHES = Kind(name="file batch")
BATCH_FILES = Kind(name="file")
STORE = "/vector_stores/{vector_store_id}"
FILE = f"{STORE}/files/{{file_id}}"
BATCH = f"{STORE}/file_batches/{{batch_id}}"


def _listed(call: Call, files: Collection) -> Json:
    """List files, of one status if asked."""
    state = call.request.param("filter")
    if state not in (None, *STATES):
        raise invalid(f"Invalid value: '{state}'.", "filter", "invalid_value")
    return files.page(call.request, lambda file: state in (None, file["status"]))


async def create(call: Call) -> Json:
    """Add a file."""
    store_files(call)
    return attach(call, call.ids["vector_store_id"], call.json)


async def list_files(call: Call) -> Json:
    """List the files of a store."""
    return _listed(call, store_files(call))


async def retrieve(call: Call) -> Json:
    """Return a file, a step further than at the last look."""
    file = store_files(call).advance(call.ids["file_id"])
    refresh(call, call.ids["vector_store_id"])
    return file


async def update(call: Call) -> Json:
    """Replace a file's attributes."""
    if "attributes" not in call.json:
        raise missing("attributes")
    attributes = check(call.json, "attributes", dict) or {}
    return store_files(call).update(call.ids["file_id"], {"attributes": attributes})


async def delete(call: Call) -> Json:
    """Take a file out of a store."""
    gone = store_files(call).delete(call.ids["file_id"])
    refresh(call, call.ids["vector_store_id"])
    return gone


async def content(call: Call) -> Json:
    """Return the text that was found in a file."""
    file = store_files(call).get(call.ids["file_id"])
    text = text_of(call, call.collection(FILES).get(file["id"])["id"])
    return {
        "object": "vector_store.file_content.page",
        "data": [] if text is None else [{"type": "text", "text": text}],
        "has_more": False,
        "next_page": None,
    }


def _batches(call: Call) -> Collection:
    """Return the batches of the store in the path, or refuse."""
    store_files(call)
    return call.collection(BATCHES, call.ids["vector_store_id"])


def _batch_files(call: Call, batch: Json) -> Collection:
    """Return the files of a batch: the same objects as in the store."""
    return call.collection(BATCH_FILES, batch["id"])


async def create_batch(call: Call) -> Json:
    """Add several files; the counts are not filled in yet, as with the real API."""
    batches, body = _batches(call), call.json
    ids, files = check(body, "file_ids", list), check(body, "files", list)
    if bool(ids) == bool(files):
        raise invalid("Provide exactly one of 'file_ids' and 'files'.", "file_ids")
    common = {name: body.get(name) for name in ("attributes", "chunking_strategy")}
    store_id = call.ids["vector_store_id"]
    batch: Json = {
        "id": new_id("vsfb_"),
        "object": "vector_store.files_batch",
        "created_at": now(),
        "vector_store_id": store_id,
        "status": "in_progress",
        "file_counts": counts(()),
    }
    for given in files or [{"file_id": file_id, **common} for file_id in ids or ()]:
        _batch_files(call, batch).add(attach(call, store_id, given))
    return batches.add(batch, {}, {"status": "completed"})


async def retrieve_batch(call: Call) -> Json:
    """Return a batch, a step further than at the last look."""
    batch = _batches(call).advance(call.ids["batch_id"])
    files = _batch_files(call, batch)
    if batch["status"] == "completed":
        for file in files:
            store_files(call).settle(file["id"])
        refresh(call, call.ids["vector_store_id"])
    return batch | {"file_counts": counts(files)}


async def cancel_batch(call: Call) -> Json:
    """Stop what is still under way."""
    batch = _batches(call).get(call.ids["batch_id"])
    if batch["status"] != "in_progress":
        raise invalid(f"The batch is {batch['status']} already.", "batch_id")
    _batches(call).forget_later(batch["id"])
    for file in _batch_files(call, batch):
        if file["status"] == "in_progress":
            store_files(call).forget_later(file["id"])
            file["status"] = "cancelled"
    refresh(call, call.ids["vector_store_id"])
    batch["status"] = "cancelled"
    return batch | {"file_counts": counts(_batch_files(call, batch))}


async def list_batch_files(call: Call) -> Json:
    """List the files of a batch."""
    return _listed(call, _batch_files(call, _batches(call).get(call.ids["batch_id"])))


ROUTES = (
    Route("POST", f"{STORE}/files", create),
    Route("GET", f"{STORE}/files", list_files),
    Route("GET", FILE, retrieve),
    Route("POST", FILE, update),
    Route("DELETE", FILE, delete),
    Route("GET", f"{FILE}/content", content),
    Route("POST", f"{STORE}/file_batches", create_batch),
    Route("GET", BATCH, retrieve_batch),
    Route("POST", f"{BATCH}/cancel", cancel_batch),
    Route("GET", f"{BATCH}/files", list_batch_files),
)
