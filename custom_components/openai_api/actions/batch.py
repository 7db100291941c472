"""Batches: many requests in one file, answered within a day at a lower price."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, advanced, get_action, list_action, required
from ..object_types import BATCH
from .common_fields import AFTER, LIMIT, METADATA
from .fields import choice, identifier
from .files import EXPIRES_AFTER

_BATCH_ID = identifier("batch_id", "Batch", "Id of the batch.", example="batch_123")

ACTION_GROUP = ActionGroup(
    key="batch",
    name="Batches",
    actions=(
        ActionDescription(
            key="create_batch",
            method="batches.create",
            name="Create a batch",
            description="Hands in a file with many requests, to be answered within a day.",
            icon="mdi:tray-plus",
            fields=(
                *required(
                    identifier(
                        "input_file_id",
                        "Input file",
                        "Id of a file uploaded for the purpose batch, with one request in each line.",
                        example="file-123",
                    ),
                    choice(
                        "endpoint",
                        "Endpoint",
                        "The part of the API that answers the requests.",
                        (
                            "/v1/responses",
                            "/v1/chat/completions",
                            "/v1/embeddings",
                            "/v1/completions",
                            "/v1/moderations",
                            "/v1/images/generations",
                            "/v1/images/edits",
                            "/v1/videos",
                        ),
                        example="/v1/responses",
                    ),
                    choice(
                        "completion_window",
                        "Time allowed",
                        "By when the requests must be answered.",
                        ("24h",),
                        example="24h",
                    ),
                ),
                *advanced(
                    METADATA,
                    replace(
                        EXPIRES_AFTER,
                        key="output_expires_after",
                        name="Results expire after",
                        description="When the service deletes the file with the answers by itself.",
                    ),
                ),
            ),
        ),
        get_action(
            key="retrieve_batch",
            method="batches.retrieve",
            name="Get a batch",
            description="Returns how far a batch is, and where its answers are.",
            icon="mdi:tray",
            fields=required(_BATCH_ID),
            watch_as=BATCH,
        ),
        list_action(
            key="list_batch",
            method="batches.list",
            name="List batches",
            description="Returns the batches of this service.",
            icon="mdi:tray-full",
            fields=(AFTER, LIMIT),
        ),
        ActionDescription(
            key="cancel_batch",
            method="batches.cancel",
            name="Cancel a batch",
            description="Stops a batch. What has been answered by then can still be read.",
            icon="mdi:tray-remove",
            fields=required(_BATCH_ID),
        ),
    ),
)
