"""Encodes what is sent over a WebSocket."""

from collections.abc import Mapping
from typing import Any

import orjson

from ..exceptions import validation_error


def encode(event: Mapping[str, Any]) -> str:
    """Return an event as it is sent: a JSON text.

    Raises ServiceValidationError "invalid_arguments" for what JSON cannot hold.
    """
    try:
        return orjson.dumps(event).decode()
    except TypeError as err:
        raise validation_error("invalid_arguments", message=str(err)) from None
