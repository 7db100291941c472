"""Vector stores: filled one by one or in batches, searched, and waited for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call, raises_key

pytestmark = pytest.mark.usefixtures("entry")
STATIC = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
PROGRESS = "openai_api_progress_event"


@pytest.fixture
def texts(media_folder: Path) -> list[str]:
    """Return the paths of three texts."""
    words = {"oven": "The oven has a timer.", "washer": "The washer spins.", "tap": "Turn the tap."}
    for name, text in words.items():
        (media_folder / f"{name}.txt").write_text(text)
    return [str(media_folder / f"{name}.txt") for name in words]


@pytest.fixture
async def store_id(call: Call) -> str:
    """Return the id of an empty vector store."""
    return str((await call("create_vector_store", name="Manuals"))["id"])


@pytest.fixture
async def ids(call: Call, store_id: str, texts: list[str]) -> dict[str, str]:
    """Return the ids of an empty vector store and of a file that is not in it."""
    return {"vector_store_id": store_id, "file_id": await upload(call, texts[0])}


async def upload(call: Call, path: str) -> str:
    """Return the id of an uploaded file."""
    return str((await call("create_file", file=path, purpose="assistants"))["id"])


def trace(standin: StandIn) -> list[tuple[str, str]]:
    """Return the methods and paths of all requests, ids left out."""
    return [
        (
            request.method,
            "/".join("*" if "_" in step and len(step) > 20 else step for step in parts),
        )
        for request in standin.requests
        if (parts := [s if not s.startswith("file-") else "*" for s in request.path.split("/")])
    ]


def form(body: Any) -> dict[str, Any]:
    """Return the fields of a multipart body."""
    return {part.name: part.data for part in body}


async def test_vector_store_lifecycle(standin: StandIn, call: Call, texts: list[str]) -> None:
    file_id = await upload(call, texts[0])
    settings = {
        "name": "Manuals",
        "description": "All machines",
        "file_ids": [file_id],
        "chunking_strategy": STATIC,
        "expires_after": {"anchor": "last_active_at", "days": 7},
        "metadata": {"home": "yes"},
    }

    made = await call("create_vector_store", **settings)

    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/vector_stores", settings)
    assert made["file_counts"]["in_progress"] == 1
    page = await call("list_vector_stores", limit=1, order="asc", before=None)
    assert [item["id"] for item in page["data"]] == [made["id"]]
    assert sorted(standin.requests[-1].query) == [("limit", "1"), ("order", "asc")]
    assert (await call("retrieve_vector_store", vector_store_id=made["id"]))["name"] == "Manuals"
    # Null takes away; what is not given stays.
    changed = await call(
        "modify_vector_store", vector_store_id=made["id"], expires_after=None, name="Books"
    )
    assert standin.requests[-1].body == {"expires_after": None, "name": "Books"}
    assert (changed["name"], changed["metadata"]) == ("Books", {"home": "yes"})
    gone = await call("delete_vector_store", vector_store_id=made["id"])
    assert gone == {"id": made["id"], "object": "vector_store.deleted", "deleted": True}
    with pytest.raises(ServiceValidationError):
        await call("retrieve_vector_store", vector_store_id=made["id"])


@pytest.mark.parametrize("query", ["oven timer", ["oven", "timer"]])
async def test_vector_store_search(
    standin: StandIn, call: Call, store_id: str, texts: list[str], query: Any
) -> None:
    for path in texts:
        await call(
            "upload_and_poll_vector_store_file",
            vector_store_id=store_id,
            file=path,
            attributes={"machine": "tap" not in path},
            poll_interval_ms=100,
        )
    asked = {
        "query": query,
        "max_num_results": 2,
        "filters": {"type": "eq", "key": "machine", "value": True},
        "ranking_options": {"ranker": "auto", "score_threshold": 0.1},
        "rewrite_query": False,
    }

    found = await call("search_vector_store", vector_store_id=store_id, **asked)

    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/vector_stores/{store_id}/search")
    assert sent.body == asked
    assert [item["filename"] for item in found["data"]] == ["oven.txt"]
    assert found["data"][0]["content"][0]["text"] == "The oven has a timer."
    assert found["has_more"] is False


async def test_file_added_and_removed(
    standin: StandIn, call: Call, store_id: str, ids: dict[str, str]
) -> None:
    settings = {"attributes": {"room": "kitchen", "year": 2026}, "chunking_strategy": STATIC}

    added = await call("create_vector_store_file", **ids, **settings)

    assert added["status"] == "in_progress"
    assert standin.requests[-1].path == f"/vector_stores/{store_id}/files"
    assert standin.requests[-1].body == {"file_id": ids["file_id"], **settings}
    page = await call(
        "list_vector_store_files", vector_store_id=store_id, filter="in_progress", limit=5
    )
    assert [item["id"] for item in page["data"]] == [ids["file_id"]]
    assert ("filter", "in_progress") in standin.requests[-1].query
    assert (await call("retrieve_vector_store_file", **ids))["attributes"]["year"] == 2026
    content = await call("get_vector_store_file_content", **ids)
    assert content["data"] == [{"type": "text", "text": "The oven has a timer."}]
    await call("modify_vector_store_file", **ids, attributes=None)
    assert standin.requests[-1].body == {"attributes": None}
    with pytest.raises(vol.Invalid):
        await call("modify_vector_store_file", **ids)
    gone = await call("delete_vector_store_file", **ids)
    assert gone["deleted"] is True
    assert (standin.requests[-1].method, standin.requests[-1].path) == (
        "DELETE",
        f"/vector_stores/{store_id}/files/{ids['file_id']}",
    )


async def test_file_added_and_polled(
    standin: StandIn,
    call: Call,
    entry: MockConfigEntry,
    events: Callable[[str], list[Event]],
    ids: dict[str, str],
) -> None:
    fired = events(PROGRESS)
    standin.requests.clear()

    done = await call(
        "create_and_poll_vector_store_file",
        **ids,
        attributes={"room": "kitchen"},
        chunking_strategy=STATIC,
        poll_interval_ms=100,
        max_wait_seconds=5,
    )

    assert done["status"] == "completed"
    assert (done["attributes"], done["chunking_strategy"]) == ({"room": "kitchen"}, STATIC)
    assert trace(standin) == [
        ("POST", "/vector_stores/*/files"),
        ("GET", "/vector_stores/*/files/*"),
        ("GET", "/vector_stores/*/files/*"),
    ]
    # The patience is ours, not the host's.
    assert standin.requests[0].body == {
        "file_id": ids["file_id"],
        "attributes": {"room": "kitchen"},
        "chunking_strategy": STATIC,
    }
    assert [event.data["status"] for event in fired] == ["in_progress", "in_progress", "completed"]
    assert {event.data["id"] for event in fired} == {ids["file_id"]}
    assert {event.data["config_entry_id"] for event in fired} == {entry.entry_id}
    assert {event.data["action"] for event in fired} == {"create_and_poll_vector_store_file"}


async def test_file_failed_is_returned(call: Call, store_id: str, media_folder: Path) -> None:
    (media_folder / "noise.bin").write_bytes(b"\xff\xfe\xfd")
    file_id = await upload(call, str(media_folder / "noise.bin"))
    await call("create_vector_store_file", vector_store_id=store_id, file_id=file_id)

    found = await call(
        "poll_vector_store_file", vector_store_id=store_id, file_id=file_id, poll_interval_ms=100
    )

    assert (found["status"], found["last_error"]["code"]) == ("failed", "unsupported_file")


async def test_poll_max_wait_exceeded(call: Call, ids: dict[str, str]) -> None:
    with raises_key("still_pending"):
        await call(
            "create_and_poll_vector_store_file",
            **ids,
            poll_interval_ms=2000,
            max_wait_seconds=1,
        )


async def test_poll_cancelled_on_unload(
    hass: HomeAssistant, standin: StandIn, call: Call, entry: MockConfigEntry, ids: dict[str, str]
) -> None:
    sent = len(standin.requests)
    waiting = hass.async_create_task(
        call("create_and_poll_vector_store_file", **ids, poll_interval_ms=300)
    )
    await standin.requests.reach(sent + 2)
    await hass.config_entries.async_unload(entry.entry_id)
    with raises_key("unloaded"):
        await waiting


@pytest.mark.parametrize(
    "action", ["upload_vector_store_file", "upload_and_poll_vector_store_file"]
)
async def test_local_file_attributes_are_sent(
    standin: StandIn, call: Call, store_id: str, texts: list[str], action: str
) -> None:
    standin.requests.clear()
    looks = 2 if "poll" in action else 0
    settings = {"attributes": {"room": "kitchen"}, "chunking_strategy": STATIC}
    pause = {"poll_interval_ms": 100} if looks else {}

    answer = await call(action, vector_store_id=store_id, file=texts[0], **settings, **pause)

    assert trace(standin) == [
        ("POST", "/files"),
        ("POST", "/vector_stores/*/files"),
        *[("GET", "/vector_stores/*/files/*")] * looks,
    ]
    assert form(standin.requests[0].body) == {
        "file": b"The oven has a timer.",
        "purpose": "assistants",
    }
    assert standin.requests[1].body == {"file_id": answer["id"], **settings}
    assert answer["status"] == ("completed" if looks else "in_progress")
    assert answer["attributes"] == {"room": "kitchen"}


async def test_file_batch_of_file_ids(
    standin: StandIn, call: Call, store_id: str, texts: list[str]
) -> None:
    file_ids = [await upload(call, path) for path in texts]
    made = await call(
        "create_vector_store_file_batch",
        vector_store_id=store_id,
        file_ids=file_ids,
        attributes={"a": 1},
        chunking_strategy=STATIC,
    )
    ids = {"vector_store_id": store_id, "batch_id": made["id"]}
    assert standin.requests[-1].path == f"/vector_stores/{store_id}/file_batches"
    assert standin.requests[-1].body == {
        "file_ids": file_ids,
        "attributes": {"a": 1},
        "chunking_strategy": STATIC,
    }

    page = await call("list_vector_store_batch_files", **ids, limit=2, all_pages=True, order="asc")
    assert [item["id"] for item in page["data"]] == file_ids
    none = await call("list_vector_store_batch_files", **ids, filter="completed")
    assert none["data"] == []
    found = await call("retrieve_vector_store_file_batch", **ids)
    assert found["file_counts"]["in_progress"] == 3
    stopped = await call("cancel_vector_store_file_batch", **ids)
    assert (stopped["status"], stopped["file_counts"]["cancelled"]) == ("cancelled", 3)
    assert (standin.requests[-1].method, standin.requests[-1].path) == (
        "POST",
        f"/vector_stores/{store_id}/file_batches/{made['id']}/cancel",
    )


async def test_file_batch_polled_by_status(
    standin: StandIn,
    call: Call,
    events: Callable[[str], list[Event]],
    store_id: str,
    texts: list[str],
) -> None:
    """The counts are all zero at first, which must not look like the end."""
    fired = events(PROGRESS)
    files = [{"file_id": await upload(call, path), "attributes": {"p": path}} for path in texts]

    done = await call(
        "create_and_poll_vector_store_file_batch",
        vector_store_id=store_id,
        files=files,
        poll_interval_ms=100,
    )

    assert (done["status"], done["file_counts"]["completed"]) == ("completed", 3)
    assert fired[0].data["file_counts"]["in_progress"] == 0
    assert fired[0].data["status"] == "in_progress"
    assert fired[-1].data["file_counts"]["completed"] == 3
    body = next(r.body for r in standin.requests if r.path.endswith("/file_batches"))
    assert body == {"files": files}
    again = await call(
        "poll_vector_store_file_batch", vector_store_id=store_id, batch_id=done["id"]
    )
    assert again["status"] == "completed"
    assert standin.requests[-1].path == f"/vector_stores/{store_id}/file_batches/{done['id']}"


async def test_file_batch_of_local_files(
    standin: StandIn, call: Call, store_id: str, texts: list[str]
) -> None:
    known = await upload(call, texts[2])
    standin.requests.clear()

    done = await call(
        "upload_and_poll_vector_store_file_batch",
        vector_store_id=store_id,
        files=texts[:2],
        file_ids=known,
        attributes={"a": 1},
        chunking_strategy=STATIC,
        max_concurrency=1,
        poll_interval_ms=100,
    )

    assert trace(standin)[:3] == [
        ("POST", "/files"),
        ("POST", "/files"),
        ("POST", "/vector_stores/*/file_batches"),
    ]
    assert [form(request.body)["file"] for request in standin.requests[:2]] == [
        b"The oven has a timer.",
        b"The washer spins.",
    ]
    body = standin.requests[2].body
    assert body.pop("file_ids")[0] == known
    assert body == {"attributes": {"a": 1}, "chunking_strategy": STATIC}
    assert (done["status"], done["file_counts"]["completed"]) == ("completed", 3)


async def test_file_batch_missing_file_sends_nothing(
    standin: StandIn, call: Call, store_id: str, texts: list[str]
) -> None:
    standin.requests.clear()
    with raises_key("path_not_allowed", ServiceValidationError):
        await call(
            "upload_and_poll_vector_store_file_batch",
            vector_store_id=store_id,
            files=[*texts, "/etc/passwd"],
        )
    with pytest.raises(vol.Invalid):
        await call(
            "upload_and_poll_vector_store_file_batch",
            vector_store_id=store_id,
            files=texts,
            max_concurrency=0,
        )
    assert not standin.requests


async def test_file_batch_without_files_sends_nothing(
    standin: StandIn, call: Call, store_id: str, texts: list[str]
) -> None:
    """A template that finds no files makes no batch without any."""
    known = await upload(call, texts[0])
    standin.requests.clear()
    action = "upload_and_poll_vector_store_file_batch"
    with raises_key("field_missing", ServiceValidationError):
        await call(action, vector_store_id=store_id, files=[])
    assert not standin.requests
    done = await call(action, vector_store_id=store_id, files=[], file_ids=known)
    assert done["file_counts"]["completed"] == 1


async def test_file_batch_upload_error_raises(
    standin: StandIn, call: Call, store_id: str, texts: list[str]
) -> None:
    standin.requests.clear()
    standin.fail(Fault(path="^/files$", status=413, body={"error": {"message": "Too large"}}))
    with raises_key("refused", ServiceValidationError):
        await call("upload_and_poll_vector_store_file_batch", vector_store_id=store_id, files=texts)
    assert not [request for request in standin.requests if "vector" in request.path]
