"""Files: upload what other actions work on, and get back what they made."""

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
from ..object_types import FILE
from .common_fields import PAGING
from .fields import choice, file, identifier
from .object_fields_storage import file_expiry

FILE_ID = identifier("file_id", "File", "Id of the file at the service.", example="file-123")
PURPOSE = choice(
    "purpose",
    "Purpose",
    "What the file is for.",
    ("assistants", "batch", "fine-tune", "vision", "user_data", "evals"),
)
EXPIRES_AFTER = file_expiry(
    "expires_after",
    "Expires after",
    "When the service deletes it by itself.",
    example={"anchor": "created_at", "seconds": 86400},
)

ACTION_GROUP = ActionGroup(
    key="files",
    name="Files",
    actions=(
        ActionDescription(
            key="create_file",
            method="files.create",
            name="Upload a file",
            description="Uploads a file to the service, for other actions to work on.",
            icon="mdi:file-upload-outline",
            fields=(
                *required(
                    file(
                        "file",
                        "File",
                        "The file to send: a media item, or a path that Home Assistant may read.",
                        example="/media/manuals/dishwasher.pdf",
                    ),
                    PURPOSE,
                ),
                *advanced(EXPIRES_AFTER),
            ),
        ),
        list_action(
            key="list_files",
            method="files.list",
            name="List files",
            description="Returns the files that are kept at the service.",
            icon="mdi:file-multiple-outline",
            fields=(*PAGING, PURPOSE),
        ),
        get_action(
            key="retrieve_file",
            method="files.retrieve",
            name="Get file details",
            description="Returns what the service tells of a file.",
            icon="mdi:file-question-outline",
            fields=required(FILE_ID),
            watch_as=FILE,
        ),
        ActionDescription(
            key="wait_for_file_processing",
            method="files.retrieve",
            name="Wait for a file",
            description="Waits until the service has processed a file, or has failed to.",
            icon="mdi:file-check-outline",
            fields=required(FILE_ID),
            has_body=False,
            poll=FILE,
        ),
        ActionDescription(
            key="download_file",
            method="files.content",
            name="Download a file",
            description="Saves the content of a file in the media folder.",
            icon="mdi:file-download-outline",
            fields=required(FILE_ID),
            response=ResponseKind.FILE,
            has_body=False,
        ),
        ActionDescription(
            key="delete_file",
            method="files.delete",
            name="Delete a file",
            description="Deletes a file at the service.",
            icon="mdi:file-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(FILE_ID),
            has_body=False,
        ),
    ),
)
