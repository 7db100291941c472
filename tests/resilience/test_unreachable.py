"""Servers that are down, have no address, or have the wrong certificate."""

from datetime import timedelta
from ipaddress import ip_address
import ssl
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import DATA_RESOLVER
from homeassistant.util import dt as dt_util
import pytest

from tests.standin.server import StandIn

from .raw_server import RIGHT, WHOLE, Script, Step, answer
from .raw_server_fixture import RawServerFixture, assert_localized, raw_server_for


async def test_connect_refused(hass: HomeAssistant, media_folder: object) -> None:
    async with raw_server_for(hass) as watch:
        await watch.raw.stop()
        with pytest.raises(HomeAssistantError) as caught:
            await watch.call()
        assert_localized(caught.value, "port_closed")
        await watch.raw.start()
        await watch.assert_survives([], RIGHT)


async def test_keep_alive_connection_closed(raw_server: RawServerFixture) -> None:
    scripts: list[Script] = [[WHOLE, 0.02, Step.CLOSE], [WHOLE, 0.02, Step.RESET], [WHOLE]]
    for script in scripts:
        await raw_server.assert_survives([script], RIGHT)
    await raw_server.raw.stop()
    await raw_server.raw.start()
    await raw_server.assert_survives([], RIGHT)


ODD_KEY = "sk-a/b+c==&d%41e~odd"


async def test_api_key_in_quoted_url_is_redacted(hass: HomeAssistant, media_folder: object) -> None:
    asked = {"auth_method": "query", "auth_name": "key", "api_key": ODD_KEY}
    async with raw_server_for(hass, **asked) as watch:
        for broken in (b"nonsense\r\n\r\n", answer(headers="X-Broken\r\n")):
            text = await watch.assert_survives([[broken]], "cannot_connect")
            assert "key=" not in text
            assert "http" not in text


@pytest.fixture(scope="module")
def self_made(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Return what a server needs to show a certificate that it made itself."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt_util.utcnow()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


async def test_untrusted_certificate(
    hass: HomeAssistant, media_folder: object, self_made: ssl.SSLContext
) -> None:
    # The server complains about the caller who turned away.
    complaints: list[Any] = []
    handler = hass.loop.get_exception_handler()
    hass.loop.set_exception_handler(lambda _, context: complaints.append(context["exception"]))
    async with raw_server_for(hass, self_made) as watch:
        with pytest.raises(HomeAssistantError) as caught:
            await watch.call()
        text = assert_localized(caught.value, "certificate_not_trusted")
        assert "self-signed certificate" in text
        assert "Verify SSL certificate" in text
        assert not watch.raw.requests
        await watch.assert_clean()
    hass.loop.set_exception_handler(handler)
    assert {type(complaint) for complaint in complaints} <= {ConnectionResetError, ssl.SSLError}
    async with raw_server_for(hass, self_made, verify_ssl=False) as watch:
        await watch.assert_survives([], RIGHT)


async def test_https_to_plain_http_server(raw_server: RawServerFixture, standin: StandIn) -> None:
    address = standin.url().replace("http:", "https:")
    async with raw_server_for(raw_server.hass, base_url=address, verify_ssl=False) as other:
        with pytest.raises(HomeAssistantError) as caught:
            await other.call()
        assert_localized(caught.value, "cannot_connect")
        await other.assert_clean()


async def test_dns_failure(raw_server: RawServerFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, str] = {}

    async def resolve(host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        if host not in known:
            raise OSError(None, "Domain name not found")
        return [
            {
                "hostname": host,
                "host": known[host],
                "port": port,
                "family": 2,
                "proto": 0,
                "flags": 0,
            }
        ]

    address = f"http://nowhere.invalid:{raw_server.raw.port}/v1"
    async with raw_server_for(raw_server.hass, base_url=address) as other:
        monkeypatch.setattr(raw_server.hass.data[DATA_RESOLVER], "resolve", resolve)
        with pytest.raises(HomeAssistantError) as caught:
            await other.call()
        assert "nowhere.invalid" in assert_localized(caught.value, "host_not_found")
        known["nowhere.invalid"] = "127.0.0.1"
        assert (await other.call())["id"] == "resp_good"


async def test_header_injection(hass: HomeAssistant, media_folder: object) -> None:
    for sneaky in ("a\r\nX-Injected: yes", "a\nX-Injected: yes", "a\x00b"):
        async with raw_server_for(hass, extra_headers={"x-team": sneaky}) as watch:
            with pytest.raises(HomeAssistantError) as caught:
                await watch.call()
            assert_localized(caught.value, "cannot_connect")
            assert not watch.raw.requests
            await watch.assert_clean()
