"""Drive the stand-in's other areas with the real SDK."""

from __future__ import annotations

from openai import (
    AsyncOpenAI,
    NotFoundError,
)
import pytest

pytest_plugins = ["tests.standin.sdk"]

# Models


async def test_models(client: AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert "gpt-5" in names
    assert (await client.models.retrieve("gpt-5")).owned_by == "system"
    with pytest.raises(NotFoundError) as caught:
        await client.models.retrieve("gpt-0")
    assert caught.value.code == "model_not_found"
    tuned = next(name for name in names if name.startswith("ft:"))
    assert (await client.models.delete(tuned)).deleted
    with pytest.raises(NotFoundError):
        await client.models.delete(tuned)
