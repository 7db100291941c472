"""Knows the saved files: which there are, of what kind, and which are none of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
import os
from pathlib import Path
import re
from stat import S_ISREG

from . import guess_type

# Hidden ones are not whole yet; the others could not be named in an address.
_NOT_SHOWN = re.compile(r"^\.|[/\x00-\x1f\ud800-\udfff]")
_UNFINISHED = re.compile(r"\..*\.part")


class Kind(StrEnum):
    """What a saved file is to people."""

    PICTURE = "picture"
    SOUND = "sound"
    VIDEO = "video"
    OTHER = "other"


_KINDS = {"image": Kind.PICTURE, "audio": Kind.SOUND, "video": Kind.VIDEO}


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedFile:
    """A finished file in the folder of saved files."""

    path: Path
    size: int
    """Bytes."""
    modified: float
    """When it was written, in seconds since 1970."""

    @property
    def name(self) -> str:
        """Its name, which is what names it in media items and addresses, too."""
        return self.path.name

    @property
    def content_type(self) -> str:
        """The content type, which its name tells."""
        return guess_type(self.name)

    @property
    def kind(self) -> Kind:
        """What it is to people."""
        return _KINDS.get(self.content_type.partition("/")[0], Kind.OTHER)


def list_saved(folder: Path) -> list[SavedFile]:
    """Return the finished files of the folder, the newest first; blocks."""
    found = [file for entry in _scan(folder) if (file := _saved(entry.name, entry)) is not None]
    found.sort(key=lambda file: (file.modified, file.name), reverse=True)
    return found


def find_saved(folder: Path, name: str) -> SavedFile | None:
    """Return the finished file of that name, if there is one; blocks."""
    return _saved(name, folder / name) if name else None


def list_unfinished(folder: Path) -> list[SavedFile]:
    """Return the files that are being written, or were when Home Assistant ended; blocks."""
    names = (entry for entry in _scan(folder) if _UNFINISHED.fullmatch(entry.name))
    return [file for entry in names if (file := _described(entry)) is not None]


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in the folder; nothing if there is none yet."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError, NotADirectoryError:
        return


def _saved(name: str, entry: os.DirEntry[str] | Path) -> SavedFile | None:
    """Return a file that is finished and lies in the folder itself."""
    return None if _NOT_SHOWN.search(name) else _described(entry)


def _described(entry: os.DirEntry[str] | Path) -> SavedFile | None:
    """Return a plain file; what a link leads to is none of ours, what is gone is nothing."""
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError, ValueError:
        return None
    if not S_ISREG(found.st_mode):
        return None
    return SavedFile(path=Path(entry), size=found.st_size, modified=found.st_mtime)
