"""The config flow: added in every way to sign in, refused, changed, and renewed."""

from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import CANARY, add_entry, entry_data, state_of

STYLES = ["bearer", "header", "query", "none"]


async def submit(hass: HomeAssistant, data: dict[str, Any]) -> Any:
    """Fill in the form of a new flow."""
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert flow["type"] is FlowResultType.FORM
    assert flow["step_id"] == "user"
    return await hass.config_entries.flow.async_configure(flow["flow_id"], data)


@pytest.mark.parametrize("style", STYLES)
async def test_auth_methods(
    hass: HomeAssistant, standin: StandIn, media_folder: object, style: str
) -> None:
    result = await submit(hass, entry_data(standin, style))

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "127.0.0.1"
    await hass.async_block_till_done()
    entry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    asked = [request for request in standin.requests if request.path == "/models"][-1]
    assert asked.headers.get("Authorization") == (f"Bearer {CANARY}" if style == "bearer" else None)


@pytest.mark.parametrize(
    "copied",
    [
        "Bearer {}",
        "Authorization: bearer {}",
        "\u200b{}\ufeff",
        '"{}"',
        "'{}'\n",
        "`{}`",
        "{}\x00",
    ],
)
@pytest.mark.parametrize("source", ["stored", "environment"])
async def test_key_copied_with_more_than_itself(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    monkeypatch: pytest.MonkeyPatch,
    copied: str,
    source: str,
) -> None:
    key = copied.format(CANARY)
    if source == "environment" and "\x00" not in key:
        monkeypatch.setenv("HOME_KEY", key)
        key = copied.format("HOME_KEY") if "earer" not in copied else "HOME_KEY"
    else:
        source = "stored"
    result = await submit(hass, {**entry_data(standin), "api_key": key, "api_key_source": source})

    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert result["result"].state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    "key", ["sk-ca\nnary-7f3a91c2d4e85b60", "sk-ca\r\n\tnary-7f3a91c2d4e85b60"]
)
async def test_key_broken_into_lines(
    hass: HomeAssistant, standin: StandIn, media_folder: object, key: str
) -> None:
    result = await submit(hass, {**entry_data(standin), "api_key": key})

    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_key_of_header_keeps_its_scheme(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    data = {
        **entry_data(standin),
        "auth_method": "header",
        "auth_name": "Authorization",
        "api_key": f"Bearer {CANARY}",
    }
    result = await submit(hass, data)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert standin.requests[0].headers["Authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize("suffix", ["", "/", "?api-version=2026-01", "/?api-version=2026-01"])
@pytest.mark.parametrize("style", STYLES)
async def test_base_url_variants(
    hass: HomeAssistant, standin: StandIn, media_folder: object, style: str, suffix: str
) -> None:
    result = await submit(hass, entry_data(standin, style, base_url=standin.url(style) + suffix))

    assert result["type"] is FlowResultType.CREATE_ENTRY
    asked = standin.requests[0]
    assert asked.path == "/models"
    assert asked.param("api-version") == ("2026-01" if "?" in suffix else None)


@pytest.mark.parametrize(
    ("changes", "fault", "errors"),
    [
        pytest.param({"api_key": "wrong"}, None, {"base": "invalid_auth"}, id="wrong key"),
        pytest.param({}, Fault(status=403), {"base": "invalid_auth"}, id="forbidden"),
        pytest.param({}, Fault(status=404), {"base": "cannot_connect"}, id="no models"),
        pytest.param({}, Fault(status=500), {"base": "cannot_connect"}, id="server error"),
        pytest.param({}, Fault(drop="before", count=2), {"base": "cannot_connect"}, id="dropped"),
        pytest.param(
            {},
            Fault(status=200, body="<html>Hello</html>", content_type="text/html"),
            {"base": "cannot_connect"},
            id="web page",
        ),
        pytest.param({}, Fault(status=429), {"base": "cannot_connect"}, id="too many"),
        pytest.param(
            {"base_url": "http://127.0.0.1:9/v1"}, None, {"base": "cannot_connect"}, id="down"
        ),
        pytest.param({"base_url": "ftp://host/v1"}, None, {"base_url": "invalid_url"}, id="scheme"),
        pytest.param({"base_url": "host"}, None, {"base_url": "invalid_url"}, id="no scheme"),
        pytest.param(
            {"base_url": "http://host:port/v1"}, None, {"base_url": "invalid_url"}, id="port"
        ),
        pytest.param(
            {"base_url": "http://me:pw@host/v1"}, None, {"base_url": "invalid_url"}, id="password"
        ),
        pytest.param({"api_key": " "}, None, {"api_key": "key_not_found"}, id="no key"),
        pytest.param(
            {"api_key_source": "environment", "api_key": "NO_SUCH_VARIABLE"},
            None,
            {"api_key": "key_not_found"},
            id="no variable",
        ),
        pytest.param(
            {"api_key_source": "environment", "api_key": "BLANK_VARIABLE"},
            None,
            {"api_key": "key_not_found"},
            id="blank variable",
        ),
        pytest.param(
            {"auth_method": "header"}, None, {"authentication": "auth_name_missing"}, id="no name"
        ),
        pytest.param(
            {"extra_headers": {"a": {"b": "c"}}},
            None,
            {"extras": "not_an_object"},
            id="nested headers",
        ),
    ],
)
async def test_form_errors_recover(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    fault: Fault | None,
    errors: dict[str, str],
) -> None:
    monkeypatch.setenv("BLANK_VARIABLE", ' "" ')
    if fault is not None:
        standin.fail(fault)
    result = await submit(hass, entry_data(standin, **changes))

    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == errors
    shown = {str(key): key.description for key in result["data_schema"].schema}
    assert not shown["api_key"], "a key is never shown"

    result = await hass.config_entries.flow.async_configure(result["flow_id"], entry_data(standin))
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (
            Fault(status=400, body={"error": {"message": f"No database for {CANARY}"}}),
            "cannot_connect",
            "No database for *** (HTTP 400, request_id: ",
        ),
        (
            Fault(status=403, body={"error": {"message": "Not in your country"}}),
            "invalid_auth",
            "Not in your country (HTTP 403, request_id: ",
        ),
        (
            Fault(status=200, body="<html>Hello</html>", content_type="text/html"),
            "cannot_connect",
            "Hello (text/html)",
        ),
        (
            Fault(status=200, body={"error": {"code": ""}}),
            "cannot_connect",
            '{"error":{"code":""}}',
        ),
        (
            Fault(
                status=502,
                body="<html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1></html>",
                content_type="text/html",
            ),
            "cannot_connect",
            ": 502 Bad Gateway (HTTP 502, request_id: ",
        ),
    ],
)
async def test_server_message_in_form(
    hass: HomeAssistant, standin: StandIn, fault: Fault, error: str, words: str
) -> None:
    standin.fail(fault)
    result = await submit(hass, entry_data(standin))

    assert result["errors"] == {"base": error}
    assert words in result["description_placeholders"]["reason"]
    assert CANARY not in str(result["description_placeholders"])


async def test_api_key_kept_between_errors(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    result = await submit(hass, entry_data(standin, base_url="http://127.0.0.1:9/v1"))
    assert result["errors"] == {"base": "cannot_connect"}
    reason = result["description_placeholders"]["reason"]
    assert "127.0.0.1" in reason
    assert "ssl:" not in reason
    again = {key: value for key, value in entry_data(standin).items() if key != "api_key"}
    result = await hass.config_entries.flow.async_configure(result["flow_id"], again)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["api_key"] == CANARY


async def test_unexpected_exception_shows_unknown(
    hass: HomeAssistant, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def surprise(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(f"custom_components.{DOMAIN}.config_flow.async_validate_host", surprise)
    result = await submit(hass, entry_data(standin))
    assert result["errors"] == {"base": "unknown"}


async def test_skip_validation(hass: HomeAssistant, standin: StandIn, media_folder: object) -> None:
    data = entry_data(standin, base_url="http://127.0.0.1:9/v1", skip_validation=True)
    result = await submit(hass, data)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert result["result"].state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("changes", "is_known"),
    [
        ({}, True),
        ({"organization": "org-2"}, False),
        ({"api_key": "other", "skip_validation": True}, False),
    ],
)
async def test_duplicate_entry_aborts(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    changes: dict[str, Any],
    is_known: bool,
) -> None:
    data = entry_data(standin, base_url=standin.url() + "/", **changes)
    result = await submit(hass, data)

    if is_known:
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "already_configured"
    else:
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["title"].startswith("127.0.0.1:"), "two entries are told apart by name"
        assert result["title"].endswith("/v1")


async def test_api_key_from_environment(
    hass: HomeAssistant, standin: StandIn, media_folder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    result = await submit(hass, entry_data(standin, api_key_source="environment", api_key="MY_KEY"))

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["api_key"] == "MY_KEY"


async def test_organization_and_extra_headers_are_sent(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    await submit(
        hass,
        entry_data(
            standin,
            organization="org-1",
            project="proj-1",
            extra_headers={"x-gateway": "g-1"},
            extra_query={"api-version": 7},
        ),
    )

    asked = standin.requests[0]
    assert asked.headers["OpenAI-Organization"] == "org-1"
    assert asked.headers["OpenAI-Project"] == "proj-1"
    assert asked.headers["x-gateway"] == "g-1"
    assert asked.param("api-version") == "7"


async def test_key_missing_says_why(
    hass: HomeAssistant, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLANK_VARIABLE", "")
    for name, key in {
        "NO_SUCH_VARIABLE": "variable_not_set",
        "BLANK_VARIABLE": "variable_blank",
        "": "key_not_found",
    }.items():
        data = entry_data(standin, api_key_source="environment", api_key=name)
        entry = await add_entry(hass, data)
        assert entry.state is ConfigEntryState.SETUP_ERROR
        assert entry.error_reason_translation_key == key


async def test_reauthentication_replaces_api_key(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    entry = await add_entry(hass, entry_data(standin, api_key="old-key-that-was-revoked"))
    assert entry.state is ConfigEntryState.SETUP_ERROR
    flow = next(iter(hass.config_entries.flow.async_progress()))
    assert flow["context"]["source"] == "reauth"

    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert result["step_id"] == "reauth_confirm"
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["host"] == "127.0.0.1"
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"api_key_source": "stored", "api_key": "wrong again"}
    )
    assert result["errors"] == {"base": "invalid_auth"}
    standin.fail(Fault(path="/models", status=302, headers={"location": standin.url()}))
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"api_key_source": "stored", "api_key": CANARY}
    )
    assert result["errors"] == {"base": "cannot_connect"}, "this form has no URL to correct"
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"api_key_source": "stored"}
    )

    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert state_of(entry) is ConfigEntryState.LOADED
    assert entry.data["api_key"] == CANARY


async def test_reconfigure_every_setting(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry
) -> None:
    flow = await entry.start_reconfigure_flow(hass)
    assert flow["step_id"] == "reconfigure"
    assert flow["data_schema"] is not None
    shown = {str(key): key.description for key in flow["data_schema"].schema}
    assert shown["base_url"] == {"suggested_value": standin.url()}
    assert not shown["api_key"], "the key is not shown again"

    data = entry_data(standin, "header", timeout=20.0, organization="org-9")
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {key: value for key, value in data.items() if key != "api_key"}
    )

    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data["base_url"] == standin.url("header")
    assert entry.data["api_key"] == CANARY, "a blank key keeps the one there was"
    assert entry.data["timeout"] == 20.0


async def test_reconfigure_to_existing_entry_aborts(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry
) -> None:
    other = await add_entry(hass, entry_data(standin, organization="org-2"))
    flow = await other.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], entry_data(standin))
    assert result["reason"] == "already_configured"
