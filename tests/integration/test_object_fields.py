"""Objects with a form: what cannot be meant is refused at home, all else goes out as written."""

from pathlib import Path
from typing import Any

import pytest
import voluptuous as vol

from tests.standin import media
from tests.standin.server import StandIn

from .conftest import Call
from .test_attachments import url

pytestmark = pytest.mark.usefixtures("entry")
ASK = {"model": "gpt-5-mini", "input": "Hello"}
CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]}
RUN = {"thread_id": "thread_1", "assistant_id": "asst_1"}
TRAIN = {"model": "gpt-5-mini", "training_file": "file-1"}


def sent(standin: StandIn) -> dict[str, Any]:
    """Return what the last request carried."""
    return dict(standin.requests[-1].body)


@pytest.mark.parametrize(
    ("action", "data", "where"),
    [
        (
            "create_vector_store",
            {"expires_after": {"anchor": "last_active_at", "days": "soon"}},
            ["expires_after", "days"],
        ),
        (
            "create_container",
            {"name": "Den", "expires_after": {"minutes": 1.5}},
            ["expires_after", "minutes"],
        ),
        (
            "create_vector_store",
            {"chunking_strategy": {"static": "big"}},
            ["chunking_strategy", "static"],
        ),
        (
            "create_container",
            {"name": "Den", "network_policy": {"allowed_domains": [["example.com"]]}},
            ["network_policy", "allowed_domains", 0],
        ),
        (
            "create_model_response",
            ASK | {"context_management": [{"type": "compaction", "compact_threshold": "many"}]},
            ["context_management", 0, "compact_threshold"],
        ),
        (
            "create_model_response",
            ASK | {"stream_options": {"include_obfuscation": "perhaps"}},
            ["stream_options", "include_obfuscation"],
        ),
        ("create_model_response", ASK | {"prompt": {"id": " "}}, ["prompt", "id"]),
        (
            "create_model_response",
            ASK | {"tools": [{"type": "file_search", "max_num_results": "all"}]},
            ["tools", 0, "max_num_results"],
        ),
        (
            "create_chat_completion",
            CHAT | {"web_search_options": {"user_location": "Oslo"}},
            ["web_search_options", "user_location"],
        ),
        (
            "create_run",
            RUN | {"truncation_strategy": {"type": "last_messages", "last_messages": "ten"}},
            ["truncation_strategy", "last_messages"],
        ),
        (
            "create_realtime_session",
            {"model": "gpt-realtime", "turn_detection": {"threshold": "loud"}},
            ["turn_detection", "threshold"],
        ),
        (
            "create_fine_tuning_job",
            TRAIN | {"hyperparameters": {"n_epochs": [3]}},
            ["hyperparameters", "n_epochs"],
        ),
    ],
)
async def test_wrong_types_send_no_request(
    call: Call, standin: StandIn, action: str, data: dict[str, Any], where: list[Any]
) -> None:
    standin.requests.clear()
    with pytest.raises(vol.Invalid, match=r"expected|must not be empty") as caught:
        await call(action, **data)
    assert caught.value.path == where
    assert not standin.requests


@pytest.mark.parametrize(
    ("action", "data"),
    [
        (
            "create_vector_store",
            {"expires_after": {"anchor": "last_active_at", "days": 3, "hours": 4}},
        ),
        (
            "create_model_response",
            ASK
            | {
                "prompt_cache_options": {"mode": "explicit", "ttl": "1w", "shared": {"deep": [1]}},
                "tools": [
                    {"type": "code_interpreter", "container": {"type": "auto"}},
                    {"type": "code_interpreter", "container": "cntr_1"},
                    {"type": "mcp", "require_approval": {"never": {"tool_names": ["look"]}}},
                    {"type": "function", "name": "look", "parameters": None},
                    {"type": "brand_new", "size": "1x1", "depth": 7},
                ],
            },
        ),
        (
            "create_chat_completion",
            {
                "model": "gpt-5-mini",
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
                    {"role": "assistant", "content": '[{"room": "kitchen"}]'},
                    {"role": "user", "content": "Again", "mood": {"calm": True}},
                ],
                "audio": {"voice": {"id": "voice_1"}, "format": "wav"},
                "web_search_options": {"search_context_size": "huge", "since": 2026},
            },
        ),
    ],
)
async def test_unknown_keys_are_sent(
    call: Call, standin: StandIn, action: str, data: dict[str, Any]
) -> None:
    await call(action, **data)
    assert sent(standin) == data


async def test_numeric_strings_are_converted(call: Call, standin: StandIn) -> None:
    """Boxes for text and templates write numbers as texts."""
    await call("create_vector_store", expires_after={"anchor": "last_active_at", "days": "3"})
    assert sent(standin)["expires_after"] == {"anchor": "last_active_at", "days": 3}


async def test_known_speaker_references(call: Call, standin: StandIn, media_folder: Path) -> None:
    """A recording of a speaker goes along as an address; one that is an address stays so."""
    (media_folder / "note.wav").write_bytes(media.wav(media.tone(1)))
    (media_folder / "anna.wav").write_bytes(b"Anna")
    ben = url("audio/wav", b"Ben")
    await call(
        "create_transcription",
        model="gpt-4o-transcribe-diarize",
        file=str(media_folder / "note.wav"),
        known_speaker_names=["Anna", "Ben"],
        known_speaker_references=[str(media_folder / "anna.wav"), ben],
    )
    parts = standin.requests[-1].body
    found = [part.data for part in parts if part.name == "known_speaker_references[]"]
    assert found == [url("audio/wav", b"Anna"), ben]
