"""Puts into a payload what other actions and files contribute to it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from . import PAYLOADS
from .case import From, Sample


async def resolve(
    value: Any,
    call: Callable[[str, dict[str, Any]], Awaitable[Any]],
    files: Path,
    made: dict[str, Any] | None = None,
) -> Any:
    """Return a payload, or a part of one, with what `call` answers and the paths of `files`.

    What one action answered serves the whole payload: an id, and that of its parent.
    """
    made = {} if made is None else made
    match value:
        case Sample():
            return str(files / value.name)
        case From():
            maker = f"{value.action} {value.changes}"
            if maker not in made:
                data = {**PAYLOADS[value.action].data, **value.changes}
                made[maker] = await call(value.action, await resolve(data, call, files, made))
            answer = made[maker]
            for part in value.key.split("."):
                answer = answer[int(part) if part.isdecimal() else part]
            return answer
        case dict():
            return {key: await resolve(item, call, files, made) for key, item in value.items()}
        case list():
            return [await resolve(item, call, files, made) for item in value]
    return value
