"""Evals: their runs, and what came out for each question."""

from __future__ import annotations

from tests.standin.routing import Call, Route, check, need, resource_routes
from tests.standin.state import Kind
from tests.standin.wire import ApiError, Json, new_id, now

EVALS = Kind(name="eval")
RUNS = Kind(name="eval run")
ITEMS = Kind(name="output item")
ONE, RUN = "/evals/{eval_id}", "/evals/{eval_id}/runs/{run_id}"
DONE = ("completed", "canceled", "failed")


async def create(call: Call) -> Json:
    """Keep an eval."""
    source: Json = dict(need(call.json, "data_source_config", dict))
    schema = source.pop("item_schema", {"type": "object"})
    criteria = need(call.json, "testing_criteria", list)
    return call.collection(EVALS).add(
        {
            "id": new_id("eval_"),
            "object": "eval",
            "created_at": now(),
            "name": check(call.json, "name", str) or "",
            "data_source_config": {
                **source,
                "schema": {"type": "object", "properties": {"item": schema}},
            },
            "testing_criteria": criteria,
            "metadata": check(call.json, "metadata", dict) or {},
        }
    )


async def delete(call: Call) -> Json:
    """Forget an eval; the answer calls its id by another name than elsewhere."""
    call.collection(EVALS).delete(call.ids["eval_id"])
    return {"object": "eval.deleted", "deleted": True, "eval_id": call.ids["eval_id"]}


async def start(call: Call) -> Json:
    """Start a run, which is under way at the first look and finished at the second."""
    evaluation = call.collection(EVALS).get(call.ids["eval_id"])
    source = need(call.json, "data_source", dict)
    run: Json = {
        "id": new_id("evalrun_"),
        "object": "eval.run",
        "created_at": now(),
        "eval_id": evaluation["id"],
        "name": check(call.json, "name", str) or "",
        "model": call.json.get("model") or source.get("model") or "",
        "data_source": source,
        "status": "queued",
        "error": None,
        "metadata": check(call.json, "metadata", dict) or {},
        "per_model_usage": [],
        "per_testing_criteria_results": [],
        "report_url": "https://example.com/evals",
        "result_counts": {"total": 0, "passed": 0, "failed": 0, "errored": 0},
    }
    results = call.collection(ITEMS, evaluation["id"], run["id"])
    for number, status in enumerate(("pass", "fail")):
        results.add(_result(run, number, status))
    counts = {"total": 2, "passed": 1, "failed": 1, "errored": 0}
    return call.collection(RUNS, evaluation["id"]).add(
        run, {"status": "in_progress"}, {"status": "completed", "result_counts": counts}
    )


def _result(run: Json, number: int, status: str) -> Json:
    """Return the graded answer to one question."""
    return {
        "id": new_id("outputitem_"),
        "object": "eval.run.output_item",
        "created_at": now(),
        "eval_id": run["eval_id"],
        "run_id": run["id"],
        "status": status,
        "datasource_item_id": number,
        "datasource_item": {"question": f"Question {number}"},
        "results": [{"name": "Polite", "passed": status == "pass", "score": 1.0}],
        "sample": {
            "model": run["model"],
            "input": [],
            "output": [],
            "error": {"code": "", "message": ""},
            "finish_reason": "stop",
            "max_completion_tokens": 100,
            "seed": 42,
            "temperature": 1.0,
            "top_p": 1.0,
            "usage": {
                "cached_tokens": 0,
                "completion_tokens": 1,
                "prompt_tokens": 1,
                "total_tokens": 2,
            },
        },
    }


async def list_runs(call: Call) -> Json:
    """List the runs, those of one status if asked."""
    status = call.request.param("status")
    return call.collection(RUNS, call.ids["eval_id"]).page(
        call.request, lambda run: status in (None, run["status"])
    )


async def cancel(call: Call) -> Json:
    """End a run that has not ended."""
    runs = call.collection(RUNS, call.ids["eval_id"])
    run = runs.get(call.ids["run_id"])
    if run["status"] in DONE:
        raise ApiError(400, f"Cannot cancel a run that is {run['status']}.", param="run_id")
    runs.forget_later(run["id"])
    return runs.update(run["id"], {"status": "canceled"})


async def delete_run(call: Call) -> Json:
    """Forget a run; the answer calls its id by another name than elsewhere."""
    call.collection(RUNS, call.ids["eval_id"]).delete(call.ids["run_id"])
    return {"object": "eval.run.deleted", "deleted": True, "run_id": call.ids["run_id"]}


async def list_items(call: Call) -> Json:
    """List the results, only those that passed or failed if asked."""
    status = call.request.param("status")
    return call.collection(ITEMS, call.ids["eval_id"], call.ids["run_id"]).page(
        call.request, lambda item: status in (None, item["status"])
    )


ROUTES = (
    Route("POST", "/evals", create),
    *resource_routes(EVALS, ONE, "list", "retrieve", "update", updatable=("name", "metadata")),
    Route("DELETE", ONE, delete),
    Route("POST", f"{ONE}/runs", start),
    Route("GET", f"{ONE}/runs", list_runs),
    *resource_routes(RUNS, RUN, "retrieve"),
    Route("DELETE", RUN, delete_run),
    Route("POST", f"{RUN}/cancel", cancel),
    Route("GET", f"{RUN}/output_items", list_items),
    *resource_routes(ITEMS, f"{RUN}/output_items/{{output_item_id}}", "retrieve"),
)
