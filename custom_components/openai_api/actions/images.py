"""Images: draw, change and vary pictures."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, FieldDescription, advanced, required
from ..streaming.accumulators import FinalEventsAccumulator
from ..types import ModelKind
from . import validators as check
from .common_fields import MODEL, SAFETY_IDENTIFIER, STREAM, USER
from .fields import _FILE_SELECTOR, choice, file, integer, json_object, long_text

_MODEL = replace(MODEL, example="gpt-image-1", nullable=True)
_PROMPT = long_text(
    "prompt",
    "Prompt",
    "What the picture should show.",
    example="A watercolour of a small house under a starry sky",
)
_FILE_TEXT = "a media item, or a path that Home Assistant may read."
_IMAGE = file("image", "Picture", f"The picture to start from: {_FILE_TEXT}")
_N = integer("n", "Number of pictures", "How many pictures to make.", low=1, high=10, nullable=True)
_BACKGROUND = choice(
    "background",
    "Background",
    "Whether the background is see-through.",
    ("transparent", "opaque", "auto"),
    nullable=True,
)
_OUTPUT_FORMAT = choice(
    "output_format",
    "File format",
    "The kind of picture file.",
    ("png", "jpeg", "webp", "gif", "svg"),
    nullable=True,
)
_COMPRESSION = integer(
    "output_compression",
    "Detail",
    "How much detail a JPEG or WebP file keeps; 100 is the most.",
    high=100,
    unit="%",
    nullable=True,
)
_PARTIAL = integer(
    "partial_images",
    "Previews",
    "How many unfinished pictures to send while streaming.",
    high=3,
    nullable=True,
)
_RESPONSE_FORMAT = choice(
    "response_format",
    "Response format",
    "Older models: as an address that lasts an hour (url), or as the picture itself (b64_json).",
    ("url", "b64_json"),
    nullable=True,
)


_NEWER = (
    choice(
        "complexity",
        "Complexity",
        "How much a drawing in the format svg may hold.",
        ("low", "medium", "high"),
        nullable=True,
    ),
    integer(
        "frame_count", "Frames", "How many frames an animated picture has.", low=1, nullable=True
    ),
    integer(
        "frame_duration_ms",
        "Frame duration",
        "How long each frame of an animated picture is shown.",
        low=1,
        unit="ms",
        nullable=True,
    ),
    json_object(
        "svg",
        "SVG",
        "The model that draws in the format svg, and how hard it thinks.",
        example={"model": "gpt-5-mini"},
        nullable=True,
    ),
    SAFETY_IDENTIFIER,
)


def _size(*options: str) -> FieldDescription:
    """Return the field for the size of the picture."""
    return choice(
        "size", "Size", "Width and height of the picture in pixels.", options, nullable=True
    )


def _quality(*options: str) -> FieldDescription:
    """Return the field for the quality of the picture."""
    return choice(
        "quality", "Quality", "More quality takes longer and costs more.", options, nullable=True
    )


ACTION_GROUP = ActionGroup(
    key="images",
    name="Images",
    actions=(
        ActionDescription(
            key="create_image",
            method="images.generate",
            name="Draw a picture",
            description="Draws a picture with OpenAI from a description (image generation) and saves it in the media folder.",
            icon="mdi:image-plus-outline",
            model_kind=ModelKind.IMAGE,
            fields=(
                *required(_PROMPT),
                _MODEL,
                _size("auto", "1024x1024", "1536x1024", "1024x1536", "1792x1024", "1024x1792"),
                _quality("low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"),
                _N,
                STREAM,
                *advanced(
                    _BACKGROUND,
                    _OUTPUT_FORMAT,
                    _COMPRESSION,
                    _PARTIAL,
                    choice(
                        "moderation",
                        "Moderation",
                        "How strictly the service checks the picture.",
                        ("low", "auto"),
                        nullable=True,
                    ),
                    choice(
                        "style",
                        "Style",
                        "Older models: dramatic (vivid) or plain (natural).",
                        ("vivid", "natural"),
                        nullable=True,
                    ),
                    _RESPONSE_FORMAT,
                    USER,
                    *_NEWER,
                ),
            ),
            accumulator=lambda: FinalEventsAccumulator("image_generation.completed"),
            handler="images.async_create_images",
        ),
        ActionDescription(
            key="create_image_edit",
            method="images.edit",
            name="Draw on a picture",
            description="Changes pictures with OpenAI as described (image edit) and saves the result in the media folder.",
            icon="mdi:image-edit-outline",
            model_kind=ModelKind.IMAGE,
            fields=(
                *required(
                    replace(
                        _IMAGE,
                        name="Pictures",
                        description=f"One picture or several to start from: {_FILE_TEXT}",
                        validator=check.file_or_files,
                        selector={"media": {"accept": ["image/*"], "multiple": True}},
                    ),
                    replace(_PROMPT, example="Add a snowman in front of the house"),
                ),
                replace(
                    _IMAGE,
                    key="mask",
                    name="Mask",
                    description="A PNG whose see-through parts are the ones to change.",
                    selector=_FILE_SELECTOR,
                ),
                _MODEL,
                _size("auto", "256x256", "512x512", "1024x1024", "1536x1024", "1024x1536"),
                _quality("low", "medium", "high", "xhigh", "max", "auto", "standard"),
                _N,
                STREAM,
                *advanced(
                    choice(
                        "input_fidelity",
                        "Input fidelity",
                        "How closely faces and other details of the picture are kept.",
                        ("high", "low"),
                        nullable=True,
                    ),
                    _BACKGROUND,
                    _OUTPUT_FORMAT,
                    _COMPRESSION,
                    _PARTIAL,
                    _RESPONSE_FORMAT,
                    USER,
                    replace(
                        _IMAGE,
                        key="markup",
                        name="Marks",
                        description="A PNG with marks, laid over the first picture. Not together with a mask.",
                    ),
                    *_NEWER,
                ),
            ),
            accumulator=lambda: FinalEventsAccumulator("image_edit.completed"),
            handler="images.async_create_images",
        ),
        ActionDescription(
            key="create_image_variation",
            method="images.create_variation",
            name="Draw a variation of a picture",
            description="Makes another picture like this one and saves it in the media folder.",
            icon="mdi:image-multiple-outline",
            fields=(
                *required(_IMAGE),
                replace(_MODEL, example="dall-e-2"),
                _size("256x256", "512x512", "1024x1024"),
                _N,
                *advanced(_RESPONSE_FORMAT, USER),
            ),
            handler="images.async_create_images",
        ),
    ),
)
