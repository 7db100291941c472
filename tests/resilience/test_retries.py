"""What is sent again after something went wrong, and what is not because it may have arrived."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from .raw_server import WHOLE, Script, Step, answer, error
from .raw_server_fixture import RawServerFixture, raw_server_for

SOON = "Retry-After-Ms: 10\r\n"
THING = {
    "results": [{"flagged": False}],
    "id": "thing_1",
    "object": "thing",
    "data": [],
    "status": "idle",
}
# After each of these the request may have arrived.
UNSURE: dict[str, tuple[Script, str]] = {
    "reset": ([Step.RESET], "cannot_connect"),
    "closed": ([Step.CLOSE], "connection_dropped"),
    "reset in the headers": ([WHOLE[:20], 0.02, Step.RESET], "cannot_connect"),
    "closed in the body": ([WHOLE[:-9], Step.CLOSE], "cannot_connect"),
    "not HTTP": ([b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Step.CLOSE], "cannot_connect"),
    "500": ([answer(error(), 500)], "server_error"),
    "500 with a pause": ([answer(error(), 500, SOON)], "server_error"),
    "502": ([answer(b"<html>", 502)], "server_error"),
    "503 without a pause": ([answer(error(), 503)], "server_error"),
    "504": ([answer(b"", 504)], "server_error"),
    "529": ([answer(error(), 529, SOON)], "server_error"),
}
REFUSED: dict[str, Script] = {
    "429": [answer(error(), 429)],
    "429 with a pause": [answer(error(), 429, SOON)],
    "503 with a pause": [answer(error(), 503, SOON)],
    "409": [answer(error(), 409)],
}
PAID: dict[str, dict[str, Any]] = {
    "create_model_response": {},
    "create_chat_completion": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "create_embedding": {"model": "m", "input": "Hi"},
    "create_speech": {"model": "m", "input": "Hi", "voice": "alloy"},
    "create_image": {"prompt": "A cat"},
    "create_vector_store": {},
    "create_realtime_client_secret": {},
}
SAFE: dict[str, dict[str, Any]] = {
    "list_files": {},
    "retrieve_file": {"file_id": "file-1"},
    "delete_file": {"file_id": "file-1"},
    "modify_vector_store": {"vector_store_id": "vs_1", "name": "x"},
    "cancel_batch": {"batch_id": "batch_1"},
    "count_input_tokens": {"model": "m", "input": "Hi"},
    "create_moderation": {"input": "Hi"},
    "search_vector_store": {"vector_store_id": "vs_1", "query": "x"},
}


async def attempt(
    watch: RawServerFixture, script: Script, action: str, data: dict[str, Any]
) -> str | None:
    """Call an action to which a script is played; return the key of its error.

    What is sent again gets a good answer.
    """
    watch.raw.requests.clear()
    watch.raw.scripts.clear()
    watch.raw.play(script, [answer(THING)])
    try:
        await watch.call(action, **data)
    except HomeAssistantError as err:
        return err.translation_key
    return None


@pytest.mark.parametrize("action", PAID)
async def test_paid_request_after_send_is_not_retried(
    action: str, hass: HomeAssistant, media_folder: object, subtests: pytest.Subtests
) -> None:
    async with raw_server_for(hass, max_retries=2) as watch:
        for name, (script, key) in UNSURE.items():
            with subtests.test(name):
                assert await attempt(watch, script, action, PAID[action]) == key
                assert len(watch.raw.requests) == 1


@pytest.mark.parametrize("action", ["create_model_response", "create_speech", "create_image"])
async def test_paid_stream_after_send_is_not_retried(
    action: str, hass: HomeAssistant, media_folder: object, subtests: pytest.Subtests
) -> None:
    stream = {"stream_format": "sse"} if action == "create_speech" else {"stream": True}
    async with raw_server_for(hass, max_retries=2) as watch:
        for name, (script, key) in UNSURE.items():
            if "body" in name:
                continue
            with subtests.test(name):
                assert await attempt(watch, script, action, {**PAID[action], **stream}) == key
                assert len(watch.raw.requests) == 1


async def test_paid_request_timeout_is_not_retried(
    hass: HomeAssistant, media_folder: object
) -> None:
    async with raw_server_for(hass, max_retries=2) as watch:
        data = {"timeout": 0.5}
        assert await attempt(watch, [Step.HOLD], "create_model_response", data) == "timed_out"
        assert len(watch.raw.requests) == 1


@pytest.mark.parametrize("action", ["create_model_response", "create_vector_store"])
async def test_refused_request_is_retried(
    action: str, hass: HomeAssistant, media_folder: object, subtests: pytest.Subtests
) -> None:
    async with raw_server_for(hass, max_retries=2) as watch:
        for name, script in REFUSED.items():
            with subtests.test(name):
                assert await attempt(watch, script, action, PAID[action]) is None
                assert len(watch.raw.requests) == 2


@pytest.mark.parametrize("action", SAFE)
async def test_safe_request_is_retried(
    action: str, hass: HomeAssistant, media_folder: object, subtests: pytest.Subtests
) -> None:
    async with raw_server_for(hass, max_retries=1) as watch:
        for name in ("reset", "closed in the body", "500 with a pause", "503 without a pause"):
            with subtests.test(name):
                assert await attempt(watch, UNSURE[name][0], action, SAFE[action]) is None
                assert len(watch.raw.requests) == 2
        assert all("may-repeat" not in request.headers.lower() for request in watch.raw.requests)


async def test_connect_error_is_retried(hass: HomeAssistant, media_folder: object) -> None:
    """A host that begins to listen between two tries gets the request once."""
    async with raw_server_for(hass, max_retries=2) as watch:
        await watch.raw.stop()

        async def ask() -> Any:
            return await watch.call()

        task = hass.async_create_task(ask())
        await watch.raw.start()
        assert (await task)["id"] == "resp_good"
        assert len(watch.raw.requests) == 1
