"""Services that are announced on the network or by an add-on: offered, and asked only when wanted."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from homeassistant.config_entries import SOURCE_HASSIO, SOURCE_IGNORE, SOURCE_USER, SOURCE_ZEROCONF
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from custom_components.openai_api.const import DOMAIN
from tests.standin.server import StandIn

from .conftest import CANARY, entry_data


def announcement(
    port: int | None, service: str = "_openai._tcp.local.", **properties: Any
) -> ZeroconfServiceInfo:
    """Return what Home Assistant makes of an announcement."""
    address = ip_address("127.0.0.1")
    return ZeroconfServiceInfo(
        ip_address=address,
        ip_addresses=[address],
        port=port,
        hostname="Attic.local.",
        type=service,
        name=f"Attic.{service}",
        properties=properties,
    )


def port_of(standin: StandIn) -> int:
    """Return the port of the stand-in."""
    port = URL(standin.url("bearer")).port
    assert port is not None
    return port


def add_on(**config: Any) -> HassioServiceInfo:
    """Return what Home Assistant makes of the message of an add-on."""
    return HassioServiceInfo(config=config, name="Attic", slug="attic", uuid="0123")


async def begin(hass: HomeAssistant, info: Any) -> dict[str, Any]:
    """Begin the flow that Home Assistant begins with an announcement."""
    source = SOURCE_HASSIO if isinstance(info, HassioServiceInfo) else SOURCE_ZEROCONF
    return dict(
        await hass.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=info)
    )


def suggested(result: dict[str, Any]) -> dict[str, Any]:
    """Return what the form shows in its fields."""
    return {
        str(key): key.description["suggested_value"]
        for key in result["data_schema"].schema
        if key.description and "suggested_value" in key.description
    }


async def test_announced_service_is_asked_after_confirmation(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    result = await begin(hass, announcement(port_of(standin), path=URL(standin.url("bearer")).path))

    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "discovery_confirm")
    assert result["description_placeholders"]["host"] == "Attic"
    assert standin.requests == []
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["title_placeholders"] == {"name": "Attic"}

    shown = suggested(result)
    assert shown == {"service_kind": "other", "base_url": standin.url("bearer")}
    result = dict(
        await hass.config_entries.flow.async_configure(
            result["flow_id"], {**shown, "api_key": CANARY}
        )
    )

    assert standin.requests[-1].headers["Authorization"] == f"Bearer {CANARY}"
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.data["base_url"] == shown["base_url"]


@pytest.mark.parametrize(
    ("service", "port", "properties", "url", "kind"),
    [
        ("_ollama._tcp.local.", 11434, {}, "http://127.0.0.1:11434/v1", "ollama"),
        ("_vllm._tcp.local.", 8000, {"path": ""}, "http://127.0.0.1:8000/v1", "vllm"),
        ("_lmstudio._tcp.local.", 1234, {}, "http://127.0.0.1:1234/v1", "lm_studio"),
        ("_llamacpp._tcp.local.", 8080, {}, "http://127.0.0.1:8080/v1", "llama_cpp"),
        ("_llm._tcp.local.", 8443, {}, "https://127.0.0.1:8443/v1", "other"),
        ("_llm._tcp.local.", 9000, {"https": "1"}, "https://127.0.0.1:9000/v1", "other"),
        ("_openai._tcp.local.", 80, {"path": "api/v1/"}, "http://127.0.0.1/api/v1", "other"),
        ("_openai._tcp.local.", 80, {"Path": None}, "http://127.0.0.1/v1", "other"),
        (
            "_saturn._tcp.local.",
            11434,
            {"deployment": "local"},
            "http://127.0.0.1:11434/v1",
            "other",
        ),
    ],
)
async def test_announcement_fills_in_form(
    hass: HomeAssistant, service: str, port: int, properties: dict[str, Any], url: str, kind: str
) -> None:
    result = await begin(hass, announcement(port, service, **properties))

    assert suggested(result) == {"service_kind": kind, "base_url": url}


@pytest.mark.parametrize(
    "info",
    [
        announcement(None),
        announcement(
            443, "_saturn._tcp.local.", deployment="cloud", api_base="https://example.com"
        ),
        add_on(),
        add_on(host="attic", port="none"),
        add_on(host="attic", port=99999999),
        add_on(host="attic", port=0),
        announcement(443, "_saturn._tcp.local.", deployment="Cloud"),
        add_on(host=1, port=80),
    ],
)
async def test_announcement_without_address_aborts(hass: HomeAssistant, info: Any) -> None:
    result = await begin(hass, info)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_usable")


@pytest.mark.parametrize("host", ["127.0.0.1", "attic.local"])
async def test_announcement_of_known_service_aborts(
    hass: HomeAssistant, standin: StandIn, media_folder: object, host: str
) -> None:
    url = f"http://{host}:{port_of(standin)}/v1"
    MockConfigEntry(domain=DOMAIN, data={**entry_data(standin), "base_url": url}).add_to_hass(hass)

    result = await begin(hass, announcement(port_of(standin)))
    other = await begin(hass, announcement(port_of(standin) + 1))

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert other["type"] is FlowResultType.FORM


async def test_announcement_beside_invalid_url_is_offered(
    hass: HomeAssistant, standin: StandIn
) -> None:
    MockConfigEntry(domain=DOMAIN, data={**entry_data(standin), "base_url": "nowhere"}).add_to_hass(
        hass
    )

    result = await begin(hass, announcement(port_of(standin)))

    assert result["type"] is FlowResultType.FORM


async def test_repeated_announcement_aborts(hass: HomeAssistant) -> None:
    await begin(hass, announcement(8080))
    again = await begin(hass, announcement(8080))

    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "already_in_progress")


async def test_ignored_announcement_is_not_offered_again(hass: HomeAssistant) -> None:
    result = await begin(hass, announcement(8080))
    unique_id = hass.config_entries.flow.async_progress()[0]["context"]["unique_id"]
    await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_IGNORE}, data={"unique_id": unique_id, "title": "Attic"}
    )
    assert result["type"] is FlowResultType.FORM

    # It has got another address meanwhile.
    again = await begin(hass, announcement(8081))

    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_known_service_at_new_address_keeps_url(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN, data=entry_data(standin), unique_id="attic._openai._tcp.local."
    )
    entry.add_to_hass(hass)
    before = dict(entry.data)

    result = await begin(hass, announcement(8081))

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert dict(entry.data) == before


async def test_add_on_brings_api_key(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    result = await begin(
        hass,
        add_on(
            host="127.0.0.1",
            port=port_of(standin),
            path=URL(standin.url("bearer")).path,
            api_key=CANARY,
        ),
    )
    shown = suggested(result)
    assert "api_key" not in shown
    assert CANARY not in str(result["data_schema"].schema)

    moved = {**shown, "base_url": "http://127.0.0.2:1/v1"}
    refused = dict(await hass.config_entries.flow.async_configure(result["flow_id"], moved))
    assert refused["errors"] == {"api_key": "key_for_other_origin"}
    assert standin.requests == []

    await hass.config_entries.flow.async_configure(result["flow_id"], shown)

    assert standin.requests[-1].headers["Authorization"] == f"Bearer {CANARY}"
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.data["api_key"] == CANARY


@pytest.mark.parametrize(
    ("properties", "url"),
    [
        ({"path": b"/api/v1"}, "http://127.0.0.1:9000/api/v1"),
        ({"path": b"/\xff\xfe"}, "http://127.0.0.1:9000/%EF%BF%BD%EF%BF%BD"),
        ({"path": "//example.com/v1"}, "http://127.0.0.1:9000/example.com/v1"),
        ({"path": "/v1?key=1#top"}, "http://127.0.0.1:9000/v1%3Fkey=1%23top"),
        ({"https": True}, "https://127.0.0.1:9000/v1"),
        ({"scheme": b"HTTPS"}, "https://127.0.0.1:9000/v1"),
        ({"https": None}, "http://127.0.0.1:9000/v1"),
    ],
)
async def test_announcement_with_odd_properties_stays_at_its_server(
    hass: HomeAssistant, properties: dict[str, Any], url: str
) -> None:
    result = await begin(hass, announcement(9000, **properties))

    assert suggested(result)["base_url"] == url


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "attic.local"),
        ("A" * 300, "A" * 60),
        ("At\u202etic\x00\x1b[0m", "Attic0m"),
        ("[Get a key](https://example.com)", "Get a key(https example.com)"),
        ("<b>Attic</b> `x` **y**", "bAttic/b x y"),
        ("Attic www.example.com", "Attic www example.com"),
        ("my_server-2", "my_server-2"),
    ],
)
async def test_announced_name_shows_as_plain_text(
    hass: HomeAssistant, name: str, shown: str
) -> None:
    result = await begin(hass, replace(announcement(9000), name=f"{name}._openai._tcp.local."))

    assert result["description_placeholders"]["host"] == shown
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["title_placeholders"] == {"name": shown}


async def test_announcement_at_ipv6_address_fills_in_form(
    hass: HomeAssistant, standin: StandIn
) -> None:
    address = ip_address("fd00::5")
    info = replace(announcement(9000), ip_address=address, ip_addresses=[address])

    result = await begin(hass, info)
    assert suggested(result)["base_url"] == "http://[fd00::5]:9000/v1"

    hass.config_entries.flow.async_abort(result["flow_id"])
    url = "http://[FD00:0:0::5]:9000/v1"
    MockConfigEntry(domain=DOMAIN, data={**entry_data(standin), "base_url": url}).add_to_hass(hass)
    again = await begin(hass, info)

    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_ignored_announcement_leaves_others_offered(hass: HomeAssistant) -> None:
    await begin(hass, announcement(8080))
    unique_id = hass.config_entries.flow.async_progress()[0]["context"]["unique_id"]
    await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_IGNORE}, data={"unique_id": unique_id, "title": "Attic"}
    )

    other = await begin(
        hass,
        replace(announcement(9000), name="Cellar._openai._tcp.local.", hostname="Cellar.local."),
    )

    assert other["type"] is FlowResultType.FORM


async def test_second_announcement_of_same_server_aborts(hass: HomeAssistant) -> None:
    await begin(hass, announcement(8080, "_llamacpp._tcp.local."))

    again = await begin(hass, announcement(8080))
    other = await begin(hass, announcement(8081))

    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "already_in_progress")
    assert other["type"] is FlowResultType.FORM


async def test_offer_ends_when_its_server_is_added_by_hand(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    await begin(hass, announcement(port_of(standin)))
    other = await begin(hass, announcement(1, "_llm._tcp.local."))

    result = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_USER},
        data={"base_url": standin.url("bearer"), "api_key": CANARY},
    )
    await hass.async_block_till_done()

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert [flow["flow_id"] for flow in hass.config_entries.flow.async_progress()] == [
        other["flow_id"]
    ]
