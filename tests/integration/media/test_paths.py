"""What is sent is a regular file from an allowed place: the very one that was checked."""

import asyncio
from collections.abc import Callable, Iterable
import os
from pathlib import Path
import socket
import threading
import time
from typing import Any

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from custom_components.openai_api import services
from custom_components.openai_api.action import ActionCall
from tests.integration.conftest import Call, raises_key
from tests.standin.server import StandIn

from .helpers import part

pytestmark = pytest.mark.usefixtures("entry")

SEND: dict[str, Callable[[str], dict[str, Any]]] = {
    "create_file": lambda file: {"file": file, "purpose": "user_data"},
    "create_transcription": lambda file: {"file": file, "model": "whisper-1"},
    "create_model_response": lambda file: {"model": "m", "input": "?", "attachments": file},
    "upload_file_chunked": lambda file: {"file": file, "purpose": "user_data"},
    "create_skill": lambda file: {"files": [file]},
}


async def refused(
    call: Call, standin: StandIn, file: str, *keys: str, actions: Iterable[str] = SEND
) -> None:
    """Make sure that no action sends a file."""
    for action in actions:
        before = len(standin.requests)
        with pytest.raises(HomeAssistantError) as caught:
            await call(action, **SEND[action](file))
        assert caught.value.translation_key in keys, action
        assert len(standin.requests) == before


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "pipe behind a link"])
@pytest.mark.parametrize("named", ["path", "media"])
async def test_not_a_regular_file_is_rejected(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    media_folder: Path,
    kind: str,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = media_folder / "thing.wav"
    listener = socket.socket(socket.AF_UNIX)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "pipe behind a link":
        os.mkfifo(media_folder / "pipe")
        path.symlink_to(media_folder / "pipe")
    elif kind == "socket":
        monkeypatch.chdir(media_folder)
        listener.bind("thing.wav")
    elif kind == "device":
        hass.config.allowlist_external_dirs = {*hass.config.allowlist_external_dirs, "/dev"}
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
        (path / "in it.txt").write_text("x")
    file = str(path) if named == "path" else "media-source://media_source/local/thing.wav"
    key = "path_is_folder" if kind == "folder" else "path_is_no_file"
    start = time.monotonic()
    # A skill may be a folder, and a device is no media in any case.
    actions = [action for action in SEND if (action, kind) != ("create_skill", "folder")]
    await refused(call, standin, file, key, "path_not_allowed", actions=actions)
    assert time.monotonic() - start < 5
    listener.close()


async def test_concurrent_calls_for_a_pipe(
    hass: HomeAssistant, call: Call, media_folder: Path
) -> None:
    os.mkfifo(media_folder / "pipe.wav")
    data = SEND["create_file"](str(media_folder / "pipe.wav"))
    calls = [call("create_file", **data) for _ in range(100)]
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
    assert {getattr(result, "translation_key", result) for result in results} == {"path_is_no_file"}
    assert await asyncio.wait_for(hass.async_add_executor_job(lambda: 1), 1) == 1


@pytest.mark.parametrize("step", ["stat", "open", "resolve"])
async def test_unresponsive_disk_times_out(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    media_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    path = media_folder / "song.wav"
    path.write_bytes(b"RIFF")
    go_on = threading.Event()
    owner: Any = os if step == "open" else Path
    real = getattr(owner, step)

    def wait(name: Any, *rest: Any, **named: Any) -> Any:
        if str(name) == str(path):
            go_on.wait(20)
        return real(name, *rest, **named)

    monkeypatch.setattr(owner, step, wait)
    before, start = len(standin.requests), time.monotonic()
    try:
        calls = [
            call("create_file", timeout=0.5, **SEND["create_file"](str(path))) for _ in range(70)
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert {getattr(result, "translation_key", result) for result in results} == {
            "file_timed_out"
        }
        assert time.monotonic() - start < 5
        # Home Assistant has threads left.
        assert await asyncio.wait_for(hass.async_add_executor_job(lambda: 1), 2) == 1
    finally:
        go_on.set()
    monkeypatch.undo()
    assert len(standin.requests) == before
    assert (await call("create_file", **SEND["create_file"](str(path))))["bytes"] == 4


@pytest.mark.parametrize("link", ["file", "folder", "two links"])
@pytest.mark.parametrize("named", ["path", "media"])
async def test_symlink_outside_allowlist_is_rejected(
    standin: StandIn, call: Call, media_folder: Path, tmp_path: Path, link: str, named: str
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "secrets.wav").write_text("secret: 1")
    if link == "file":
        (media_folder / "secrets.wav").symlink_to(secret / "secrets.wav")
        place = "secrets.wav"
    elif link == "folder":
        (media_folder / "all").symlink_to(secret)
        place = "all/secrets.wav"
    else:
        (media_folder / "all").symlink_to(secret)
        (media_folder / "secrets.wav").symlink_to(media_folder / "all" / "secrets.wav")
        place = "secrets.wav"
    file = (
        str(media_folder / place)
        if named == "path"
        else (f"media-source://media_source/local/{place}")
    )
    await refused(call, standin, file, "path_not_allowed")


@pytest.mark.parametrize("named", ["path", "media"])
async def test_symlink_within_allowlist(
    standin: StandIn, call: Call, media_folder: Path, named: str
) -> None:
    (media_folder / "song.wav").write_bytes(b"RIFF")
    (media_folder / "newest.wav").symlink_to(media_folder / "song.wav")
    file = (
        str(media_folder / "newest.wav")
        if named == "path"
        else ("media-source://media_source/local/newest.wav")
    )
    await call("create_file", file=file, purpose="user_data")
    assert (part(standin, "file").filename, part(standin, "file").data) == ("newest.wav", b"RIFF")


async def test_media_directory_symlink(
    hass: HomeAssistant, standin: StandIn, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "nas").mkdir()
    (tmp_path / "nas" / "song.wav").write_bytes(b"RIFF")
    (tmp_path / "linked").symlink_to(tmp_path / "nas")
    hass.config.media_dirs["nas"] = str(tmp_path / "linked")
    file = "media-source://media_source/nas/song.wav"
    await call("create_file", file=file, purpose="user_data")
    assert part(standin, "file").data == b"RIFF"


async def test_file_of_other_media_source(
    hass: HomeAssistant, standin: StandIn, call: Call, tmp_path: Path, monkeypatch: Any
) -> None:
    hass.config.config_dir = str(tmp_path)
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "original").write_bytes(b"\x89PNG")
    (tmp_path / "image" / "link").symlink_to(tmp_path / "secrets.yaml")
    (tmp_path / "secrets.yaml").write_text("secret: 1")

    async def resolve(hass: HomeAssistant, identifier: str, *_: Any) -> Any:
        path = tmp_path / "image" / identifier.rpartition("/")[2]
        return media_source.PlayMedia("/x", "image/png", path=path)

    monkeypatch.setattr(media_source, "async_resolve_media", resolve)
    await call("create_file", file="media-source://image_upload/original", purpose="user_data")
    assert part(standin, "file").data == b"\x89PNG"
    for name in ("link", "../secrets.yaml/../image/link"):
        with raises_key("path_not_allowed", ServiceValidationError):
            await call("create_file", file=f"media-source://image_upload/{name}", purpose="x")


@pytest.mark.parametrize("swap", ["link", "other file", "other content", "gone"])
async def test_file_replaced_after_validation(
    standin: StandIn,
    call: Call,
    media_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    swap: str,
) -> None:
    path, secret = media_folder / "song.wav", tmp_path / "secrets.yaml"
    path.write_bytes(b"RIFF")
    secret.write_bytes(b"1234")
    os.utime(secret, ns=(path.stat().st_mtime_ns,) * 2)
    prepare = ActionCall.encode

    def exchange() -> None:
        path.unlink()
        if swap == "link":
            path.symlink_to(secret)
        elif swap == "other file":
            os.link(secret, path)
        elif swap == "other content":
            path.write_bytes(b"WAVE")

    async def swapped(self: ActionCall) -> Any:
        prepared = await prepare(self)
        await self.hass.async_add_executor_job(exchange)
        return prepared

    monkeypatch.setattr(ActionCall, "encode", swapped)
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_file", file=str(path), purpose="user_data")
    assert caught.value.translation_key in {"file_changed", "file_missing", "file_unreadable"}
    assert not any(b"1234" in str(item.body).encode() for item in standin.requests)


@pytest.mark.parametrize(
    "name", ["batch.jsonl", "weights.gguf", "README", "notes.unknown-kind", "deep/er.jsonl"]
)
async def test_media_item_unknown_type(
    standin: StandIn, call: Call, media_folder: Path, name: str
) -> None:
    (media_folder / "deep").mkdir()
    (media_folder / name).write_text('{"a": 1}\n')
    file = f"media-source://media_source/local/{name}"
    answer = await call("create_file", file=file, purpose="batch")
    assert answer["bytes"] == 9
    assert part(standin, "file").filename == Path(name).name
    expected = "application/jsonl" if name.endswith("jsonl") else "application/octet-stream"
    if name != "README":
        assert part(standin, "file").content_type == expected


@pytest.mark.parametrize(
    "name",
    ["local/none.jsonl", "elsewhere/a.jsonl", "local/../secrets.jsonl", "local//etc/x.jsonl"],
)
async def test_media_item_unknown_type_missing(
    standin: StandIn, call: Call, media_folder: Path, name: str
) -> None:
    (media_folder.parent / "secrets.jsonl").write_text("secret")
    await refused(
        call,
        standin,
        f"media-source://media_source/{name}",
        "media_not_found",
        "file_missing",
        "path_not_allowed",
    )


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:pw@example.com/a.wav?key=secret", "https://example.com/a.wav"),
        ("HTTP://example.com/a.wav", "http://example.com/a.wav"),
        ("/api/camera_proxy/camera.door?token=secret", "/api/camera_proxy/camera.door"),
        ("file:///media/a.wav", "file:/media/a.wav"),
    ],
)
async def test_url_instead_of_file_is_rejected(
    standin: StandIn, call: Call, address: str, shown: str
) -> None:
    before = len(standin.requests)
    with raises_key("address_is_no_file", ServiceValidationError) as caught:
        await call("create_file", file=address, purpose="user_data")
    assert shown in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "pw" not in str(caught.value)
    assert len(standin.requests) == before


@pytest.mark.parametrize("name", ["song.wav", "my%20song.wav", "my song.wav?v=2", "deep/song.wav"])
async def test_local_url_is_resolved(
    hass: HomeAssistant, standin: StandIn, call: Call, tmp_path: Path, name: str
) -> None:
    hass.config.config_dir = str(tmp_path)
    (tmp_path / "www" / "deep").mkdir(parents=True)
    for real in ("song.wav", "my song.wav", "deep/song.wav"):
        (tmp_path / "www" / real).write_bytes(b"RIFF")
    hass.config.allowlist_external_dirs = {str(tmp_path / "www")}
    await call("create_file", file=f"/local/{name}", purpose="user_data")
    assert part(standin, "file").data == b"RIFF"
    (tmp_path / "secrets.yaml").write_text("secret: 1")
    await refused(call, standin, "/local/../secrets.yaml", "path_not_allowed")
    await refused(call, standin, "/local/none.wav", "file_missing")


async def test_user_without_path_permission(
    standin: StandIn, call: Call, media_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (media_folder / "song.wav").write_bytes(b"RIFF")

    def restricted(**fields: Any) -> ActionCall:
        return ActionCall(**{**fields, "allow_paths": False})

    monkeypatch.setattr(services, "ActionCall", restricted)
    for file in (str(media_folder / "song.wav"), "/etc/passwd", "/local/x.wav", "none.wav"):
        await refused(call, standin, file, "path_not_for_user")
    for action in ("create_file", "create_transcription", "create_model_response"):
        item = "media-source://media_source/local/song.wav"
        await call(action, **SEND[action](item))
