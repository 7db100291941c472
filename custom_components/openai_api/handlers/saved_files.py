"""Deletes saved files on demand."""

from datetime import UTC, datetime

from homeassistant.components import media_source

from ..action import ActionCall
from ..const import DOMAIN
from ..exceptions import validation_error
from ..media.cleanup import RetentionPolicy, async_clean_up, total_size
from ..media.saved_files import Kind, SavedFile
from ..types import Json


async def async_tidy_up(request: ActionCall) -> Json:
    """Delete the saved files that exceed the limits in the fields.

    Returns `{"deleted": [file, …], "count": …, "freed": …, "left": …, "left_size": …, "dry_run":
    …}`, sizes in bytes, and of each file `{"media_content_id": …, "media_content_type": …, "name":
    …, "kind": …, "size": …, "saved_at": …}`, `saved_at` in ISO 8601 (UTC). Raises
    ServiceValidationError "tidy_up_without_limit", and what `media.cleanup.async_clean_up` raises.
    """
    data = request.data
    limits = RetentionPolicy(
        days=data.get("older_than_days"),
        megabytes=data.get("keep_megabytes"),
        kinds=frozenset(map(Kind, data.get("kinds") or Kind)),
    )
    if limits.days is None and limits.megabytes is None:
        raise validation_error("tidy_up_without_limit")
    is_trial = bool(data.get("dry_run"))
    result = await async_clean_up(request.hass, limits, is_trial=is_trial)
    return {
        "deleted": [_described(file) for file in result.deleted],
        "count": len(result.deleted),
        "freed": total_size(result.deleted),
        "left": len(result.left),
        "left_size": total_size(result.left),
        "dry_run": is_trial,
    }


def _described(file: SavedFile) -> Json:
    """Return what the action says of a deleted file."""
    return {
        "media_content_id": media_source.generate_media_source_id(DOMAIN, file.name),
        "media_content_type": file.content_type,
        "name": file.name,
        "kind": file.kind,
        "size": file.size,
        "saved_at": datetime.fromtimestamp(file.modified, UTC).isoformat(timespec="seconds"),
    }
