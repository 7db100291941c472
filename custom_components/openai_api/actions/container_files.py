"""Container files: what goes into a container, and what was made in it."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    ResponseKind,
    get_action,
    list_action,
    required,
)
from .common_fields import LOCAL_FILE, PAGING
from .containers import CONTAINER_ID
from .files import FILE_ID

_FILE_ID = replace(FILE_ID, description="Id of the file in the container.", example="cfile_123")
_IDS = required(CONTAINER_ID, _FILE_ID)

ACTION_GROUP = ActionGroup(
    key="container_files",
    name="Container files",
    actions=(
        list_action(
            key="list_container_files",
            method="containers.files.list",
            name="List container files",
            description="Returns the files that are in a container.",
            icon="mdi:archive-outline",
            fields=(*required(CONTAINER_ID), *PAGING),
        ),
        ActionDescription(
            key="add_container_file",
            method="containers.files.create",
            name="Add a file to a container",
            description="Puts a local file, or one that is at the service, into a container.",
            icon="mdi:archive-plus-outline",
            fields=(
                *required(CONTAINER_ID),
                replace(LOCAL_FILE, example="/media/energy.csv"),
                replace(FILE_ID, description="Id of a file at the service, instead."),
            ),
        ),
        get_action(
            key="retrieve_container_file",
            method="containers.files.retrieve",
            name="Get details of a container file",
            description="Returns what the service tells of a file in a container.",
            icon="mdi:archive-eye-outline",
            fields=_IDS,
        ),
        ActionDescription(
            key="delete_container_file",
            method="containers.files.delete",
            name="Delete a container file",
            description="Deletes a file in a container.",
            icon="mdi:archive-remove-outline",
            permission=Permission.ADMINISTRATORS,
            # The first of them is the id that the answer names.
            fields=required(_FILE_ID, CONTAINER_ID),
            response=ResponseKind.NONE,
            empty_response={"deleted": True},
            has_body=False,
        ),
        ActionDescription(
            key="download_container_file_content",
            method="containers.files.content.retrieve",
            name="Download a container file",
            description="Saves a file that is in a container in the media folder.",
            icon="mdi:archive-arrow-down-outline",
            fields=_IDS,
            response=ResponseKind.FILE,
            has_body=False,
        ),
    ),
)
