"""Types that every layer shares."""

from enum import StrEnum
from typing import Any

type Json = dict[str, Any]


class ModelKind(StrEnum):
    """What a model is asked for; the keys of the entry's option `default_models`."""

    CHAT = "chat"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    EMBEDDING = "embedding"
    REALTIME = "realtime"
