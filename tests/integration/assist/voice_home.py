"""A home whose conversation, STT and TTS entities use the same service."""

from collections.abc import Awaitable, Callable
import json
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from .answers import SSE, completed, sse, text_events
from .voice import AddService, Satellite, add_pipeline
from .voice_server import ScriptedBody

type AddHome = Callable[..., Awaitable[Satellite]]


def stream(*pieces: Any, end: bool = True) -> ScriptedBody:
    """Return a response that says pieces; a number is a pause, None drops the line."""
    first, *_, last = text_events()
    body: list[Any] = [sse([first])]
    for piece in pieces:
        is_text = isinstance(piece, str)
        body.append(
            sse([{"type": "response.output_text.delta", "delta": piece}]) if is_text else piece
        )
    return ScriptedBody([*body, sse([last, completed()])] if end else body, SSE)


@pytest.fixture
def add_home(hass: HomeAssistant, add_service: AddService) -> AddHome:
    """Return a function that makes a home of one service, and its satellite."""

    async def add(language: str = "en", *, transport: str = "upload", **options: Any) -> Satellite:
        await add_service(
            ("conversation", {"patience": 2, "prompt": "Be brief.", **options}),
            ("stt", {"transport": transport}),
            ("tts", {"patience": 2}),
            timeout=2.0,
        )
        pipeline = await add_pipeline(
            hass, language=language, conversation_language=language, tts_language=language
        )
        return Satellite(hass, pipeline, output={"preferred_format": "wav"})

    return add


def integration_logs(caplog: pytest.LogCaptureFixture) -> str:
    """Return what the integration has logged: Home Assistant itself tells what it speaks."""
    names = ("custom_components.openai_api", "openai", "httpx", "websockets")
    return "\n".join(
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if record.name.startswith(names)
    )


def refused(status: int, message: str, code: str = "") -> ScriptedBody:
    """Return a refusal."""
    body = json.dumps({"error": {"message": message, "code": code}})
    return ScriptedBody(body, "application/json", status)
