"""Fine-tuning: teach a model with examples of your own."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    ResponseKind,
    advanced,
    get_action,
    list_action,
    required,
)
from ..object_types import FINE_TUNING_JOB
from .common_fields import AFTER, LIMIT, METADATA, MODEL, SEED
from .fields import choice, identifier, json_object, long_text, text, texts
from .object_fields_training import hyperparameters, integrations, training_method

JOB_ID = identifier(
    "fine_tuning_job_id", "Fine-tuning job", "Id of the fine-tuning job.", example="ftjob-123"
)
_CHECKPOINT = identifier(
    "fine_tuned_model_checkpoint",
    "Checkpoint",
    "Name of the model that a checkpoint has left behind.",
    example="ft:gpt-4o-mini:home::abc123:ckpt-step-88",
)
_GRADER = json_object(
    "grader",
    "Grader",
    "The rule or the model that judges an answer.",
    example={
        "type": "string_check",
        "name": "Polite",
        "input": "{% raw %}{{ sample.output_text }}{% endraw %}",
        "operation": "like",
        "reference": "{% raw %}{{ item.answer }}{% endraw %}",
    },
)
_PERMISSIONS_FIELDS = (
    *required(_CHECKPOINT),
    AFTER,
    LIMIT,
    choice(
        "order",
        "Order",
        "Whether the oldest (ascending) or the newest (descending) come first.",
        ("ascending", "descending"),
    ),
    text("project_id", "Project id", "List only the permission of this project."),
)

ACTION_GROUP = ActionGroup(
    key="fine_tuning",
    name="Fine-tuning",
    actions=(
        ActionDescription(
            key="create_fine_tuning_job",
            method="fine_tuning.jobs.create",
            name="Start a fine-tuning job",
            description="Makes a model of your own by training one with your examples. This takes a while and goes on at the service.",
            icon="mdi:tune",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    replace(MODEL, description="The model to train.", example="gpt-4o-mini"),
                    identifier(
                        "training_file",
                        "Training file",
                        "Id of the uploaded file with the examples.",
                        example="file-123",
                    ),
                ),
                text(
                    "validation_file",
                    "Validation file",
                    "Id of the uploaded file with examples to check the progress by.",
                    nullable=True,
                ),
                text(
                    "suffix",
                    "Suffix",
                    "Becomes part of the name of your model.",
                    example="butler",
                    nullable=True,
                ),
                training_method(
                    "method",
                    "Method",
                    "How to train: by examples (supervised), preferences (dpo) or grades (reinforcement).",
                    example={"type": "supervised"},
                ),
                *advanced(
                    SEED,
                    integrations(
                        "integrations",
                        "Integrations",
                        "Other services that shall get the figures of the training.",
                        example=[{"type": "wandb", "wandb": {"project": "home"}}],
                        nullable=True,
                    ),
                    hyperparameters(
                        "hyperparameters",
                        "Hyperparameters",
                        "How long and how fast to train. Newer services want this inside the method.",
                        example={"n_epochs": "auto"},
                    ),
                    METADATA,
                ),
            ),
        ),
        list_action(
            key="list_paginated_fine_tuning_jobs",
            method="fine_tuning.jobs.list",
            name="List fine-tuning jobs",
            description="Returns your fine-tuning jobs.",
            icon="mdi:tune-vertical",
            permission=Permission.ADMINISTRATORS,
            fields=(
                AFTER,
                LIMIT,
                replace(METADATA, description="List only the jobs that have this metadata."),
            ),
        ),
        get_action(
            key="retrieve_fine_tuning_job",
            method="fine_tuning.jobs.retrieve",
            name="Get a fine-tuning job",
            description="Returns how far a fine-tuning job is, and the name of the finished model.",
            icon="mdi:progress-question",
            permission=Permission.ADMINISTRATORS,
            fields=required(JOB_ID),
            watch_as=FINE_TUNING_JOB,
        ),
        list_action(
            key="list_fine_tuning_events",
            method="fine_tuning.jobs.list_events",
            name="List the events of a fine-tuning job",
            description="Returns what has happened during a fine-tuning job.",
            icon="mdi:timeline-text-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(JOB_ID), AFTER, LIMIT),
        ),
        list_action(
            key="list_fine_tuning_checkpoints",
            method="fine_tuning.jobs.checkpoints.list",
            name="List the checkpoints of a fine-tuning job",
            description="Returns the states of the model that were saved during a fine-tuning job.",
            icon="mdi:flag-checkered",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(JOB_ID), AFTER, LIMIT),
        ),
        ActionDescription(
            key="cancel_fine_tuning_job",
            method="fine_tuning.jobs.cancel",
            name="Cancel a fine-tuning job",
            description="Stops a fine-tuning job for good.",
            icon="mdi:progress-close",
            permission=Permission.ADMINISTRATORS,
            fields=required(JOB_ID),
        ),
        ActionDescription(
            key="pause_fine_tuning_job",
            method="fine_tuning.jobs.pause",
            name="Pause a fine-tuning job",
            description="Stops a fine-tuning job until you resume it.",
            icon="mdi:pause-circle-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(JOB_ID),
        ),
        ActionDescription(
            key="resume_fine_tuning_job",
            method="fine_tuning.jobs.resume",
            name="Resume a fine-tuning job",
            description="Goes on with a paused fine-tuning job.",
            icon="mdi:play-speed",
            permission=Permission.ADMINISTRATORS,
            fields=required(JOB_ID),
        ),
        ActionDescription(
            key="create_checkpoint_permissions",
            method="fine_tuning.checkpoints.permissions.create",
            name="Share a checkpoint",
            description="Lets other projects of your organization use a checkpoint. OpenAI wants an admin key for this.",
            icon="mdi:account-key-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(
                _CHECKPOINT,
                texts("project_ids", "Projects", "Ids of the projects that may use it."),
            ),
            response=ResponseKind.LIST,
        ),
        list_action(
            key="list_checkpoint_permissions",
            method="fine_tuning.checkpoints.permissions.list",
            name="List the permissions of a checkpoint",
            description="Returns the projects that may use a checkpoint.",
            icon="mdi:account-multiple-check-outline",
            permission=Permission.ADMINISTRATORS,
            fields=_PERMISSIONS_FIELDS,
        ),
        list_action(
            key="retrieve_checkpoint_permissions",
            method="fine_tuning.checkpoints.permissions.retrieve",
            name="Get the permissions of a checkpoint (retired)",
            description="Returns the projects that may use a checkpoint, the old way.",
            icon="mdi:account-question-outline",
            permission=Permission.ADMINISTRATORS,
            fields=_PERMISSIONS_FIELDS,
        ),
        ActionDescription(
            key="delete_checkpoint_permission",
            method="fine_tuning.checkpoints.permissions.delete",
            name="Stop sharing a checkpoint",
            description="Takes the permission to use a checkpoint from a project.",
            icon="mdi:account-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(
                _CHECKPOINT,
                identifier(
                    "permission_id", "Permission", "Id of the permission.", example="cp_123"
                ),
            ),
            has_body=False,
        ),
        ActionDescription(
            key="run_grader",
            method="fine_tuning.alpha.graders.run",
            name="Try a grader",
            description="Lets a grader judge one answer.",
            icon="mdi:check-decagram-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    _GRADER,
                    long_text("model_sample", "Answer", "The answer that is to be judged."),
                ),
                json_object(
                    "item",
                    "Item",
                    "The example that the answer belongs to.",
                    example={"answer": "Good morning"},
                ),
            ),
            only_answers=True,
        ),
        ActionDescription(
            key="validate_grader",
            method="fine_tuning.alpha.graders.validate",
            name="Check a grader",
            description="Tells whether a grader is written correctly.",
            icon="mdi:spellcheck",
            permission=Permission.ADMINISTRATORS,
            fields=required(_GRADER),
            only_answers=True,
        ),
    ),
)
