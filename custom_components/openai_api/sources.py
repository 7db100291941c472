"""Finds the local files that actions send, without reading them whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .errors import refusal
from .files import guess_type


@dataclass(frozen=True, kw_only=True)
class Source:
    """A local file that may be sent."""

    path: Path
    content_type: str
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return a piece of the file; blocks."""
        with _readable(self.path), self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)


async def async_locate(hass: HomeAssistant, item: Mapping[str, str], largest: int) -> Source:
    """Return the file that a field names, of `largest` bytes at most.

    Raises a translated error naming what is wrong with it.
    """
    identifier, content_type = item["id"], item.get("content_type")
    if media_source.is_media_source_id(identifier):
        try:
            media = await media_source.async_resolve_media(hass, identifier, None)
        except HomeAssistantError, AssertionError:
            # The local media source insists on knowing the type of a file.
            raise refusal("media_not_found", media=identifier) from None
        if media.path is None:
            raise refusal("media_not_local", media=identifier)
        path, content_type = media.path, content_type or media.mime_type
        is_allowed = True
    else:
        path, is_allowed = Path(hass.config.path(identifier)), False
    size = await hass.async_add_executor_job(_check, hass, path, is_allowed, largest)
    return Source(path=path, content_type=content_type or guess_type(path.name), size=size)


def _check(hass: HomeAssistant, path: Path, is_allowed: bool, largest: int) -> int:
    """Return the size of a file that may be sent; raises a translated error for any other."""
    # Asked first, so that nobody learns what lies in places that are none of their business.
    if not is_allowed and not hass.config.is_allowed_path(str(path)):
        raise refusal("path_not_allowed", path=path)
    with _readable(path):
        if path.is_dir():
            raise refusal("path_is_folder", path=path)
        with path.open("rb"):
            size = path.stat().st_size
    if size == 0:
        raise refusal("file_empty", path=path)
    if size > largest:
        raise refusal("file_too_large", path=path, limit=largest // 1024**2)
    return size


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say that a file cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise refusal("file_missing", path=path) from None
    except OSError as err:
        raise refusal("file_unreadable", path=path, message=err.strerror or str(err)) from None
