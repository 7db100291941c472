"""Container files: what goes into a container, and what was made in it."""

from dataclasses import replace

from ..model import Action, Answer, Family, Permission, required
from .containers import CONTAINER_ID
from .files import FILE_ID
from .shared import LOCAL_FILE, PAGING

_FILE_ID = replace(FILE_ID, description="Id of the file in the container.", example="cfile_123")
_IDS = required(CONTAINER_ID, _FILE_ID)

FAMILY = Family(
    key="container_files",
    name="Container files",
    actions=(
        Action(
            key="list_container_files",
            method="containers.files.list",
            name="List container files",
            description="Returns the files that are in a container.",
            icon="mdi:archive-outline",
            fields=(*required(CONTAINER_ID), *PAGING),
            answer=Answer.PAGE,
            body=False,
            only_answers=True,
        ),
        Action(
            key="add_container_file",
            method="containers.files.create",
            name="Add a file to a container",
            description="Puts a local file, or one that is at the service host, into a container.",
            icon="mdi:archive-plus-outline",
            fields=(
                *required(CONTAINER_ID),
                replace(LOCAL_FILE, example="/media/energy.csv"),
                replace(FILE_ID, description="Id of a file at the service host, instead."),
            ),
        ),
        Action(
            key="retrieve_container_file",
            method="containers.files.retrieve",
            name="Get details of a container file",
            description="Returns what the service host tells of a file in a container.",
            icon="mdi:archive-eye-outline",
            fields=_IDS,
            body=False,
            only_answers=True,
        ),
        Action(
            key="delete_container_file",
            method="containers.files.delete",
            name="Delete a container file",
            description="Deletes a file in a container.",
            icon="mdi:archive-remove-outline",
            permission=Permission.ADMINISTRATORS,
            # The first of them is the id that the answer names.
            fields=required(_FILE_ID, CONTAINER_ID),
            answer=Answer.VOID,
            done={"deleted": True},
            body=False,
        ),
        Action(
            key="download_container_file_content",
            method="containers.files.content.retrieve",
            name="Download a container file",
            description="Saves a file that is in a container in the media folder.",
            icon="mdi:archive-arrow-down-outline",
            fields=_IDS,
            answer=Answer.BINARY,
            body=False,
        ),
    ),
)
