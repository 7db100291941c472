"""Activity entries of connections, as the Activity page shows them."""

import asyncio
from datetime import UTC, datetime

from .home_assistant import RecordingHomeAssistant

LINES = [
    "is opening the connection logged",
    "has opened the connection logged",
    "has closed the connection logged",
]


async def test_logbook_connection_entries(ha: RecordingHomeAssistant, first_entry: str) -> None:
    events = await ha.socket.subscribe(
        "logbook/event_stream", start_time=datetime.now(UTC).isoformat()
    )
    for action in ("connect", "close"):
        await ha.call(
            "manage_model_response_websocket",
            {"action": action, "connection_id": "logged", "config_entry_id": first_entry},
        )

    def told() -> list[str]:
        """Return the lines so far."""
        return [
            line["message"]
            for batch in events
            for line in batch["events"]
            if line.get("domain") == "openai_api" and "logged" in line.get("message", "")
        ]

    async with asyncio.timeout(20):
        while len(told()) < len(LINES):
            await asyncio.sleep(0.1)
    assert told() == LINES
