"""Vector store file batches: put many files into a vector store at once."""

from dataclasses import replace

import voluptuous as vol

from ..handlers.uploads import async_upload_batch_to_store
from ..model import Action, Answer, Family, Poll, advanced, required
from . import validators as check
from .fields import files, identifier, integer
from .shared import BEFORE, CHUNKING_STRATEGY, FILE_IDS, PAGING, VECTOR_STORE_ID
from .structures_storage import batch_files
from .vector_store_files import ATTRIBUTES, PENDING, STATUS_FILTER

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
_POLL = Poll(
    method="vector_stores.file_batches.retrieve",
    ids={"vector_store_id": "vector_store_id", "batch_id": "id"},
    pending=PENDING,
)

FAMILY = Family(
    key="vector_store_file_batches",
    name="Vector store file batches",
    actions=(
        Action(
            key="create_vector_store_file_batch",
            method="vector_stores.file_batches.create",
            name="Add many files to a vector store",
            description=(
                "Adds uploaded files to a vector store, without waiting until they can be found."
            ),
            icon="mdi:folder-plus-outline",
            fields=_CREATE,
        ),
        Action(
            key="create_and_poll_vector_store_file_batch",
            method="vector_stores.file_batches.create",
            name="Add many files to a vector store and wait",
            description="Adds uploaded files to a vector store and waits until they can be found.",
            icon="mdi:folder-clock-outline",
            fields=_CREATE,
            poll=_POLL,
        ),
        Action(
            key="retrieve_vector_store_file_batch",
            method="vector_stores.file_batches.retrieve",
            name="Get a file batch",
            description="Returns how far a vector store is with the files of a batch.",
            icon="mdi:folder-question-outline",
            fields=_IDS,
            body=False,
            only_answers=True,
            pending=PENDING,
        ),
        Action(
            key="poll_vector_store_file_batch",
            method="vector_stores.file_batches.retrieve",
            name="Wait for a file batch",
            description="Waits until a vector store is done with the files of a batch.",
            icon="mdi:folder-sync-outline",
            fields=_IDS,
            body=False,
            poll=_POLL,
        ),
        Action(
            key="cancel_vector_store_file_batch",
            method="vector_stores.file_batches.cancel",
            name="Cancel a file batch",
            description="Stops adding the files of a batch. Those that are done stay.",
            icon="mdi:folder-cancel-outline",
            fields=_IDS,
        ),
        Action(
            key="list_vector_store_batch_files",
            method="vector_stores.file_batches.list_files",
            name="List the files of a file batch",
            description="Returns the files of a batch, each with its status.",
            icon="mdi:folder-file-outline",
            fields=(*_IDS, STATUS_FILTER, *PAGING, *advanced(BEFORE)),
            answer=Answer.PAGE,
            body=False,
            only_answers=True,
        ),
        Action(
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
                        description="Ids of files that are at the service host already, to be added as well.",
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
            poll=_POLL,
            handler=async_upload_batch_to_store,
        ),
    ),
)
