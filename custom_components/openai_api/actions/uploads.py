"""Uploads: send a large file in parts."""

from dataclasses import replace

import voluptuous as vol

from ..action import ActionDescription, ActionGroup, advanced, required
from . import validators as check
from .common_fields import LOCAL_FILE
from .fields import file, identifier, integer, text, texts
from .files import EXPIRES_AFTER, PURPOSE

_UPLOAD_ID = identifier("upload_id", "Upload", "Id of the upload.", example="upload_123")
_MIME_TYPE = identifier(
    "mime_type", "Content type", "The kind of file, in the way of the web.", example="video/mp4"
)
_MD5 = text(
    "md5",
    "MD5 checksum",
    "Lets the service check that everything has arrived as it was sent.",
    example="d41d8cd98f00b204e9800998ecf8427e",
)

ACTION_GROUP = ActionGroup(
    key="uploads",
    name="Uploads",
    actions=(
        ActionDescription(
            key="upload_file_chunked",
            method="uploads.upload_file_chunked",
            name="Upload a large file",
            description="Uploads a file of up to 8 GB in parts, and tells how far it is.",
            icon="mdi:cloud-arrow-up-outline",
            fields=(
                *required(
                    replace(LOCAL_FILE, example="/media/recordings/garden.mp4"),
                    PURPOSE,
                ),
                *advanced(
                    text(
                        "filename",
                        "File name",
                        "What to call it at the service. Without it, it keeps its name.",
                        example="garden.mp4",
                        nullable=True,
                    ),
                    replace(
                        _MIME_TYPE,
                        description="The kind of file. Without it, the name of the file tells.",
                    ),
                    replace(
                        integer(
                            "part_size",
                            "Part size",
                            "How much to send at a time. Without it, 16 MiB; many services take up to 64 MiB.",
                            low=1,
                            unit="B",
                            nullable=True,
                        ),
                        validator=vol.All(check.integer, vol.Range(min=1)),
                    ),
                    _MD5,
                    EXPIRES_AFTER,
                ),
            ),
            handler="uploads.async_upload_in_parts",
        ),
        ActionDescription(
            key="create_upload",
            method="uploads.create",
            name="Begin an upload in parts",
            description="Tells the service of a large file whose parts will follow.",
            icon="mdi:cloud-upload-outline",
            fields=(
                *required(
                    identifier(
                        "filename",
                        "File name",
                        "What to call it at the service.",
                        example="garden.mp4",
                    ),
                    PURPOSE,
                    integer(
                        "bytes",
                        "Size",
                        "How large the whole file is.",
                        low=1,
                        unit="B",
                        example=104857600,
                    ),
                    _MIME_TYPE,
                ),
                *advanced(EXPIRES_AFTER),
            ),
        ),
        ActionDescription(
            key="add_upload_part",
            method="uploads.parts.create",
            name="Upload a part",
            description="Sends one part of a large file.",
            icon="mdi:puzzle-plus-outline",
            fields=required(
                _UPLOAD_ID,
                file(
                    "data",
                    "Part",
                    "The part to send: a media item, or a path that Home Assistant may read.",
                    example="/media/recordings/garden.mp4.001",
                ),
            ),
        ),
        ActionDescription(
            key="complete_upload",
            method="uploads.complete",
            name="Complete an upload in parts",
            description="Makes a file of the parts that were sent.",
            icon="mdi:cloud-check-outline",
            fields=(
                *required(
                    _UPLOAD_ID,
                    texts(
                        "part_ids",
                        "Parts",
                        "Ids of the parts, in their order.",
                        example=["part_1", "part_2"],
                    ),
                ),
                _MD5,
            ),
        ),
        ActionDescription(
            key="cancel_upload",
            method="uploads.cancel",
            name="Cancel an upload in parts",
            description="Drops an upload and the parts that were sent.",
            icon="mdi:cloud-cancel-outline",
            fields=required(_UPLOAD_ID),
        ),
    ),
)
