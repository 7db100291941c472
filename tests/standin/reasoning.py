"""What OpenAI's reasoning models refuse that its other models take."""

from __future__ import annotations

import re

from .wire import ApiError, Json, invalid

_REASONING = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9](?!\S*-chat))", re.IGNORECASE)


def is_reasoning(model: object) -> bool:
    """Return whether a model reasons before it answers; a provider may stand before its name."""
    return isinstance(model, str) and _REASONING.match(model) is not None


def check_sampling(body: Json, *, is_chat: bool = False) -> None:
    """Refuse sampling parameters at a reasoning model; a chat may name the default temperature."""
    if not is_reasoning(body.get("model")):
        return
    temperature = body.get("temperature")
    if is_chat and temperature not in (None, 1):
        raise invalid(
            f"Unsupported value: 'temperature' does not support {temperature} with this model. "
            "Only the default (1) value is supported.",
            "temperature",
            "unsupported_value",
        )
    if not is_chat and temperature is not None:
        raise _unsupported("temperature")
    if body.get("top_p") is not None:
        raise _unsupported("top_p")


def check_token_limits(body: Json) -> None:
    """Refuse both token limits of a chat completion together, and the old one for reasoning."""
    if body.get("max_tokens") is None:
        return
    if body.get("max_completion_tokens") is not None:
        raise invalid(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        )
    if is_reasoning(body.get("model")):
        raise _unsupported("max_tokens", " Use 'max_completion_tokens' instead.")


def _unsupported(name: str, advice: str = "") -> ApiError:
    """Return the error for a parameter that a model does not take."""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{advice}"
    return invalid(message, name, "unsupported_parameter")
