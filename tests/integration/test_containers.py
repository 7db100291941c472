"""Containers and their files; batches; the origin of pictures."""

import json
from pathlib import Path
from typing import Any

from homeassistant.exceptions import ServiceValidationError
import pytest

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call, read

pytestmark = pytest.mark.usefixtures("entry")


async def upload(call: Call, folder: Path, text: str, purpose: str = "user_data") -> str:
    """Return the id of an uploaded text."""
    (folder / "data.csv").write_text(text)
    return str((await call("create_file", file=str(folder / "data.csv"), purpose=purpose))["id"])


async def test_container_lifecycle(standin: StandIn, call: Call, media_folder: Path) -> None:
    settings = {
        "name": "Energy",
        "file_ids": [await upload(call, media_folder, "1,2")],
        "memory_limit": "4g",
        "expires_after": {"anchor": "last_active_at", "minutes": 5},
        "network_policy": {"type": "allowlist", "allowed_domains": ["example.com"]},
        "skills": [{"type": "skill_reference", "skill_id": "skill_1"}],
    }

    made = await call("create_container", **settings)

    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/containers", settings)
    for name, count in (("Energy", 1), ("Water", 0)):
        page = await call("list_containers", name=name, limit=3, order="asc")
        assert len(page["data"]) == count
    assert ("name", "Water") in standin.requests[-1].query
    found = await call("retrieve_container", container_id=made["id"])
    assert found["memory_limit"] == "4g"
    gone = await call("delete_container", container_id=made["id"])
    assert (gone["id"], gone["deleted"]) == (made["id"], True)
    assert (standin.requests[-1].method, standin.requests[-1].path) == (
        "DELETE",
        f"/containers/{made['id']}",
    )
    with pytest.raises(ServiceValidationError):
        await call("delete_container", container_id=made["id"])


async def test_container_files(standin: StandIn, call: Call, media_folder: Path) -> None:
    container = await call("create_container", name="Energy")
    ids = {"container_id": container["id"]}
    at_host = await upload(call, media_folder, "1,2")

    local = await call("add_container_file", **ids, file=str(media_folder / "data.csv"))
    (part,) = standin.requests[-1].body
    assert (part.name, part.filename, part.data) == ("file", "data.csv", b"1,2")
    copied = await call("add_container_file", **ids, file_id=at_host)
    assert standin.requests[-1].path == f"/containers/{container['id']}/files"
    assert standin.requests[-1].body == {"file_id": at_host}

    page = await call("list_container_files", **ids, order="asc")
    assert [item["id"] for item in page["data"]] == [local["id"], copied["id"]]
    found = await call("retrieve_container_file", **ids, file_id=local["id"])
    assert found["path"] == "/mnt/data/data.csv"
    saved = await call(
        "download_container_file_content", **ids, file_id=local["id"], filename="back.csv"
    )
    assert read(saved["path"]) == b"1,2"
    assert saved["media_content_id"].endswith("/back.csv")
    gone = await call("delete_container_file", **ids, file_id=local["id"])
    assert (gone["id"], gone["deleted"]) == (local["id"], True)
    assert standin.requests[-1].path == f"/containers/{container['id']}/files/{local['id']}"


async def test_delete_with_empty_response(standin: StandIn, call: Call) -> None:
    standin.fail(Fault(path="/containers/", status=200, body=b"", count=2))
    assert await call("delete_container", container_id="c") == {"id": "c", "deleted": True}
    answer = await call("delete_container_file", container_id="c", file_id="f")
    assert answer == {"id": "f", "deleted": True}


async def test_batch_lifecycle(standin: StandIn, call: Call, media_folder: Path) -> None:
    line = {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/responses",
        "body": {"model": "m", "input": "Hello"},
    }
    settings: dict[str, Any] = {
        "input_file_id": await upload(call, media_folder, json.dumps(line), "batch"),
        "endpoint": "/v1/responses",
        "completion_window": "24h",
        # What is an object here may be written as text by a template.
        "metadata": '{"room": "kitchen"}',
        "output_expires_after": {"anchor": "created_at", "seconds": 3600},
    }

    made = await call("create_batch", **settings)

    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/batches")
    assert sent.body == settings | {"metadata": {"room": "kitchen"}}
    for status in ("in_progress", "completed"):
        found = await call("retrieve_batch", batch_id=made["id"])
        assert found["status"] == status
    saved = await call("download_file", file_id=found["output_file_id"])
    assert json.loads(read(saved["path"]))["custom_id"] == "a"
    second = await call("create_batch", **settings)
    page = await call("list_batch", limit=1, all_pages=True)
    assert [item["id"] for item in page["data"]] == [second["id"], made["id"]]
    stopped = await call("cancel_batch", batch_id=second["id"])
    assert stopped["status"] == "cancelling"
    assert standin.requests[-1].path == f"/batches/{second['id']}/cancel"
    assert (await call("retrieve_batch", batch_id=second["id"]))["status"] == "cancelled"


async def test_batch_unreadable_file(call: Call, media_folder: Path) -> None:
    file_id = await upload(call, media_folder, "no request", "batch")
    made = await call(
        "create_batch", input_file_id=file_id, endpoint="/v1/responses", completion_window="24h"
    )
    found = await call("retrieve_batch", batch_id=made["id"])
    assert (found["status"], len(found["errors"]["data"])) == ("failed", 1)


async def test_content_provenance_check(standin: StandIn, call: Call, media_folder: Path) -> None:
    (media_folder / "cat.png").write_bytes(b"\x89PNG synthid")

    answer = await call("create_content_provenance_check", file=str(media_folder / "cat.png"))

    assert [(item["type"], item["outcome"]) for item in answer["results"]] == [
        ("c2pa", "not_detected"),
        ("synthid", "detected"),
    ]
    (part,) = standin.requests[-1].body
    assert standin.requests[-1].path == "/content_provenance_checks"
    assert (part.name, part.filename, part.content_type) == ("file", "cat.png", "image/png")
