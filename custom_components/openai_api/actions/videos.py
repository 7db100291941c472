"""Videos: let a host film what you describe."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..action import (
    ActionDescription,
    ActionGroup,
    FieldDescription,
    Permission,
    ResponseKind,
    get_action,
    list_action,
    required,
)
from ..handlers.videos import REFERENCE
from ..media.multipart import async_encode_uploads
from ..object_types import VIDEO
from . import validators as check
from .common_fields import MODEL, PAGING
from .fields import choice, file, identifier, long_text, text
from .object_fields_storage import video_source

VIDEO_ID = identifier("video_id", "Video", "Id of the video.", example="video_123")


def _file_or_reference(value: Any) -> dict[str, Any]:
    """Accept a file, or an object that names what the host has already."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = check.json_object(value)
    if isinstance(value, Mapping) and "media_content_id" not in value:
        return {REFERENCE: check.json_object(value)}
    return check.file(value)


def _prompt(description: str, **rest: Any) -> FieldDescription:
    """Return the field for the words that the video follows."""
    return long_text("prompt", "Prompt", description, **rest)


def _seconds(description: str, *options: str) -> FieldDescription:
    """Return the field for the length of the video."""
    return choice("seconds", "Length", description, options)


_SOURCE = replace(
    video_source(
        "video",
        "Video",
        "A finished video by its id, or a video file: a media item, or a path that Home Assistant may read.",
        example={"id": "video_123"},
    ),
    validator=_file_or_reference,
    file=True,
    encode=async_encode_uploads,
)
_CREATE_FIELDS = (
    *required(
        _prompt("What the video should show.", example="A paper boat sails through the living room")
    ),
    replace(MODEL, example="sora-2"),
    _seconds("How many seconds the video lasts.", "4", "8", "12"),
    choice(
        "size",
        "Size",
        "Width and height of the video in pixels.",
        ("720x1280", "1280x720", "1024x1792", "1792x1024"),
    ),
    replace(
        file(
            "input_reference",
            "First picture",
            "A picture to begin with: a media item, a path that Home Assistant may read, or an object with a file_id or an image_url.",
            example="/media/living_room.png",
        ),
        validator=_file_or_reference,
        selector={"media": {"accept": ["image/*"]}},
    ),
)
_CHARACTER_ID = identifier("character_id", "Character", "Id of the character.", example="char_123")

ACTION_GROUP = ActionGroup(
    key="videos",
    name="Videos",
    actions=(
        ActionDescription(
            key="create_video",
            method="videos.create",
            name="Create a video (retired)",
            description="Starts a video of what you describe. It is made at the service, which takes minutes.",
            icon="mdi:video-plus-outline",
            fields=_CREATE_FIELDS,
            handler="videos.async_make_video",
        ),
        ActionDescription(
            key="create_and_poll_video",
            method="videos.create",
            name="Create a video and wait (retired)",
            description="Starts a video of what you describe and waits until it is finished.",
            icon="mdi:video-check-outline",
            fields=_CREATE_FIELDS,
            handler="videos.async_make_video",
            poll=VIDEO,
        ),
        get_action(
            key="get_video",
            method="videos.retrieve",
            name="Get a video (retired)",
            description="Returns how far a video is.",
            icon="mdi:video-outline",
            fields=required(VIDEO_ID),
            watch_as=VIDEO,
        ),
        ActionDescription(
            key="poll_video",
            method="videos.retrieve",
            name="Wait for a video (retired)",
            description="Waits until a video is finished.",
            icon="mdi:movie-check-outline",
            fields=required(VIDEO_ID),
            has_body=False,
            poll=VIDEO,
        ),
        list_action(
            key="list_videos",
            method="videos.list",
            name="List videos (retired)",
            description="Returns the videos that are kept at the service.",
            icon="mdi:filmstrip-box-multiple",
            fields=PAGING,
        ),
        ActionDescription(
            key="delete_video",
            method="videos.delete",
            name="Delete a video (retired)",
            description="Deletes a video at the service.",
            icon="mdi:video-minus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(VIDEO_ID),
            has_body=False,
        ),
        ActionDescription(
            key="create_video_character",
            method="videos.create_character",
            name="Create a video character (retired)",
            description="Makes a character out of a video, to appear in other ones.",
            icon="mdi:account-plus-outline",
            fields=required(
                text("name", "Name", "What the character is called.", example="Rex"),
                replace(
                    file(
                        "video",
                        "Video file",
                        "A video of the character: a media item, or a path that Home Assistant may read.",
                        example="/media/rex.mp4",
                    ),
                    selector={"media": {"accept": ["video/*"]}},
                ),
            ),
        ),
        ActionDescription(
            key="download_video_content",
            method="videos.download_content",
            name="Download a video (retired)",
            description="Saves a finished video in the media folder.",
            icon="mdi:movie-outline",
            fields=(
                *required(VIDEO_ID),
                choice(
                    "variant",
                    "Variant",
                    "The video itself, a small picture of it, or many of them on one sheet.",
                    ("video", "thumbnail", "spritesheet"),
                ),
            ),
            response=ResponseKind.FILE,
            has_body=False,
        ),
        ActionDescription(
            key="edit_video",
            method="videos.edit",
            name="Edit a video (retired)",
            description="Starts a new video that changes another one as described.",
            icon="mdi:movie-edit-outline",
            fields=required(_prompt("What to change.", example="Make it snow"), _SOURCE),
            handler="videos.async_make_video",
        ),
        ActionDescription(
            key="extend_video",
            method="videos.extend",
            name="Extend a video (retired)",
            description="Starts a new video that goes on where another one ends.",
            icon="mdi:movie-plus-outline",
            fields=required(
                _prompt("What happens next.", example="The boat reaches the kitchen"),
                _seconds("How many seconds to add.", "4", "8", "12", "16", "20"),
                _SOURCE,
            ),
            handler="videos.async_make_video",
        ),
        get_action(
            key="get_video_character",
            method="videos.get_character",
            name="Get a video character (retired)",
            description="Returns the name of a video character.",
            icon="mdi:account-box-outline",
            fields=required(_CHARACTER_ID),
        ),
        ActionDescription(
            key="remix_video",
            method="videos.remix",
            name="Remix a video (retired)",
            description="Starts a new video that resembles a finished one.",
            icon="mdi:movie-cog-outline",
            fields=required(
                VIDEO_ID, _prompt("What shall be different.", example="At night, with lanterns")
            ),
        ),
    ),
)
