"""Voices: have a host speak in a voice of your own."""

from dataclasses import replace

from ..model import Action, Family, Permission, advanced, required
from .audio import AUDIO_FILE
from .fields import choice, long_text, text
from .shared import MODEL

FAMILY = Family(
    key="voices",
    name="Voices",
    actions=(
        Action(
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
    ),
)
