"""Every script blueprint, called as a person would: what is sent, and what comes back."""

from contextlib import nullcontext
from pathlib import Path

from homeassistant.components.trace.util import async_list_traces
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.standin import Fault, media
from tests.standin.server import StandIn

from ..conftest import Call
from .assertions import assert_sent, contains, filled, prepared
from .case import Case
from .cases_ask import ASK_CASES
from .cases_storage import STORAGE_CASES
from .conftest import BLUEPRINTS, BlueprintHome, Run

CASES = (*ASK_CASES, *STORAGE_CASES)
FILES = {
    "note.wav": media.wav(media.tone(0.2)),
    "one.png": media.png(16, 16, "one"),
    "two.png": media.png(16, 16, "two"),
    "boiler.txt": b"Bleed the boiler once a year.\n\nThe filter is behind the flap.",
    "rex.mp4": b"\0\0\0\x18ftypmp42",
    "requests.jsonl": b'{"custom_id": "1", "body": {"input": "Hello"}}\n',
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_script_sends_and_returns(
    case: Case,
    run: Run,
    call: Call,
    standin: StandIn,
    media_folder: Path,
    blueprint_home: BlueprintHome,
) -> None:
    """It sends what it should, and returns what came of it."""
    for name, content in FILES.items():
        (media_folder / name).write_bytes(content)
    made = {**await prepared(call, case.makes), "media": str(media_folder)}
    standin.requests.clear()
    answer = await run(case.blueprint, filled(case.inputs, made), filled(case.fields, made))
    for method, path, wanted in filled(list(map(list, case.sent)), made):
        assert_sent(standin, method, path, wanted)
    assert contains(answer, filled(case.answer, made)), answer


async def test_videos_character_step(run: Run, call: Call, media_folder: Path) -> None:
    """The last step of the videos."""
    (media_folder / "rex.mp4").write_bytes(FILES["rex.mp4"])
    made = await call("create_video_character", name="Rex", video=str(media_folder / "rex.mp4"))
    answer = await run("videos", {}, {"step": "get_character", "character": made["id"]})
    assert answer["name"] == "Rex"


@pytest.mark.parametrize("is_there", [True, False])
async def test_config_entry_input_is_used(run: Run, entry: MockConfigEntry, is_there: bool) -> None:
    """The service of the form is the one that is asked."""
    chosen = entry.entry_id if is_there else "gone"
    with nullcontext() if is_there else pytest.raises(HomeAssistantError):
        assert await run("models", {"config_entry_id": chosen, "only_own": False}, {})


async def test_connection_closed_after_failure(run: Run, standin: StandIn) -> None:
    """The connection is closed all the same."""
    answer = await run("responses_websocket", {}, {"question": "[1]"})
    assert answer == {"output_text": "", "response": None, "error": "Expected an object."}
    assert await standin.sockets[0].wait_closed() == 1000


async def test_video_failed_is_returned(run: Run, standin: StandIn) -> None:
    """It is returned with its reason, and nothing is downloaded."""
    failed = {"id": "video_1", "status": "failed", "error": {"message": "Too scary."}}
    standin.fail(Fault(path="/videos/", method="GET", body=failed))
    assert await run("videos", {}, {}) == {"video": failed, "file": None}
    assert standin.requests[-1].path.count("/") == 2


@pytest.mark.parametrize(
    ("blueprint", "traces"),
    [("models", 1), ("realtime_client_secret", 0), ("chatkit_sessions_and_threads", 0)],
)
async def test_trace_holds_no_secret(
    run: Run, hass: HomeAssistant, blueprint: str, traces: int
) -> None:
    """What a script that makes keys returns is nowhere else."""
    assert await run(blueprint, {}, {})
    assert len(await async_list_traces(hass, "script", None)) == traces


def test_every_script_blueprint_is_tested() -> None:
    """Each script blueprint is called here."""
    names = {path.stem for path in (BLUEPRINTS / "script").rglob("*.yaml")}
    assert names == {case.blueprint for case in CASES}
