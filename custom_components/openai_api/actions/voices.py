"""Voices: have a host speak in a voice of your own."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    advanced,
    get_action,
    list_action,
    required,
)
from .audio import AUDIO_FILE
from .common_fields import AFTER, LIMIT, MODEL
from .fields import choice, identifier, long_text, text

_CONSENT_ID = identifier(
    "consent_id", "Consent", "Id of the recording of a consent.", example="cons_123"
)
_CONSENT_NAME = text(
    "name", "Name", "What the recording is called.", example="Consent of the butler"
)

ACTION_GROUP = ActionGroup(
    key="voices",
    name="Voices",
    actions=(
        ActionDescription(
            key="create_voice",
            method="audio.voices.create",
            name="Create a voice",
            description="Makes a new voice, from a recording or from a description.",
            icon="mdi:account-music-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(text("name", "Name", "What the voice is called.", example="Butler")),
                choice(
                    "type",
                    "Made from",
                    "Whether the voice is made from a recording (audio_sample) or a description (prompt).",
                    ("audio_sample", "prompt"),
                ),
                replace(
                    AUDIO_FILE,
                    key="audio_sample",
                    name="Recording",
                    description="The voice to imitate: a media item, or a path that Home Assistant may read.",
                    example="/media/voice_sample.wav",
                    selector={"media": {"accept": ["audio/*"]}},
                ),
                text(
                    "consent",
                    "Consent",
                    "Id of the recording in which the speaker agrees. Goes with a recording.",
                    example="cons_123",
                ),
                long_text(
                    "prompt",
                    "Description",
                    "What the voice sounds like. Instead of a recording.",
                    example="An old butler, calm and dry",
                ),
                *advanced(
                    replace(MODEL, example="auto"),
                    long_text(
                        "script_hint",
                        "Trial text",
                        "What the voice says while it is made from a description.",
                    ),
                ),
            ),
        ),
        ActionDescription(
            key="delete_voice",
            method="audio.voices.delete",
            name="Delete a voice",
            description="Deletes a voice that was made at the service.",
            icon="mdi:account-music",
            permission=Permission.ADMINISTRATORS,
            fields=required(
                identifier("voice_id", "Voice", "Id of the voice.", example="voice_123")
            ),
            has_body=False,
        ),
        ActionDescription(
            key="create_voice_consent",
            method="audio.voice_consents.create",
            name="Upload a voice consent",
            description="Sends a recording in which a speaker agrees to the imitation of the voice.",
            icon="mdi:account-check-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(
                _CONSENT_NAME,
                text(
                    "language",
                    "Language",
                    "The language that is spoken, such as en-US.",
                    example="en-US",
                ),
                replace(
                    AUDIO_FILE,
                    key="recording",
                    name="Recording",
                    selector={"media": {"accept": ["audio/*"]}},
                ),
            ),
        ),
        list_action(
            key="list_voice_consents",
            method="audio.voice_consents.list",
            name="List voice consents",
            description="Returns the consents that are kept at the service.",
            icon="mdi:account-multiple-check-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(AFTER, LIMIT),
        ),
        get_action(
            key="get_voice_consent",
            method="audio.voice_consents.retrieve",
            name="Get a voice consent",
            description="Returns what a consent is called, and its language.",
            icon="mdi:account-check",
            permission=Permission.ADMINISTRATORS,
            fields=required(_CONSENT_ID),
        ),
        ActionDescription(
            key="modify_voice_consent",
            method="audio.voice_consents.update",
            name="Update a voice consent",
            description="Changes what a consent is called.",
            icon="mdi:account-edit-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_CONSENT_ID, _CONSENT_NAME),
        ),
        ActionDescription(
            key="delete_voice_consent",
            method="audio.voice_consents.delete",
            name="Delete a voice consent",
            description="Deletes the recording of a consent.",
            icon="mdi:account-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_CONSENT_ID),
            has_body=False,
        ),
    ),
)
