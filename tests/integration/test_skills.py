"""Skills: sent as folders, files and zips, and fetched back."""

import io
from pathlib import Path
from typing import Any
import zipfile

from homeassistant.exceptions import ServiceValidationError
import pytest

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
MANIFEST = b"---\nname: butler\ndescription: Serves tea.\n---\nBe polite.\n"


@pytest.fixture
def skill(media_folder: Path) -> Path:
    """Return a folder with a skill, and with what does not belong to it."""
    folder = media_folder / "butler"
    for name, content in {
        "SKILL.md": MANIFEST,
        "scripts/tea.py": b"print('tea')\n",
        ".git/config": b"hidden",
        ".DS_Store": b"hidden",
        "scripts/__pycache__/tea.pyc": b"cache",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def sent_files(standin: StandIn) -> dict[str, bytes]:
    """Return the files of the last request by their names."""
    body: list[Any] = standin.requests[-1].body
    return {part.filename: part.data for part in body if part.name == "files[]"}


async def test_skill_directory_upload_paths(standin: StandIn, call: Call, skill: Path) -> None:
    made = await call("create_skill", files=str(skill))

    assert (made["name"], made["default_version"]) == ("butler", "1")
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("POST", "/skills")
    assert sent_files(standin) == {
        "butler/SKILL.md": MANIFEST,
        "butler/scripts/tea.py": b"print('tea')\n",
    }


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["SKILL.md"], ["butler/SKILL.md"]),
        (["SKILL.md", "scripts/tea.py"], ["butler/SKILL.md", "butler/scripts/tea.py"]),
        (["SKILL.md", "scripts"], ["butler/SKILL.md", "butler/scripts/tea.py"]),
    ],
    ids=["one file", "several files", "a file and a folder"],
)
async def test_skill_files_upload_common_directory(
    standin: StandIn, call: Call, skill: Path, names: list[str], expected: list[str]
) -> None:
    made = await call("create_skill", files=[str(skill / name) for name in names])

    assert made["object"] == "skill"
    assert list(sent_files(standin)) == expected


async def test_skill_upload_timeout_by_size(standin: StandIn, call: Call, skill: Path) -> None:
    (skill / "large.bin").write_bytes(bytes(256 * 1024))
    standin.fail(Fault(path="/skills", delay=1.3))
    assert (await call("create_skill", files=str(skill), timeout=1))["id"]


async def test_skill_zip_round_trip(standin: StandIn, call: Call, media_folder: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("butler/SKILL.md", MANIFEST)
    (media_folder / "butler.zip").write_bytes(packed.getvalue())

    made = await call("create_skill", files=str(media_folder / "butler.zip"))
    assert list(sent_files(standin)) == ["butler.zip"]

    saved = await call("get_skill_content", skill_id=made["id"], filename="mine.zip")
    assert standin.requests[-1].path == f"/skills/{made['id']}/content"
    assert saved["media_content_type"] == "application/zip"
    with zipfile.ZipFile(saved["path"]) as archive:
        assert archive.read("butler/SKILL.md") == MANIFEST


async def test_skill_media_item_filename(standin: StandIn, call: Call, media_folder: Path) -> None:
    (media_folder / "SKILL.md").write_bytes(MANIFEST)
    item = "media-source://media_source/local/SKILL.md"
    # Nothing says in which folder it is; the host has the last word on that.
    with pytest.raises(ServiceValidationError, match="top-level folder"):
        await call("create_skill", files={"media_content_id": item})
    assert list(sent_files(standin)) == ["SKILL.md"]


async def test_skill_versions(standin: StandIn, call: Call, skill: Path) -> None:
    made = await call("create_skill", files=str(skill))
    skill_id = made["id"]

    version = await call("create_skill_version", skill_id=skill_id, files=str(skill), default=True)
    assert version["version"] == "2"
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/skills/{skill_id}/versions")
    assert ("default", "true") in [(part.name, part.data) for part in sent.body]
    assert len(sent_files(standin)) == 2
    assert (await call("get_skill", skill_id=skill_id))["default_version"] == "2"

    changed = await call("modify_skill", skill_id=skill_id, default_version=1)
    assert changed["default_version"] == "1"
    assert standin.requests[-1].body == {"default_version": "1"}

    page = await call("list_skill_versions", skill_id=skill_id, order="asc")
    assert [item["version"] for item in page["data"]] == ["1", "2"]
    assert await call("get_skill_version", skill_id=skill_id, version=2) == version
    assert standin.requests[-1].path == f"/skills/{skill_id}/versions/2"
    saved = await call("get_skill_version_content", skill_id=skill_id, version="2")
    assert standin.requests[-1].path == f"/skills/{skill_id}/versions/2/content"
    assert saved["path"].endswith(".zip")
    gone = await call("delete_skill_version", skill_id=skill_id, version="2")
    assert (gone["deleted"], gone["version"]) == (True, "2")

    assert [item["id"] for item in (await call("list_skills"))["data"]] == [skill_id]
    gone = await call("delete_skill", skill_id=skill_id)
    assert gone == {"id": skill_id, "object": "skill.deleted", "deleted": True}


async def test_skill_unreadable_file_sends_nothing(
    standin: StandIn, call: Call, skill: Path, tmp_path: Path
) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "SKILL.md").write_bytes(MANIFEST)
    (skill / "link.md").symlink_to(tmp_path / "private" / "SKILL.md")
    (skill.parent / "empty").mkdir()
    full = skill.parent / "full"
    full.mkdir()
    for number in range(501):
        (full / f"{number}").touch()
    count = len(standin.requests)

    for path, words in (
        (tmp_path / "private", "may not read"),
        (skill, "may not read"),
        (skill.parent / "empty", "no files"),
        (full, "500"),
        (skill.parent / "nowhere", "no file"),
    ):
        with pytest.raises(ServiceValidationError, match=words):
            await call("create_skill", files=str(path))
    with pytest.raises(Exception, match="files"):
        await call("create_skill")
    assert len(standin.requests) == count
