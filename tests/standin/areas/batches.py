"""Batches: a file of requests, and some looks later a file of answers."""

from __future__ import annotations

import json

from tests.standin import answers
from tests.standin.routing import Call, Route, check, need, one_of, resource_routes
from tests.standin.state import Blob, Kind
from tests.standin.wire import Json, invalid, new_id, now

from .files import FILES

BATCHES = Kind(name="batch")
ENDPOINTS = (
    "/v1/responses",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/videos",
)
DAY = 86_400
OVER = ("completed", "failed", "expired", "cancelled")


async def create(call: Call) -> Json:
    """Take a file of requests; it is answered while it is asked after."""
    body = call.json
    source = call.collection(FILES).get(need(body, "input_file_id", str))
    if source["purpose"] != "batch":
        raise invalid("The file must have the purpose 'batch'.", "input_file_id")
    endpoint = one_of("endpoint", need(body, "endpoint", str), ENDPOINTS)
    window = one_of("completion_window", need(body, "completion_window", str), ("24h",))
    expiry = check(body, "output_expires_after", dict)
    lines = call.state.blobs[source["id"]].data.splitlines()
    requests = [request for line in lines if (request := _request(line))]
    total = len(lines)
    batch: Json = {
        "id": new_id("batch_"),
        "object": "batch",
        "endpoint": endpoint,
        "input_file_id": source["id"],
        "completion_window": window,
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "errors": None,
        "created_at": now(),
        "expires_at": now() + DAY,
        "in_progress_at": None,
        "completed_at": None,
        "cancelling_at": None,
        "cancelled_at": None,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": check(body, "metadata", dict) or {},
    }
    if len(requests) < total or not total:
        error = {"code": "invalid_json_line", "message": "A line is no request.", "line": None}
        failure = {"object": "list", "data": [error]}
        return call.collection(BATCHES).add(
            batch, {"status": "failed", "failed_at": now(), "errors": failure}
        )
    output = _answer(call, requests, expiry and now() + need(expiry, "seconds", int))
    return call.collection(BATCHES).add(
        batch,
        {
            "status": "in_progress",
            "in_progress_at": now(),
            "request_counts": {"total": total, "completed": 0, "failed": 0},
        },
        {
            "status": "completed",
            "completed_at": now(),
            "output_file_id": output,
            "request_counts": {"total": total, "completed": total, "failed": 0},
        },
    )


def _request(line: bytes) -> Json | None:
    """Return the request in a line, None where there is none."""
    try:
        found = json.loads(line)
        return {"custom_id": found["custom_id"], "body": dict(found["body"])}
    except ValueError, KeyError, TypeError:
        return None


def _answer(call: Call, requests: list[Json], expires_at: int | None) -> str:
    """Answer the requests, and return the id of the file that holds the answers."""
    replies = []
    for request in requests:
        asked = request["body"]
        said = answers.echo(json.dumps(asked.get("input") or asked.get("messages")))
        reply = {"status_code": 200, "request_id": new_id("req_"), "body": {"output_text": said}}
        replies.append(
            {
                "id": new_id("batch_req_"),
                "custom_id": request["custom_id"],
                "response": reply,
                "error": None,
            }
        )
    data = b"".join(json.dumps(reply).encode() + b"\n" for reply in replies)
    file: Json = {
        "id": new_id("file-"),
        "object": "file",
        "bytes": len(data),
        "created_at": now(),
        "expires_at": expires_at,
        "filename": "output.jsonl",
        "purpose": "batch_output",
        "status": "processed",
        "status_details": None,
    }
    call.state.blobs[file["id"]] = Blob(data=data, content_type="application/jsonl")
    call.collection(FILES).add(file)
    return str(file["id"])


async def cancel(call: Call) -> Json:
    """Begin to stop a batch; the next look finds it stopped."""
    batches = call.collection(BATCHES)
    batch = batches.get(call.ids["batch_id"])
    if batch["status"] in OVER:
        raise invalid(f"The batch is {batch['status']} already.", "batch_id")
    batches.forget_later(batch["id"])
    batch |= {"status": "cancelling", "cancelling_at": now()}
    return batches.add(batch, {"status": "cancelled", "cancelled_at": now()})


ROUTES = (
    Route("POST", "/batches", create),
    *resource_routes(BATCHES, "/batches/{batch_id}", "list", "retrieve"),
    Route("POST", "/batches/{batch_id}/cancel", cancel),
)
