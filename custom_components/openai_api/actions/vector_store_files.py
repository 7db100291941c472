"""Vector store files: put files into a vector store, one by one."""

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    advanced,
    get_action,
    list_action,
    required,
)
from ..object_types import VECTOR_STORE_FILE
from .common_fields import (
    BEFORE,
    CHUNKING_STRATEGY,
    LOCAL_FILE,
    PAGING,
    VECTOR_STORE_ID,
)
from .fields import choice, json_object
from .files import FILE_ID

ATTRIBUTES = json_object(
    "attributes",
    "Attributes",
    "Up to 16 names with values, by which a search can be narrowed down.",
    example={"room": "kitchen", "year": 2026},
    nullable=True,
)
STATUS_FILTER = choice(
    "filter",
    "Status",
    "List only the files that have come this far.",
    ("in_progress", "completed", "failed", "cancelled"),
)
_IDS = required(VECTOR_STORE_ID, FILE_ID)
_SETTINGS = (ATTRIBUTES, *advanced(CHUNKING_STRATEGY))

ACTION_GROUP = ActionGroup(
    key="vector_store_files",
    name="Vector store files",
    actions=(
        ActionDescription(
            key="create_vector_store_file",
            method="vector_stores.files.create",
            name="Add a file to a vector store",
            description="Adds an uploaded file to a vector store, without waiting until it can be found.",
            icon="mdi:file-plus-outline",
            fields=(*_IDS, *_SETTINGS),
        ),
        ActionDescription(
            key="create_and_poll_vector_store_file",
            method="vector_stores.files.create",
            name="Add a file to a vector store and wait",
            description="Adds an uploaded file to a vector store and waits until it can be found.",
            icon="mdi:file-clock-outline",
            fields=(*_IDS, *_SETTINGS),
            poll=VECTOR_STORE_FILE,
        ),
        ActionDescription(
            key="upload_vector_store_file",
            method="vector_stores.files.upload",
            name="Upload a file to a vector store",
            description=(
                "Uploads a local file and adds it to a vector store, "
                "without waiting until it can be found."
            ),
            icon="mdi:database-arrow-up-outline",
            fields=(*required(VECTOR_STORE_ID, LOCAL_FILE), *_SETTINGS),
            handler="uploads.async_upload_to_store",
        ),
        ActionDescription(
            key="upload_and_poll_vector_store_file",
            method="vector_stores.files.upload",
            name="Upload a file to a vector store and wait",
            description=(
                "Uploads a local file, adds it to a vector store and waits until it can be found."
            ),
            icon="mdi:database-clock-outline",
            fields=(*required(VECTOR_STORE_ID, LOCAL_FILE), *_SETTINGS),
            poll=VECTOR_STORE_FILE,
            handler="uploads.async_upload_to_store",
        ),
        ActionDescription(
            key="poll_vector_store_file",
            method="vector_stores.files.retrieve",
            name="Wait for a vector store file",
            description="Waits until a file in a vector store can be found, or has failed.",
            icon="mdi:file-sync-outline",
            fields=_IDS,
            has_body=False,
            poll=VECTOR_STORE_FILE,
        ),
        list_action(
            key="list_vector_store_files",
            method="vector_stores.files.list",
            name="List vector store files",
            description="Returns the files that are in a vector store.",
            icon="mdi:file-document-multiple-outline",
            fields=(*required(VECTOR_STORE_ID), STATUS_FILTER, *PAGING, *advanced(BEFORE)),
        ),
        get_action(
            key="retrieve_vector_store_file",
            method="vector_stores.files.retrieve",
            name="Get details of a vector store file",
            description="Returns the status and the attributes of a file in a vector store.",
            icon="mdi:file-eye-outline",
            fields=_IDS,
            watch_as=VECTOR_STORE_FILE,
        ),
        ActionDescription(
            key="modify_vector_store_file",
            method="vector_stores.files.update",
            name="Update a vector store file",
            description="Changes the attributes of a file in a vector store.",
            icon="mdi:file-edit-outline",
            fields=(*_IDS, *required(ATTRIBUTES)),
        ),
        list_action(
            key="get_vector_store_file_content",
            method="vector_stores.files.content",
            name="Get the text of a vector store file",
            description="Returns what the service has read in a file of a vector store.",
            icon="mdi:file-document-outline",
            fields=_IDS,
        ),
        ActionDescription(
            key="delete_vector_store_file",
            method="vector_stores.files.delete",
            name="Remove a file from a vector store",
            description="Takes a file out of a vector store. The file itself stays.",
            icon="mdi:file-minus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=_IDS,
            has_body=False,
        ),
    ),
)
