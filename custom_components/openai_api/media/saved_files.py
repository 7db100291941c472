"""The index of the saved files, and their names."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
import os
from pathlib import Path
import re
from stat import S_ISREG
from typing import Self

from homeassistant.util import dt as dt_util

from .media_types import fit_suffix, guess_type, is_media

# Hidden files are unfinished; other names cannot be part of a URL.
_NOT_SHOWN = re.compile(r"^\.|[/\x00-\x1f\ud800-\udfff]")
_UNFINISHED = re.compile(r"\..*\.part")


# Characters that are not safe in every file system and URL.
_UNSAFE_CHARACTERS = re.compile(r"[^\w.()-]+")
_MAX_NAME_CHARACTERS = 120
_MOMENT = "%Y-%m-%d_%H-%M-%S"
# The default name of a file: its action and the time.
_BY_ACTION = re.compile(
    r"(?P<source>\w+?)_(?P<moment>\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:-\d{6})?", re.ASCII
)
# The id of an image generation call.
_IMAGE_CALL = re.compile(r"ig_\w+", re.ASCII)
_NUMBERED = re.compile(r"(?P<stem>.+) \((?P<number>\d+)\)")
# Types that no browser executes.
_HARMLESS = frozenset(
    {
        "application/gzip",
        "application/json",
        "application/jsonl",
        "application/octet-stream",
        "application/pdf",
        "application/x-tar",
        "application/zip",
        "text/csv",
        "text/plain",
    }
)


@dataclass(frozen=True, kw_only=True)
class SavedFileName:
    """The name of a saved file: made for a new one, or parsed."""

    stem: str
    """Without the number."""
    suffix: str
    """With its dot."""
    number: int = 1
    """In parentheses after the stem, from the second file with the same name on."""
    source_action: str | None = None
    """The action in a default name."""
    moment: datetime | None = None
    """The time in a default name, in local time without a zone."""
    is_image_call: bool = False
    """Whether it is the id of an image generation call."""

    @classmethod
    def make(cls, name: str | None, source_action: str, media_type: str) -> Self:
        """Return a name that stays inside the folder and has the suffix of the content.

        `name` is the requested one; without it, the action and the time are the name.
        """
        # Only the last part counts, of Windows paths, too.
        safe = _UNSAFE_CHARACTERS.sub("_", re.split(r"[\\/]", name or "")[-1]).strip("._ ")
        safe = safe[:_MAX_NAME_CHARACTERS]
        if not safe:
            safe = f"{source_action}_{dt_util.now().strftime(_MOMENT)}"
        path = Path(safe)
        stem, suffix = fit_suffix(path.stem, path.suffix, media_type)
        return cls(stem=stem, suffix=suffix)

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse the name of a saved file."""
        path = Path(name)
        stem, number = path.stem, 1
        if (numbered := _NUMBERED.fullmatch(stem)) is not None:
            stem, number = numbered["stem"], int(numbered["number"])
        parsed = cls(stem=stem, suffix=path.suffix, number=number)
        if _IMAGE_CALL.fullmatch(stem):
            return replace(parsed, is_image_call=True)
        if (made := _BY_ACTION.fullmatch(stem)) is not None:
            with suppress(ValueError):
                moment = datetime.strptime(made["moment"], _MOMENT)  # noqa: DTZ007
                return replace(parsed, source_action=made["source"], moment=moment)
        return parsed

    def fitted(self, number: int, length: int = 255) -> str:
        """Return the file name with a number, of at most `length` bytes."""
        tail = f" ({number}){self.suffix}" if number > 1 else self.suffix
        room = max(length - len(tail.encode()), 1)
        # A character that does not fit is left out.
        stem = self.stem.encode()[:room].decode(errors="ignore")
        return f"{stem}{tail}"

    def harmless(self) -> Self:
        """Return a name with which no browser executes the file."""
        media_type = guess_type(f"x{self.suffix}")
        if media_type in _HARMLESS or (is_media(media_type) and media_type != "image/svg+xml"):
            return self
        return replace(self, stem=self.stem + self.suffix, suffix=".txt")


class Kind(StrEnum):
    """The kinds of saved files."""

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
    """The Unix timestamp of the last write."""

    @property
    def name(self) -> str:
        """The file name, which is also the identifier of the media item."""
        return self.path.name

    @property
    def content_type(self) -> str:
        """The content type by the suffix."""
        return guess_type(self.name)

    @property
    def kind(self) -> Kind:
        """The kind of file."""
        return _KINDS.get(self.content_type.partition("/")[0], Kind.OTHER)


def list_saved(folder: Path) -> list[SavedFile]:
    """Return the finished files of the folder, the newest first; blocks."""
    files = [file for entry in _scan(folder) if (file := _saved(entry.name, entry)) is not None]
    files.sort(key=lambda file: (file.modified, file.name), reverse=True)
    return files


def find_saved(folder: Path, name: str) -> SavedFile | None:
    """Return the finished file of that name, if there is one; blocks."""
    return _saved(name, folder / name) if name else None


def list_unfinished(folder: Path) -> list[SavedFile]:
    """Return the files that are being written, or were when Home Assistant ended; blocks."""
    names = (entry for entry in _scan(folder) if _UNFINISHED.fullmatch(entry.name))
    return [file for entry in names if (file := _described(entry)) is not None]


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of the folder; none if it does not exist."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError, NotADirectoryError:
        return


def _saved(name: str, entry: os.DirEntry[str] | Path) -> SavedFile | None:
    """Return a finished file of the folder."""
    return None if _NOT_SHOWN.search(name) else _described(entry)


def _described(entry: os.DirEntry[str] | Path) -> SavedFile | None:
    """Return a regular file; None for links, directories and missing files."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError, ValueError:
        return None
    if not S_ISREG(status.st_mode):
        return None
    return SavedFile(path=Path(entry), size=status.st_size, modified=status.st_mtime)
