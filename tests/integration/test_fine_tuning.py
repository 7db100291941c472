"""Fine-tuning: jobs, their checkpoints, who may use them, and graders."""

from homeassistant.exceptions import ServiceValidationError
import pytest

from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
GRADER = {
    "type": "string_check",
    "name": "Polite",
    "operation": "like",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.answer }}",
}


async def test_fine_tuning_job_parameters(standin: StandIn, call: Call) -> None:
    job = await call(
        "create_fine_tuning_job",
        model="m-1",
        training_file="file-1",
        validation_file=None,
        suffix="butler",
        seed="42",
        method={"type": "supervised"},
        integrations={"type": "wandb", "wandb": {"project": "home"}},
        hyperparameters={"n_epochs": "auto"},
        metadata={"room": "kitchen"},
    )
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/fine_tuning/jobs")
    assert sent.body == {
        "model": "m-1",
        "training_file": "file-1",
        "validation_file": None,
        "suffix": "butler",
        "seed": 42,
        "method": {"type": "supervised"},
        "integrations": [{"type": "wandb", "wandb": {"project": "home"}}],
        "hyperparameters": {"n_epochs": "auto"},
        "metadata": {"room": "kitchen"},
    }

    found = [await call("retrieve_fine_tuning_job", fine_tuning_job_id=job["id"]) for _ in range(2)]
    assert [item["status"] for item in found] == ["running", "succeeded"]
    assert found[1]["fine_tuned_model"].startswith("ft:m-1:standin:butler")
    with pytest.raises(ServiceValidationError, match="succeeded"):
        await call("cancel_fine_tuning_job", fine_tuning_job_id=job["id"])


async def test_fine_tuning_jobs_filtered_by_metadata(standin: StandIn, call: Call) -> None:
    for room in ("kitchen", "hall"):
        await call("create_fine_tuning_job", model="m", training_file="f", metadata={"room": room})
    page = await call("list_paginated_fine_tuning_jobs", metadata={"room": "hall"}, limit=5)

    assert [job["metadata"]["room"] for job in page["data"]] == ["hall"]
    assert sorted(standin.requests[-1].query) == [("limit", "5"), ("metadata[room]", "hall")]
    assert page["last_id"] == page["data"][0]["id"]


async def test_fine_tuning_job_pause_resume_cancel(standin: StandIn, call: Call) -> None:
    job = await call("create_fine_tuning_job", model="m", training_file="f")
    for verb, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = await call(f"{verb}_fine_tuning_job", fine_tuning_job_id=job["id"])
        assert answer["status"] == status
        sent = standin.requests[-1]
        assert (sent.method, sent.path) == ("POST", f"/fine_tuning/jobs/{job['id']}/{verb}")

    log = await call("list_fine_tuning_events", fine_tuning_job_id=job["id"], limit=1)
    assert log["data"][0]["message"] == "The job is cancelled."
    assert log["has_more"] is True
    log = await call("list_fine_tuning_events", fine_tuning_job_id=job["id"], all_pages=True)
    assert len(log["data"]) == 4


async def test_checkpoint_permissions(standin: StandIn, call: Call) -> None:
    job = await call("create_fine_tuning_job", model="m", training_file="f")
    page = await call("list_fine_tuning_checkpoints", fine_tuning_job_id=job["id"])
    name = page["data"][0]["fine_tuned_model_checkpoint"]
    assert page["data"][0]["step_number"] == 2

    made = await call(
        "create_checkpoint_permissions", fine_tuned_model_checkpoint=name, project_ids="proj_1"
    )
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/fine_tuning/checkpoints/{name}/permissions")
    assert sent.body == {"project_ids": ["proj_1"]}
    assert (made["object"], made["has_more"]) == ("list", False)

    for action in ("list_checkpoint_permissions", "retrieve_checkpoint_permissions"):
        page = await call(
            action, fine_tuned_model_checkpoint=name, project_id="proj_1", order="ascending"
        )
        assert page["data"] == made["data"]
        assert sorted(standin.requests[-1].query) == [
            ("order", "ascending"),
            ("project_id", "proj_1"),
        ]

    gone = await call(
        "delete_checkpoint_permission",
        fine_tuned_model_checkpoint=name,
        permission_id=made["data"][0]["id"],
    )
    assert gone["deleted"] is True
    assert standin.requests[-1].path.endswith(f"/permissions/{made['data'][0]['id']}")


async def test_grader_run(standin: StandIn, call: Call) -> None:
    answer = await call(
        "run_grader", grader=GRADER, model_sample="Good morning!", item={"answer": "good morning"}
    )
    assert answer["reward"] == 1
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/fine_tuning/alpha/graders/run")
    assert sent.body == {
        "grader": GRADER,
        "model_sample": "Good morning!",
        "item": {"answer": "good morning"},
    }

    assert await call("validate_grader", grader=GRADER) == {"grader": GRADER}
    assert standin.requests[-1].path == "/fine_tuning/alpha/graders/validate"
    with pytest.raises(ServiceValidationError, match=r"grader\.type"):
        await call("validate_grader", grader={**GRADER, "type": "mood"})
