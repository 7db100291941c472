"""Vector stores: collections of files that can be searched by their words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import operator
import re
from typing import Any

from tests.standin.routing import Call, Route, check, need, resource_routes, within
from tests.standin.state import Collection, Kind
from tests.standin.wire import Json, invalid, new_id, now

from .files import FILES

STORES = Kind(name="vector store", deleted="vector_store.deleted")
STORE_FILES = Kind(name="vector store file", deleted="vector_store.file.deleted")
STATES = ("in_progress", "completed", "failed", "cancelled")
AUTO = {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}
DAY = 86_400
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, options: value in options,
    "nin": lambda value, options: value not in options,
}


def counts(files: Iterable[Json]) -> Json:
    """Count files by status."""
    states = [file["status"] for file in files]
    return {state: states.count(state) for state in STATES} | {"total": len(states)}


def store_files(call: Call) -> Collection:
    """Return the files of the store in the path, or refuse."""
    store = call.collection(STORES).get(call.ids["vector_store_id"])
    return call.collection(STORE_FILES, store["id"])


def text_of(call: Call, file_id: str) -> str | None:
    """Return a file's text, None where it holds none."""
    try:
        return call.state.blobs[file_id].data.decode()
    except UnicodeDecodeError:
        return None


def attach(call: Call, store_id: str, given: Json) -> Json:
    """Put a file into a store; two looks later it can be found, or has failed."""
    file = call.collection(FILES).get(need(given, "file_id", str))
    readable = text_of(call, file["id"]) is not None
    outcome = (
        {"status": "completed", "usage_bytes": file["bytes"]}
        if readable
        else {
            "status": "failed",
            "last_error": {"code": "unsupported_file", "message": "The file holds no text."},
        }
    )
    strategy = check(given, "chunking_strategy", dict) or {"type": "auto"}
    item: Json = {
        "id": file["id"],
        "object": "vector_store.file",
        "created_at": now(),
        "vector_store_id": store_id,
        "status": "in_progress",
        "last_error": None,
        "usage_bytes": 0,
        "attributes": check(given, "attributes", dict) or {},
        "chunking_strategy": AUTO if strategy["type"] == "auto" else strategy,
    }
    call.collection(STORE_FILES, store_id).add(item, {}, outcome)
    refresh(call, store_id)
    return item


def refresh(call: Call, store_id: str) -> None:
    """Bring a store's own figures up to date with its files."""
    files = list(call.collection(STORE_FILES, store_id))
    numbers = counts(files)
    call.collection(STORES).update(
        store_id,
        {
            "file_counts": numbers,
            "status": "in_progress" if numbers["in_progress"] else "completed",
            "usage_bytes": sum(file["usage_bytes"] for file in files),
            "last_active_at": now(),
        },
    )


async def create(call: Call) -> Json:
    """Make a store, with files if any are named."""
    body = call.json
    expires_after = check(body, "expires_after", dict)
    store: Json = {
        "id": new_id("vs_"),
        "object": "vector_store",
        "created_at": now(),
        "name": check(body, "name", str),
        "description": check(body, "description", str),
        "metadata": check(body, "metadata", dict) or {},
        "expires_after": expires_after,
        "expires_at": now() + expires_after["days"] * DAY if expires_after else None,
    }
    call.collection(STORES).add(store)
    for file_id in check(body, "file_ids", list) or ():
        attach(
            call,
            store["id"],
            {"file_id": file_id, "chunking_strategy": body.get("chunking_strategy")},
        )
    refresh(call, store["id"])
    return store


async def search(call: Call) -> Json:
    """Return the passages that share most words with a question."""
    body = call.json
    query = need(body, "query", str, list)
    within(body, "max_num_results", 1, 50)
    ranking = check(body, "ranking_options", dict) or {}
    wanted = _words(" ".join(query) if isinstance(query, list) else query)
    if not wanted:
        raise invalid("Invalid 'query': it holds no words.", "query")
    found: list[Json] = []
    for item in store_files(call):
        if item["status"] != "completed" or not _passes(item["attributes"], body.get("filters")):
            continue
        file = call.collection(FILES).get(item["id"])
        for passage in (text_of(call, item["id"]) or "").split("\n\n"):
            score = len(wanted & _words(passage)) / len(wanted)
            if score and score >= ranking.get("score_threshold", 0):
                found.append(
                    {
                        "file_id": item["id"],
                        "filename": file["filename"],
                        "score": score,
                        "attributes": item["attributes"],
                        "content": [{"type": "text", "text": passage}],
                    }
                )
    found.sort(key=lambda result: -result["score"])
    return {
        "object": "vector_store.search_results.page",
        "search_query": query if isinstance(query, list) else [query],
        "data": found[: body.get("max_num_results") or 10],
        "has_more": False,
        "next_page": None,
    }


def _words(text: str) -> set[str]:
    """Return the words of a text."""
    return set(re.findall(r"\w+", text.lower()))


def _passes(attributes: Json, condition: Any) -> bool:
    """Tell whether a file's attributes meet a filter."""
    if not condition:
        return True
    if condition.get("type") in ("and", "or"):
        met = [_passes(attributes, part) for part in condition["filters"]]
        return all(met) if condition["type"] == "and" else any(met)
    if condition.get("type") not in COMPARISONS:
        raise invalid(f"Invalid value: '{condition.get('type')}'.", "filters.type")
    value = attributes.get(condition["key"])
    return value is not None and bool(COMPARISONS[condition["type"]](value, condition["value"]))


ROUTES = (
    Route("POST", "/vector_stores", create),
    Route("POST", "/vector_stores/{vector_store_id}/search", search),
    *resource_routes(
        STORES,
        "/vector_stores/{vector_store_id}",
        "list",
        "retrieve",
        "update",
        "delete",
        updatable=("name", "metadata", "expires_after"),
    ),
)
