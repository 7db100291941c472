"""Stands in for what Home Assistant's voice imports and no test uses, where it is not installed.

Home Assistant itself installs it before it sets up the component: tags of MP3 files, ffmpeg,
and the loudness of a microphone.
"""

import importlib.util
import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock


class _Version:
    """Does what a test has it do."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take whatever it is given."""


_NAMES = {
    "haffmpeg": {},
    "haffmpeg.core": {"HAFFmpeg": object},
    "haffmpeg.tools": {"IMAGE_JPEG": "", "FFVersion": _Version, "ImageFrame": MagicMock},
    "mutagen": {"MutagenError": OSError, "File": lambda _: None},
    "mutagen.id3": dict.fromkeys(("TALB", "TIT2", "TPE1", "Encoding"), MagicMock),
    "pymicro_vad": {"MicroVad": MagicMock},
    "pyspeex_noise": {"AudioProcessor": MagicMock},
}


def _add() -> None:
    """Add the modules that are missing."""
    missing = {
        name for name in _NAMES if "." not in name and importlib.util.find_spec(name) is None
    }
    for name, contents in _NAMES.items():
        if name.partition(".")[0] in missing:
            module: Any = ModuleType(name)
            vars(module).update(contents)
            module.__path__ = []
            sys.modules[name] = module


_add()
