"""The names that servers give to files, and errors in place of files."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Call, raises_key
from tests.integration.streaming.conftest import raw as raw  # noqa: PLC0414
from tests.resilience.raw_server import RawServer, answer

NAMES = {
    "extended": ("attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.csv", "Grüße.csv"),
    "extended beside a plain one": (
        "attachment; filename=\"old.csv\"; filename*=UTF-8''r%C3%A9sum%C3%A9.csv",
        "résumé.csv",
    ),
    "extended before a plain one": (
        "attachment; filename*=utf-8'de'r%C3%A9sum%C3%A9.csv; filename=old.csv",
        "résumé.csv",
    ),
    "extended in Latin letters": ("attachment; filename*=iso-8859-1''r%E9sum%E9.csv", "résumé.csv"),
    "extended in quotes": ("attachment; filename*=\"UTF-8''quoted.csv\"", "quoted.csv"),
    "of an unknown character set": (
        "attachment; filename*=none''r%E9.csv; filename=plain.csv",
        "plain.csv",
    ),
    "bytes of UTF-8": ('attachment; filename="Grüße.csv"', "Grüße.csv"),
    "percent signs in a plain one": ('attachment; filename="%E4%BD%A0.csv"', "你.csv"),
    "a percent sign of its own": ('attachment; filename="50% off.csv"', "50_off.csv"),
    "a semicolon": ('attachment; filename="a; b.csv"', "a_b.csv"),
    "capitals": ("attachment; FileName=upper.csv", "upper.csv"),
    "blanks": ("attachment; filename = spaced.csv ; size=3", "spaced.csv"),
    "without quotes": ("attachment;filename=with blank.csv", "with_blank.csv"),
    "a path": ('attachment; filename="C:\\\\files\\\\up.csv"', "up.csv"),
    "a path, extended": ("attachment; filename*=UTF-8''..%2F..%2Fup.csv", "up.csv"),
}


@pytest.mark.parametrize("case", NAMES)
async def test_filename_of_servers(raw: RawServer, call: Call, case: str) -> None:
    header, name = NAMES[case]
    raw.play([answer(b"a,b", headers=f"Content-Disposition: {header}\r\n", kind="text/csv")])
    found = await call("download_file", file_id="file-1")
    assert Path(found["path"]).name == name


@pytest.mark.parametrize(
    "header", ["attachment", "attachment; filename=", ";;;", "attachment; filename*=UTF-8''"]
)
async def test_filename_missing(raw: RawServer, call: Call, header: str) -> None:
    raw.play([answer(b"a,b", headers=f"Content-Disposition: {header}\r\n", kind="text/csv")])
    found = await call("download_file", file_id="file-1")
    assert Path(found["path"]).name.startswith("download_file_")


@pytest.mark.parametrize(
    "body",
    [
        {"error": "No such file"},
        {"error": "No such file", "code": 404, "status": 404},
        {"object": "error", "message": "No such file", "type": "x", "param": None, "code": 404},
        {"detail": "No such file"},
    ],
)
async def test_error_in_place_of_file_raises(raw: RawServer, call: Call, body: Any) -> None:
    for action, data in (
        ("download_file", {"file_id": "file-1"}),
        ("download_container_file_content", {"container_id": "c", "file_id": "f"}),
    ):
        raw.play([answer(body)])
        with raises_key("host_error") as caught:
            await call(action, **data)
        assert "No such file" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"error": "mine"}, "Content-Disposition: attachment; filename=mine.json\r\n"),
        ({"error": None}, ""),
        ({"error": {"message": "of a batch"}}, ""),
        ({"error": {"message": "x"}, "custom_id": "request-1"}, ""),
        ({"message": "Hello"}, ""),
        ([{"error": "x"}], ""),
    ],
)
async def test_file_that_resembles_an_error_is_saved(
    raw: RawServer, call: Call, body: Any, headers: str
) -> None:
    raw.play([answer(body, headers=headers)])
    found = await call("download_file", file_id="file-1")
    assert json.loads(Path(found["path"]).read_bytes()) == body


async def test_file_that_is_called_a_file_is_saved(raw: RawServer, call: Call) -> None:
    raw.play([answer({"error": "mine"}, kind="application/octet-stream")])
    found = await call("download_file", file_id="file-1")
    assert json.loads(Path(found["path"]).read_bytes()) == {"error": "mine"}
