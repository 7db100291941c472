"""What a person finds under repairs, and how it goes away."""

from typing import Any

import pytest

from tests.harness import CommandError, Service

from .home_assistant import RecordingHomeAssistant

ASK = {"model": "m", "input": "Hello"}
FIX = "/api/repairs/issues/fix"
NO_QUOTA = {"error": {"code": "insufficient_quota", "message": "None left"}}


async def issues(home_assistant: RecordingHomeAssistant) -> dict[str, Any]:
    """Return the integration's issues by their ids."""
    found = (await home_assistant.command("repairs/list_issues"))["issues"]
    return {issue["issue_id"]: issue for issue in found if issue["domain"] == "openai_api"}


async def test_quota_issue_fixed_after_top_up(
    ha: RecordingHomeAssistant, service: Service, entry: str
) -> None:
    """A refused question is shown, and fixed when the host answers again."""
    refused = {"path": "^/responses$", "status": 429, "body": NO_QUOTA}
    await service.fail(**refused, count=2)
    with pytest.raises(CommandError):
        await ha.call("create_model_response", {"config_entry_id": entry, **ASK})
    (issue_id,) = await issues(ha)
    flow = {"handler": "openai_api", "issue_id": issue_id}
    form = await ha.rest("POST", FIX, json=flow)
    assert form["step_id"] == "confirm"
    form = await ha.rest("POST", f"{FIX}/{form['flow_id']}", json={})
    assert form["errors"] == {"base": "still_used_up"}
    done = await ha.rest("POST", f"{FIX}/{form['flow_id']}", json={})
    assert done["type"] == "create_entry"
    assert not await issues(ha)


async def test_host_moved_issue_opens_reconfigure(
    ha: RecordingHomeAssistant, service: Service, entry: str
) -> None:
    """The repair leads to the form for the new address."""
    await service.fail(path="^/responses$", status=308, headers={"location": "/elsewhere"})
    with pytest.raises(CommandError):
        await ha.call("create_model_response", {"config_entry_id": entry, **ASK})
    (issue_id,) = await issues(ha)
    form = await ha.rest("POST", FIX, json={"handler": "openai_api", "issue_id": issue_id})
    done = await ha.rest("POST", f"{FIX}/{form['flow_id']}", json={})
    kind, flow_id = done["next_flow"]
    assert kind == "config_flow"
    assert not await issues(ha)
    await ha.abandon({"flow_id": flow_id})
