"""Files are sent from allowed places only."""

import os
from pathlib import Path
from typing import Any

from homeassistant.components import media_source
from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.openai_api.media import multipart
from custom_components.openai_api.media_source import SavedFiles
from tests.integration.conftest import Call, raises_key
from tests.standin.server import StandIn

from .helpers import part

pytestmark = pytest.mark.usefixtures("entry")


@pytest.mark.parametrize("how", ["path", "media source", "media selector", "json"])
async def test_file_upload(standin: StandIn, media_folder: Path, call: Call, how: str) -> None:
    path = media_folder / "manual.pdf"
    path.write_bytes(b"%PDF-1.4 hello")
    media_id = "media-source://media_source/local/manual.pdf"
    value = {
        "path": str(path),
        "media source": media_id,
        "media selector": {"media_content_id": media_id, "media_content_type": "application/pdf"},
        "json": f'{{"media_content_id": "{path}"}}',
    }[how]

    answer = await call("create_file", file=value, purpose="user_data")

    assert answer["bytes"] == 14
    sent = part(standin, "file")
    assert (sent.filename, sent.content_type, sent.data) == (
        "manual.pdf",
        "application/pdf",
        b"%PDF-1.4 hello",
    )
    assert part(standin, "purpose").data == "user_data"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("{folder}/none.txt", "file_missing"),
        ("{folder}", "path_is_folder"),
        ("{folder}/empty.txt", "file_empty"),
        ("{folder}/large.bin", "file_too_large"),
        ("/etc/passwd", "path_not_allowed"),
        ("{folder}/../secrets.yaml", "path_not_allowed"),
        ("{folder}/link.txt", "path_not_allowed"),
        ("secrets.yaml", "path_not_allowed"),
        ("media-source://media_source/local/none.txt", "file_missing"),
        ("media-source://nowhere/none", "media_not_found"),
        ("media-source://tts/none", "media_not_found"),
    ],
)
async def test_invalid_files_are_rejected(
    standin: StandIn,
    media_folder: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    key: str,
) -> None:
    monkeypatch.setattr(multipart, "MAX_UPLOAD_BYTES", 1024**2)
    (media_folder / "empty.txt").touch()
    (media_folder / "large.bin").write_bytes(bytes(1024**2 + 1))
    (media_folder.parent / "secrets.yaml").write_text("secret: 1")
    (media_folder / "link.txt").symlink_to(media_folder.parent / "secrets.yaml")
    before = len(standin.requests)

    with raises_key(key, ServiceValidationError):
        await call("create_file", file=value.format(folder=media_folder), purpose="user_data")
    assert len(standin.requests) == before


async def test_unreadable_file_is_rejected(
    media_folder: Path, call: Call, monkeypatch: Any
) -> None:
    path = media_folder / "a.txt"
    path.write_text("a")

    real = os.open

    def refuse(name: Any, *rest: Any, **named: Any) -> int:
        if name == path:
            raise PermissionError(13, "Permission denied")
        return real(name, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ServiceValidationError, match="Permission denied"):
        await call("create_file", file=str(path), purpose="user_data")


async def test_remote_media_is_rejected(call: Call, monkeypatch: Any) -> None:
    async def resolve(*_: object) -> media_source.PlayMedia:
        return media_source.PlayMedia("http://127.0.0.1/song.mp3", "audio/mpeg")

    monkeypatch.setattr(SavedFiles, "async_resolve_media", resolve)
    with raises_key("media_not_local", ServiceValidationError):
        await call("create_file", file="media-source://openai_api/song", purpose="user_data")
