"""Evals: set up, run, cancelled, and their results read."""

from homeassistant.exceptions import ServiceValidationError
import pytest

from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
CONFIG = {"type": "custom", "item_schema": {"type": "object"}}
CRITERIA = [
    {
        "type": "string_check",
        "name": "Polite",
        "input": "{{ sample.output_text }}",
        "operation": "like",
        "reference": "please",
    }
]
DATA = {"type": "responses", "model": "m-1", "source": {"type": "file_id", "id": "file-1"}}


async def create_eval(call: Call) -> str:
    """Set up an eval and return its id."""
    made = await call("create_eval", data_source_config=CONFIG, testing_criteria=CRITERIA, name="A")
    return str(made["id"])


async def test_eval_lifecycle(standin: StandIn, call: Call) -> None:
    eval_id = await create_eval(call)
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/evals")
    assert sent.body == {"data_source_config": CONFIG, "testing_criteria": CRITERIA, "name": "A"}

    changed = await call("modify_eval", eval_id=eval_id, name="B", metadata={"room": "kitchen"})
    assert (changed["name"], changed["metadata"]) == ("B", {"room": "kitchen"})
    assert standin.requests[-1].path == f"/evals/{eval_id}"
    assert standin.requests[-1].body == {"name": "B", "metadata": {"room": "kitchen"}}
    assert await call("get_eval", eval_id=eval_id) == changed

    gone = await call("delete_eval", eval_id=eval_id)
    assert gone == {"object": "eval.deleted", "deleted": True, "eval_id": eval_id}
    with pytest.raises(ServiceValidationError, match="404"):
        await call("get_eval", eval_id=eval_id)


async def test_eval_list_order(standin: StandIn, call: Call) -> None:
    made = [await create_eval(call) for _ in range(3)]

    page = await call("list_evals", order="asc", order_by="updated_at", limit=2, all_pages=True)

    assert [item["id"] for item in page["data"]] == made
    assert dict(standin.requests[-2].query) == {
        "order": "asc",
        "order_by": "updated_at",
        "limit": "2",
    }
    assert standin.requests[-1].param("after") == made[1]


async def test_eval_run_results(standin: StandIn, call: Call) -> None:
    eval_id = await create_eval(call)

    run = await call("create_eval_run", eval_id=eval_id, data_source=DATA, name="First")
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/evals/{eval_id}/runs")
    assert sent.body == {"data_source": DATA, "name": "First"}

    ids = {"eval_id": eval_id, "run_id": run["id"]}
    assert (await call("get_eval_run", **ids))["status"] == "in_progress"
    assert (await call("get_eval_run", **ids))["result_counts"]["passed"] == 1
    listed = await call("list_eval_runs", eval_id=eval_id, status="completed")
    assert [item["id"] for item in listed["data"]] == [run["id"]]
    assert standin.requests[-1].query == [("status", "completed")]

    results = await call("list_eval_run_output_items", **ids, status="pass", order="asc")
    assert [item["status"] for item in results["data"]] == ["pass"]
    assert sorted(standin.requests[-1].query) == [("order", "asc"), ("status", "pass")]
    item_id = results["data"][0]["id"]
    result = await call("get_eval_run_output_item", **ids, output_item_id=item_id)
    assert result == results["data"][0]
    path = f"/evals/{eval_id}/runs/{run['id']}/output_items/{item_id}"
    assert standin.requests[-1].path == path

    gone = await call("delete_eval_run", **ids)
    assert gone == {"object": "eval.run.deleted", "deleted": True, "run_id": run["id"]}


async def test_eval_run_model_in_data_source(standin: StandIn, call: Call) -> None:
    eval_id = await create_eval(call)
    run = await call("create_eval_run", eval_id=eval_id, data_source=DATA, model="m-2")

    assert standin.requests[-1].body == {"data_source": DATA, "model": "m-2"}
    assert run["model"] == "m-2"


async def test_eval_run_cancel_path(standin: StandIn, call: Call) -> None:
    eval_id = await create_eval(call)
    run = await call("create_eval_run", eval_id=eval_id, data_source=DATA)
    ids = {"eval_id": eval_id, "run_id": run["id"]}

    answer = await call("cancel_eval_run", **ids, extra_query={"why": "because"})

    assert answer["status"] == "canceled"
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/evals/{eval_id}/runs/{run['id']}/cancel")
    assert sent.query == [("why", "because")]
    with pytest.raises(ServiceValidationError, match="400"):
        await call("cancel_eval_run", **ids)


async def test_eval_run_cancel_quotes_ids(standin: StandIn, call: Call) -> None:
    with pytest.raises(ServiceValidationError, match="404"):
        await call("cancel_eval_run", eval_id="../models", run_id="a b")
    assert standin.requests[-1].path.startswith("/evals/")
