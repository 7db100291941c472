"""Evals: test how well a model does a task, run by run."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    advanced,
    get_action,
    list_action,
    required,
)
from ..object_types import EVAL_RUN
from .common_fields import METADATA, MODEL, PAGING
from .fields import choice, identifier, json_object, objects, text
from .object_fields_training import eval_data_source

EVAL_ID = identifier("eval_id", "Eval", "Id of the eval.", example="eval_123")
EVAL_RUN_ID = identifier("run_id", "Eval run", "Id of the eval run.", example="evalrun_123")
_NAME = text("name", "Name", "A name to find it by.", example="Good morning messages")

# The variables of an eval look like templates, so the examples keep Home Assistant from filling
# them in.

ACTION_GROUP = ActionGroup(
    key="evals",
    name="Evals",
    actions=(
        ActionDescription(
            key="create_eval",
            method="evals.create",
            name="Create an eval",
            description="Sets up a test for models: what the questions look like, and what makes an answer good.",
            icon="mdi:clipboard-plus-outline",
            fields=(
                *required(
                    eval_data_source(
                        "data_source_config",
                        "Data source",
                        "Where the questions come from, and what each of them holds.",
                        example={
                            "type": "custom",
                            "item_schema": {
                                "type": "object",
                                "properties": {"question": {"type": "string"}},
                            },
                            "include_sample_schema": True,
                        },
                    ),
                    objects(
                        "testing_criteria",
                        "Testing criteria",
                        "The graders that judge each answer.",
                        example=[
                            {
                                "type": "string_check",
                                "name": "Polite",
                                "input": "{% raw %}{{ sample.output_text }}{% endraw %}",
                                "operation": "like",
                                "reference": "please",
                            }
                        ],
                    ),
                ),
                _NAME,
                *advanced(METADATA),
            ),
        ),
        get_action(
            key="get_eval",
            method="evals.retrieve",
            name="Get an eval",
            description="Returns the set-up of an eval.",
            icon="mdi:clipboard-text-outline",
            fields=required(EVAL_ID),
        ),
        ActionDescription(
            key="modify_eval",
            method="evals.update",
            name="Update an eval",
            description="Changes the name or the metadata of an eval.",
            icon="mdi:note-edit-outline",
            fields=(*required(EVAL_ID), _NAME, METADATA),
        ),
        ActionDescription(
            key="delete_eval",
            method="evals.delete",
            name="Delete an eval",
            description="Deletes an eval.",
            icon="mdi:clipboard-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(EVAL_ID),
            has_body=False,
        ),
        list_action(
            key="list_evals",
            method="evals.list",
            name="List evals",
            description="Returns your evals.",
            icon="mdi:clipboard-file-outline",
            fields=(
                *PAGING,
                choice(
                    "order_by",
                    "Order by",
                    "Whether the time of creation or of the last change counts.",
                    ("created_at", "updated_at"),
                ),
            ),
        ),
        ActionDescription(
            key="create_eval_run",
            method="evals.runs.create",
            name="Start an eval run",
            description="Puts the questions of an eval to a model and grades the answers. It goes on at the service.",
            icon="mdi:clipboard-arrow-right-outline",
            fields=(
                *required(
                    EVAL_ID,
                    json_object(
                        "data_source",
                        "Data",
                        "The questions, and the model that answers them.",
                        example={
                            "type": "responses",
                            "model": "gpt-5-mini",
                            "source": {"type": "file_id", "id": "file-123"},
                            "input_messages": {
                                "type": "template",
                                "template": [
                                    {
                                        "role": "user",
                                        "content": "{% raw %}{{ item.question }}{% endraw %}",
                                    }
                                ],
                            },
                        },
                    ),
                ),
                _NAME,
                *advanced(
                    replace(
                        MODEL,
                        description="For services that want it here instead of in the data.",
                    ),
                    METADATA,
                ),
            ),
        ),
        get_action(
            key="get_eval_run",
            method="evals.runs.retrieve",
            name="Get an eval run",
            description="Returns how far an eval run is, and how the model did.",
            icon="mdi:clipboard-clock-outline",
            fields=required(EVAL_ID, EVAL_RUN_ID),
            watch_as=EVAL_RUN,
        ),
        list_action(
            key="list_eval_runs",
            method="evals.runs.list",
            name="List eval runs",
            description="Returns the runs of an eval.",
            icon="mdi:clipboard-text-multiple-outline",
            fields=(
                *required(EVAL_ID),
                *PAGING,
                choice(
                    "status",
                    "Status",
                    "List only what has this status.",
                    ("queued", "in_progress", "completed", "canceled", "failed"),
                ),
            ),
        ),
        ActionDescription(
            key="delete_eval_run",
            method="evals.runs.delete",
            name="Delete an eval run",
            description="Deletes an eval run with its results.",
            icon="mdi:clipboard-minus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(EVAL_ID, EVAL_RUN_ID),
            has_body=False,
        ),
        ActionDescription(
            key="cancel_eval_run",
            method="evals.runs.cancel",
            name="Cancel an eval run",
            description="Stops an eval run that is still going on.",
            icon="mdi:clipboard-off-outline",
            fields=required(EVAL_ID, EVAL_RUN_ID),
            handler="evals.async_cancel_run",
        ),
        get_action(
            key="get_eval_run_output_item",
            method="evals.runs.output_items.retrieve",
            name="Get a result of an eval run",
            description="Returns one answer of an eval run with its grades.",
            icon="mdi:clipboard-search-outline",
            fields=required(
                EVAL_ID,
                EVAL_RUN_ID,
                identifier(
                    "output_item_id", "Result", "Id of the result.", example="outputitem_123"
                ),
            ),
        ),
        list_action(
            key="list_eval_run_output_items",
            method="evals.runs.output_items.list",
            name="List the results of an eval run",
            description="Returns the answers of an eval run with their grades.",
            icon="mdi:clipboard-check-multiple-outline",
            fields=(
                *required(EVAL_ID, EVAL_RUN_ID),
                *PAGING,
                choice(
                    "status",
                    "Grade",
                    "List only the answers that passed, or only those that failed.",
                    ("pass", "fail"),
                ),
            ),
        ),
    ),
)
