"""Skills: folders of files, kept version by version and given back as a zip."""

from __future__ import annotations

import io
from pathlib import PurePosixPath
import re
import zipfile

from tests.standin.records import Part
from tests.standin.routing import Call, Route, need, resource_routes
from tests.standin.state import Blob, Kind
from tests.standin.wire import ApiError, Json, Reply, invalid, new_id, now

SKILLS = Kind(name="skill", deleted="skill.deleted")
VERSIONS = Kind(name="skill version")
ONE, VERSION = "/skills/{skill_id}", "/skills/{skill_id}/versions/{version}"
HEADER = re.compile(r"^(name|description): *(.+)$", re.MULTILINE)


def _files(parts: list[Part]) -> dict[str, bytes]:
    """Return the files by their paths, unpacking a zip."""
    found = {str(part.filename): part.data for part in parts if isinstance(part.data, bytes)}
    if len(found) == 1 and next(iter(found)).endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(next(iter(found.values())))) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
    return found


def _manifest(files: dict[str, bytes]) -> dict[str, str]:
    """Return what SKILL.md says, refusing files that are no skill."""
    if len({PurePosixPath(name).parts[0] for name in files}) != 1 or any(
        len(PurePosixPath(name).parts) < 2 for name in files
    ):
        raise invalid("All files must be inside a single top-level folder.", "files")
    manifests = [
        data for name, data in files.items() if name.count("/") == 1 and "SKILL.md" in name
    ]
    if len(manifests) != 1:
        raise invalid("A skill needs exactly one SKILL.md.", "files")
    return dict(HEADER.findall(manifests[0].decode()))


def _add_version(call: Call, skill_id: str, number: int) -> Json:
    """Keep the uploaded files as a version."""
    files = _files(call.form.files("files"))
    manifest = _manifest(files)
    version: Json = {
        "id": new_id("skillver_"),
        "object": "skill.version",
        "created_at": now(),
        "skill_id": skill_id,
        "version": str(number),
        "name": manifest.get("name", ""),
        "description": manifest.get("description", ""),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    call.state.blobs[version["id"]] = Blob(data=packed.getvalue(), content_type="application/zip")
    return call.collection(VERSIONS, skill_id).add(version)


async def create(call: Call) -> Json:
    """Keep a new skill with its first version."""
    skill_id = new_id("skill_")
    version = _add_version(call, skill_id, 1)
    return call.collection(SKILLS).add(
        {
            "id": skill_id,
            "object": "skill",
            "created_at": now(),
            "name": version["name"],
            "description": version["description"],
            "default_version": "1",
            "latest_version": "1",
        }
    )


async def update(call: Call) -> Json:
    """Change the default version."""
    number = need(call.json, "default_version", str)
    _version(call, call.ids["skill_id"], number)
    return call.collection(SKILLS).update(call.ids["skill_id"], {"default_version": number})


async def create_version(call: Call) -> Json:
    """Keep a further version."""
    skill = call.collection(SKILLS).get(call.ids["skill_id"])
    number = int(skill["latest_version"]) + 1
    version = _add_version(call, skill["id"], number)
    skill["latest_version"] = str(number)
    if call.form.text("default") == "true":
        skill["default_version"] = str(number)
    return version


def _version(call: Call, skill_id: str, number: str) -> Json:
    """Return a version by its number."""
    call.collection(SKILLS).get(skill_id)
    for version in call.collection(VERSIONS, skill_id):
        if version["version"] == number:
            return version
    raise ApiError(404, f"No version {number} found.", param="version")


async def get_version(call: Call) -> Json:
    """Return what a version is."""
    return _version(call, call.ids["skill_id"], call.ids["version"])


async def delete_version(call: Call) -> Json:
    """Forget a version."""
    version = await get_version(call)
    call.collection(VERSIONS, call.ids["skill_id"]).delete(version["id"])
    return {
        "id": version["id"],
        "object": "skill.version.deleted",
        "deleted": True,
        "version": version["version"],
    }


async def list_versions(call: Call) -> Json:
    """List the versions of a skill."""
    skill = call.collection(SKILLS).get(call.ids["skill_id"])
    return call.collection(VERSIONS, skill["id"]).page(call.request)


async def content(call: Call) -> Reply:
    """Return a version as a zip, the default one where none is named."""
    skill = call.collection(SKILLS).get(call.ids["skill_id"])
    number = call.ids.get("version") or str(skill["default_version"])
    blob = call.state.blobs[_version(call, skill["id"], number)["id"]]
    return Reply(body=blob.data, content_type=blob.content_type)


ROUTES = (
    Route("POST", "/skills", create),
    *resource_routes(SKILLS, ONE, "list", "retrieve", "delete"),
    Route("POST", ONE, update),
    Route("GET", f"{ONE}/content", content),
    Route("POST", f"{ONE}/versions", create_version),
    Route("GET", f"{ONE}/versions", list_versions),
    Route("GET", VERSION, get_version),
    Route("DELETE", VERSION, delete_version),
    Route("GET", f"{VERSION}/content", content),
)
