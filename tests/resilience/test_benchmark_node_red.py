"""What the comparison with Node-RED says where something that it needs is missing."""

import json
from pathlib import Path

import pytest

from tests.benchmark.node_red import PACKAGE, MissingError, find

BOTH = ("node-red", PACKAGE)


def _folder(path: Path, *packages: str) -> Path:
    """Make a folder whose node_modules has these packages."""
    for package in packages:
        (path / "node_modules" / package).mkdir(parents=True)
        manifest = path / "node_modules" / package / "package.json"
        manifest.write_text(json.dumps({"version": "5.0.7"}))
    return path


def _node(path: Path, says: str) -> Path:
    """Make a program that says this when it is asked for its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("packages", "says", "message"),
    [
        ((), "v22.9.0", "has no node-red"),
        (("node-red",), "v22.9.0", f"has no {PACKAGE}"),
        (BOTH, "v20.20.2", "is v20.20.2, not Node.js 22 or newer"),
        (BOTH, "3.1", "is 3.1, not Node.js 22 or newer"),
        (BOTH, "", "is something else, not Node.js 22 or newer"),
    ],
)
async def test_find_file_missing_raises(
    tmp_path: Path, packages: tuple[str, ...], says: str, message: str
) -> None:
    node = _node(tmp_path / "node", says)
    with pytest.raises(MissingError, match=message):
        await find(_folder(tmp_path, *packages), str(node))


async def test_find_without_folder_raises() -> None:
    with pytest.raises(MissingError, match="--node-red FOLDER"):
        await find(None, None)


async def test_find_node_missing_raises(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="nowhere cannot be run"):
        await find(_folder(tmp_path, *BOTH), "/nowhere")


async def test_find_without_node_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="there is no Node"):
        await find(_folder(tmp_path, *BOTH), None)


@pytest.mark.parametrize("says", ["v22.9.0", "v30.0.1"])
async def test_find_node_in_folder(tmp_path: Path, says: str) -> None:
    folder = _folder(tmp_path, *BOTH)
    node = _node(folder / "node_modules" / ".bin" / "node", says)
    found = await find(folder, None)
    assert found.node == str(node)
    assert found.versions == f"Node.js {says[1:]}, node-red 5.0.7, {PACKAGE} 5.0.7"
