"""What outlives Home Assistant: run after the tests that want it to go on."""

from tests.harness import Service
from tests.harness.client import Json

from .home_assistant import RecordingHomeAssistant
from .payloads import PAYLOADS
from .test_actions import resolve
from .test_triggers import CONFIG, wait_for


async def test_watched_job_finished_during_restart(
    ha: RecordingHomeAssistant, entry: str, service: Service
) -> None:
    """A batch that is answered while Home Assistant is off is told of when it is back."""
    batch = await ha.call("create_batch", await resolve(ha, dict(PAYLOADS["create_batch"].data)))
    await service.fail(path="/batches/", body={**batch, "status": "in_progress"})
    # Nothing looks again before the restart.
    watch = {"kind": "batch", "id": batch["id"], "name": "Night", "poll_interval": 3600}
    assert (await ha.call("watch_job", watch))["done"] is False
    ended = {"action": "watch_job", "id": batch["id"], "done": True}
    note = {"notification_id": "batch", "message": "{{ trigger.name }}: {{ trigger.status }}"}
    config: Json = {
        "alias": "Restart",
        "triggers": [{"trigger": "openai_api.progress", "options": ended}],
        "actions": [{"action": "persistent_notification.create", "data": note}],
    }
    await ha.rest("POST", CONFIG, config)

    async def is_shown() -> bool:
        """Tell whether there is a sensor for the job."""
        return any(
            state["attributes"].get("job_id") == batch["id"]
            for state in (await ha.states()).values()
        )

    async def is_told() -> bool:
        """Tell whether the automation has run."""
        found = await ha.command("persistent_notification/get")
        return "Night: completed" in [item["message"] for item in found]

    await wait_for(is_shown)
    assert not await is_told()
    await service.fail(path="/batches/", body={**batch, "status": "completed"})
    await ha.restart()
    await wait_for(is_told)
    assert await is_shown()
    (watched,) = [
        job for job in (await ha.call("list_watched_jobs"))["data"] if job["id"] == batch["id"]
    ]
    assert (watched["done"], watched["status"], watched["name"]) == (True, "completed", "Night")
    await ha.call("stop_watching_job", {"id": batch["id"]})
    assert not await is_shown()
    await ha.rest("DELETE", CONFIG)
