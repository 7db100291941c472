"""Fine-tuning: jobs that come to an end, their checkpoints, and graders."""

from __future__ import annotations

import re

from tests.standin.routing import Call, Route, check, need, one_of, resource_routes
from tests.standin.state import Kind
from tests.standin.wire import ApiError, Json, invalid, new_id, now

JOBS = Kind(name="fine-tuning job")
EVENTS = Kind(name="fine-tuning event")
CHECKPOINTS = Kind(name="checkpoint")
PERMISSIONS = Kind(name="checkpoint permission", deleted="checkpoint.permission")
JOB = "/fine_tuning/jobs/{fine_tuning_job_id}"
SHARED = "/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions"
DONE = ("succeeded", "failed", "cancelled")
GRADERS = ("string_check", "text_similarity", "python", "score_model", "multi")
GRADER_ERRORS = (
    "formula_parse_error",
    "invalid_variable_error",
    "model_grader_parse_error",
    "model_grader_refusal_error",
    "model_grader_server_error",
    "other_error",
    "python_grader_runtime_error",
    "python_grader_server_error",
    "sample_parse_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
)
ORDERS = {"ascending": 1, "descending": -1}
METADATA = re.compile(r"metadata\[(.+)\]")


async def create(call: Call) -> Json:
    """Start a job, which runs at the first look and has succeeded at the second."""
    body = call.json
    model = need(body, "model", str)
    suffix = check(body, "suffix", str) or ""
    job: Json = {
        "id": new_id("ftjob-"),
        "object": "fine_tuning.job",
        "created_at": now(),
        "model": model,
        "training_file": need(body, "training_file", str),
        "validation_file": check(body, "validation_file", str),
        "status": "queued",
        "fine_tuned_model": None,
        "finished_at": None,
        "error": None,
        "hyperparameters": check(body, "hyperparameters", dict) or {"n_epochs": "auto"},
        "method": check(body, "method", dict),
        "integrations": check(body, "integrations", list) or [],
        "metadata": check(body, "metadata", dict) or {},
        "seed": check(body, "seed", int) or 0,
        "organization_id": "org-standin",
        "result_files": [],
        "trained_tokens": None,
    }
    made = f"ft:{model}:standin:{suffix}:{job['id'][-8:]}"
    for step in (1, 2):
        call.collection(CHECKPOINTS, job["id"]).add(
            {
                "id": new_id("ftckpt_"),
                "object": "fine_tuning.job.checkpoint",
                "created_at": now(),
                "fine_tuned_model_checkpoint": f"{made}:ckpt-step-{step}",
                "fine_tuning_job_id": job["id"],
                "metrics": {"step": step, "train_loss": 1 / step},
                "step_number": step,
            }
        )
    call.collection(JOBS).add(
        job,
        {"status": "running"},
        {"status": "succeeded", "fine_tuned_model": made, "trained_tokens": 4096},
    )
    _log(call, job, "Created the fine-tuning job.")
    return job


def _log(call: Call, job: Json, message: str) -> None:
    """Write down what happens to a job."""
    call.collection(EVENTS, job["id"]).add(
        {
            "id": new_id("ftevent-"),
            "object": "fine_tuning.job.event",
            "created_at": now(),
            "level": "info",
            "message": message,
            "type": "message",
        }
    )


async def list_jobs(call: Call) -> Json:
    """List the jobs, those with certain metadata if asked."""
    wanted = [
        (found[1], value) for key, value in call.request.query if (found := METADATA.match(key))
    ]
    return call.collection(JOBS).page(
        call.request, lambda job: all(job["metadata"].get(key) == value for key, value in wanted)
    )


async def cancel(call: Call) -> Json:
    """End a job that has not ended."""
    return _turn(call, "cancelled")


async def pause(call: Call) -> Json:
    """Let a job rest."""
    return _turn(call, "paused")


async def resume(call: Call) -> Json:
    """Go on with a job."""
    job = _turn(call, "running")
    return call.collection(JOBS).add(job, {"status": "running"}, {"status": "succeeded"})


def _turn(call: Call, status: str) -> Json:
    """Change the status of a job that has not ended."""
    jobs = call.collection(JOBS)
    job = jobs.get(call.ids["fine_tuning_job_id"])
    if job["status"] in DONE:
        raise ApiError(400, f"The job is {job['status']} already.", code="invalid_job_status")
    if status != "running":
        jobs.forget_later(job["id"])
    _log(call, job, f"The job is {status}.")
    return jobs.update(job["id"], {"status": status})


async def events(call: Call) -> Json:
    """List what happened to a job."""
    job = call.collection(JOBS).get(call.ids["fine_tuning_job_id"])
    return call.collection(EVENTS, job["id"]).page(call.request)


async def checkpoints(call: Call) -> Json:
    """List the checkpoints of a job."""
    job = call.collection(JOBS).get(call.ids["fine_tuning_job_id"])
    return call.collection(CHECKPOINTS, job["id"]).page(call.request)


async def share(call: Call) -> Json:
    """Let projects use a checkpoint; the answer is a list."""
    projects = need(call.json, "project_ids", list)
    shared = call.collection(PERMISSIONS, call.ids["fine_tuned_model_checkpoint"])
    made = [
        shared.add(
            {
                "id": new_id("cp_"),
                "object": "checkpoint.permission",
                "created_at": now(),
                "project_id": project,
            }
        )
        for project in projects
    ]
    return {"object": "list", "data": made, "has_more": False}


async def list_shared(call: Call) -> Json:
    """List who may use a checkpoint; the orders have names of their own here."""
    order = one_of("order", call.request.param("order") or "descending", ORDERS)
    project = call.request.param("project_id")
    shared = call.collection(PERMISSIONS, call.ids["fine_tuned_model_checkpoint"])
    found = [item for item in shared if project in (None, item["project_id"])][:: ORDERS[order]]
    after, limit = call.request.param("after"), int(call.request.param("limit") or 10)
    start = next((i + 1 for i, item in enumerate(found) if item["id"] == after), 0)
    data = found[start : start + limit]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > start + len(data),
    }


def _grader(call: Call) -> Json:
    """Return the grader, or refuse it."""
    grader: Json = need(call.json, "grader", dict)
    if grader.get("type") not in GRADERS:
        raise invalid("Invalid value for 'grader.type'.", "grader.type", "invalid_value")
    need(grader, "name", str)
    return grader


async def run_grader(call: Call) -> Json:
    """Grade an answer: a string check looks whether it is there at all."""
    grader = _grader(call)
    sample = need(call.json, "model_sample", str)
    reference = str(grader.get("reference", ""))
    for name, value in (check(call.json, "item", dict) or {}).items():
        reference = re.sub(r"{{ *item\." + re.escape(name) + r" *}}", str(value), reference)
    reward = 1.0 if reference.lower() in sample.lower() else 0.0
    return {
        "reward": reward,
        "sub_rewards": {},
        "metadata": {
            "name": grader["name"],
            "type": grader["type"],
            "errors": dict.fromkeys(GRADER_ERRORS, False),
            "execution_time": 0.01,
            "scores": {grader["name"]: reward},
        },
        "model_grader_token_usage_per_model": {},
    }


async def validate_grader(call: Call) -> Json:
    """Give a grader back that is written correctly."""
    return {"grader": _grader(call)}


ROUTES = (
    Route("POST", "/fine_tuning/jobs", create),
    Route("GET", "/fine_tuning/jobs", list_jobs),
    *resource_routes(JOBS, JOB, "retrieve"),
    Route("POST", f"{JOB}/cancel", cancel),
    Route("POST", f"{JOB}/pause", pause),
    Route("POST", f"{JOB}/resume", resume),
    Route("GET", f"{JOB}/events", events),
    Route("GET", f"{JOB}/checkpoints", checkpoints),
    Route("POST", SHARED, share),
    Route("GET", SHARED, list_shared),
    *resource_routes(PERMISSIONS, f"{SHARED}/{{permission_id}}", "delete"),
    Route("POST", "/fine_tuning/alpha/graders/run", run_grader),
    Route("POST", "/fine_tuning/alpha/graders/validate", validate_grader),
)
