"""What is made is seen: on a dashboard, and in the media browser."""

from pathlib import Path

import pytest

from .home_assistant import RecordingHomeAssistant

pytestmark = pytest.mark.usefixtures("entry")


async def test_newest_image_in_dashboard_and_media_browser(ha: RecordingHomeAssistant) -> None:
    """The newest picture is on the dashboard, and in the media browser under its kind."""
    data = {"model": "gpt-image-1", "prompt": "A red ball", "size": "64x64"}
    saved = (await ha.call("create_image", data))["media"][0]

    states = await ha.rest("GET", "/api/states")
    (state,) = [
        state
        for state in states
        if state["entity_id"].startswith("image.")
        and state["attributes"].get("media_content_id") == saved["media_content_id"]
    ]
    content_type, content = await ha.download(state["attributes"]["entity_picture"])
    assert content_type == "image/png"
    assert content == Path(saved["path"]).read_bytes()

    async def browse(media_content_id: str) -> list[dict[str, str]]:
        found = await ha.command("media_source/browse_media", media_content_id=media_content_id)
        children: list[dict[str, str]] = found["children"]
        return children

    kinds = await browse("media-source://openai_api")
    (pictures,) = [child for child in kinds if child["title"] == "Pictures"]
    newest = (await browse(pictures["media_content_id"]))[0]
    assert newest["media_content_id"] == saved["media_content_id"]
    assert newest["title"].startswith("Picture · ")
