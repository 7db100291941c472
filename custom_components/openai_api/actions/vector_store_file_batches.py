"""Vector store file batches: put many files into a vector store at once."""

from dataclasses import replace

import voluptuous as vol

from ..action import ActionDescription, ActionGroup, advanced, get_action, list_action, required
from ..object_types import VECTOR_STORE_FILE_BATCH
from . import validators as check
from .common_fields import (
    BEFORE,
    CHUNKING_STRATEGY,
    FILE_IDS,
    PAGING,
    VECTOR_STORE_ID,
)
from .fields import files, identifier, integer
from .object_fields_storage import batch_files
from .vector_store_files import ATTRIBUTES, STATUS_FILTER

_IDS = required(
    VECTOR_STORE_ID,
    identifier("batch_id", "File batch", "Id of the file batch.", example="vsfb_123"),
)
_CREATE = (
    *required(VECTOR_STORE_ID),
    FILE_IDS,
    ATTRIBUTES,
    *advanced(
        batch_files(
            "files",
            "Files with settings",
            "Files that have attributes of their own. Instead of the list of files.",
            example=[{"file_id": "file-123", "attributes": {"room": "kitchen"}}],
        ),
        CHUNKING_STRATEGY,
    ),
)

ACTION_GROUP = ActionGroup(
    key="vector_store_file_batches",
    name="Vector store file batches",
    actions=(
        ActionDescription(
            key="create_vector_store_file_batch",
            method="vector_stores.file_batches.create",
            name="Add many files to a vector store",
            description=(
                "Adds uploaded files to a vector store, without waiting until they can be found."
            ),
            icon="mdi:folder-plus-outline",
            fields=_CREATE,
        ),
        ActionDescription(
            key="create_and_poll_vector_store_file_batch",
            method="vector_stores.file_batches.create",
            name="Add many files to a vector store and wait",
            description="Adds uploaded files to a vector store and waits until they can be found.",
            icon="mdi:folder-clock-outline",
            fields=_CREATE,
            poll=VECTOR_STORE_FILE_BATCH,
        ),
        get_action(
            key="retrieve_vector_store_file_batch",
            method="vector_stores.file_batches.retrieve",
            name="Get a file batch",
            description="Returns how far a vector store is with the files of a batch.",
            icon="mdi:folder-question-outline",
            fields=_IDS,
            watch_as=VECTOR_STORE_FILE_BATCH,
        ),
        ActionDescription(
            key="poll_vector_store_file_batch",
            method="vector_stores.file_batches.retrieve",
            name="Wait for a file batch",
            description="Waits until a vector store is done with the files of a batch.",
            icon="mdi:folder-sync-outline",
            fields=_IDS,
            has_body=False,
            poll=VECTOR_STORE_FILE_BATCH,
        ),
        ActionDescription(
            key="cancel_vector_store_file_batch",
            method="vector_stores.file_batches.cancel",
            name="Cancel a file batch",
            description="Stops adding the files of a batch. Those that are done stay.",
            icon="mdi:folder-cancel-outline",
            fields=_IDS,
        ),
        list_action(
            key="list_vector_store_batch_files",
            method="vector_stores.file_batches.list_files",
            name="List the files of a file batch",
            description="Returns the files of a batch, each with its status.",
            icon="mdi:folder-file-outline",
            fields=(*_IDS, STATUS_FILTER, *PAGING, *advanced(BEFORE)),
        ),
        ActionDescription(
            key="upload_and_poll_vector_store_file_batch",
            method="vector_stores.file_batches.create",
            name="Upload many files to a vector store and wait",
            description=(
                "Uploads local files, adds them to a vector store and waits until they can be found."
            ),
            icon="mdi:folder-upload-outline",
            fields=(
                *required(
                    VECTOR_STORE_ID,
                    files(
                        "files",
                        "Files",
                        "The files to send: media items, or paths that Home Assistant may read.",
                        example=["/media/manuals/oven.pdf", "/media/manuals/washer.pdf"],
                    ),
                ),
                ATTRIBUTES,
                *advanced(
                    replace(
                        FILE_IDS,
                        name="Uploaded files",
                        description="Ids of files that are at the service already, to be added as well.",
                    ),
                    CHUNKING_STRATEGY,
                    replace(
                        integer(
                            "max_concurrency",
                            "Uploads at once",
                            "How many files to upload at the same time. Without it, five.",
                            low=1,
                        ),
                        validator=vol.All(check.integer, vol.Range(min=1)),
                    ),
                ),
            ),
            poll=VECTOR_STORE_FILE_BATCH,
            handler="uploads.async_upload_batch_to_store",
        ),
    ),
)
