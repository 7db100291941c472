"""A 401 asks for another key only where the key itself is refused."""

from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN
from tests.resilience.raw_server import RawServer, answer, error
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call, add_entry, entry_data
from .streaming.conftest import raw as raw  # noqa: PLC0414

ASK = {"model": "m-1", "input": "Hello"}


def refused(path: str) -> Fault:
    """Return a 401 as a gateway passes it on from its provider."""
    message = "AuthenticationError: OpenAIException - Incorrect API key provided: sk-prov***"
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "401"}
    return Fault(path=path, status=401, body={"error": error})


def reauth_flows(hass: HomeAssistant) -> list[Any]:
    """Return the reauthentication flows of the integration that are open."""
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return [flow for flow in flows if flow["context"]["source"] == SOURCE_REAUTH]


def reauth_issues(hass: HomeAssistant) -> list[str]:
    """Return the ids of the repair issues that ask for a key."""
    return [key for _, key in ir.async_get(hass).issues if key.startswith("config_entry_reauth")]


@pytest.mark.parametrize("style", ["bearer", "header", "query"])
async def test_reauth_not_started_for_refused_key_of_provider(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call, style: str
) -> None:
    await add_entry(hass, entry_data(standin, style))
    standin.fail(refused("/responses"))
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", **ASK)
    await hass.async_block_till_done()

    assert caught.value.translation_key == "auth_failed"
    assert not reauth_flows(hass)
    assert not reauth_issues(hass)
    lists = [request for request in standin.requests if request.path.endswith("/models")][-2:]
    assert len(lists) == 2


@pytest.mark.parametrize(
    ("status", "is_started"),
    [(401, True), (403, True), (404, True), (200, False), (503, False)],
    ids=["refused", "forbidden", "no-list", "listed", "down"],
)
async def test_reauth_started_by_list_of_models(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    status: int,
    is_started: bool,
) -> None:
    standin.fail(refused("/responses"))
    if status != 200:
        standin.fail(Fault(path="/models", status=status, body={"error": {"message": "no"}}))
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", **ASK)
    await hass.async_block_till_done()

    assert bool(reauth_flows(hass)) is is_started
    assert bool(reauth_issues(hass)) is is_started


MODELS = answer({"object": "list", "data": [{"id": "m-1", "object": "model"}]})


async def refuse(hass: HomeAssistant, raw: RawServer, call: Call, words: str) -> None:
    """Ask a host that gives its list of models to anybody, and refuses the question."""
    raw.play([answer(error(words), 401)], [MODELS], [MODELS])
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", **ASK)
    await hass.async_block_till_done()

    assert caught.value.translation_key == "auth_failed"
    paths = [request.line.split()[1] for request in raw.requests]
    assert paths == ["/v1/responses", "/v1/models", "/v1/models"]


@pytest.mark.parametrize(
    ("words", "is_started"),
    [
        ("User not found.", True),
        ("Incorrect API key provided: sk-abc***", True),
        ("No cookie auth credentials found", True),
        ("litellm.AuthenticationError: OpenAIException - Incorrect API key: sk-prov***", False),
        ("AuthenticationError: AzureException - Access denied", False),
        ("Provider returned error: 401 No auth credentials found", False),
        ("upstream error: invalid x-api-key", False),
        ("Incorrect API key. Received Model Group=gpt-4o", False),
    ],
)
async def test_reauth_with_public_list_of_models(
    hass: HomeAssistant, raw: RawServer, call: Call, words: str, is_started: bool
) -> None:
    """The list tells nothing there, but the words may tell whose key was refused."""
    await refuse(hass, raw, call, words)

    assert bool(reauth_flows(hass)) is is_started
    assert bool(reauth_issues(hass)) is is_started


@pytest.mark.parametrize("action", ["list_models", "create_model_response"])
async def test_reauth_ends_with_public_list_of_models(
    hass: HomeAssistant, raw: RawServer, call: Call, action: str
) -> None:
    await refuse(hass, raw, call, "User not found.")
    assert len(reauth_flows(hass)) == 1

    raw.play([MODELS if action == "list_models" else answer()])
    await call(action, **ASK if action == "create_model_response" else {})
    await hass.async_block_till_done()

    assert not reauth_flows(hass)
    assert not reauth_issues(hass)


async def test_reauth_ends_with_next_success(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    standin.fail(refused("/responses"))
    standin.fail(Fault(path="/models", status=401, body={"error": {"message": "no"}}))
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", **ASK)
    await hass.async_block_till_done()
    assert len(reauth_flows(hass)) == 1

    await call("create_model_response", **ASK)
    await hass.async_block_till_done()

    assert not reauth_flows(hass)
    assert not reauth_issues(hass)
