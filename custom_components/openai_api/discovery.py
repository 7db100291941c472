"""Services that are announced on the local network (DNS-SD), or by an add-on.

No request is sent before the user has confirmed it: anyone can send an announcement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
import re
from typing import Any, Final

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
)
from homeassistant.const import CONF_API_KEY, CONF_HOST, CONF_PATH, CONF_PORT, CONF_SSL
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from yarl import URL

from .api.config import InvalidUrl, KeySource, parse_url
from .api.service_kinds import OTHER
from .const import CONF_API_KEY_SOURCE, CONF_BASE_URL, CONF_SERVICE_KIND, DOMAIN

_API: Final = "/v1"
_MAX_NAME: Final = 60
_KINDS: Final = {
    "_llamacpp._tcp.local.": "llama_cpp",
    "_lmstudio._tcp.local.": "lm_studio",
    "_ollama._tcp.local.": "ollama",
    "_vllm._tcp.local.": "vllm",
}
"""The kinds of services that have a service type of their own."""
_HTTPS_PORTS: Final = frozenset({443, 8443})
_YES: Final = frozenset({"1", "true", "yes", "https"})
_PATHS: Final = ("path", "base_path", "api_path")
_ENCRYPTED: Final = ("scheme", "https", "ssl", "tls")
# The frontend shows a name as Markdown, which would make links of these.
_MARKUP: Final = re.compile(r"[\[\]<>`*|\\#~]")
_LINK: Final = re.compile(r"://|\bwww\.", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class DiscoveredService:
    """A service that was announced; no request was sent to it yet."""

    unique_id: str
    """What the same announcement is recognized by."""
    name: str
    base_url: str
    kind: str
    """The key of its ServiceKind, or `other`."""
    api_key: str | None = None
    addresses: frozenset[str] = frozenset()
    """The names and IP addresses under which it can be reached."""

    def as_form(self) -> dict[str, Any]:
        """Return it as the form for the connection takes it: `{"base_url": …, "api_key": …, …}`."""
        known = {CONF_BASE_URL: self.base_url, CONF_SERVICE_KIND: self.kind}
        if self.api_key is not None:
            known |= {CONF_API_KEY: self.api_key, CONF_API_KEY_SOURCE: KeySource.STORED.value}
        return known

    def is_at(self, base_url: object) -> bool:
        """Return whether a URL has the same server and port."""
        try:
            url = parse_url(base_url)
        except InvalidUrl:
            return False
        return url.port == URL(self.base_url).port and _comparable(url.host or "") in self.addresses

    def is_in(self, entry: ConfigEntry[Any]) -> bool:
        """Return whether an entry is for this server; ignored announcements have no URL."""
        return CONF_BASE_URL in entry.data and self.is_at(entry.data[CONF_BASE_URL])


@callback
def async_end_offer_when_added(
    hass: HomeAssistant, discovered: DiscoveredService, flow_id: str
) -> CALLBACK_TYPE:
    """Abort the flow that offers a service as soon as an entry is for its server.

    The entry that the flow adds itself has the unique id of the announcement. Returns what ends
    the watching.
    """

    @callback
    def async_look(change: ConfigEntryChange, entry: ConfigEntry[Any]) -> None:
        is_other = entry.domain == DOMAIN and entry.unique_id != discovered.unique_id
        if is_other and change is not ConfigEntryChange.REMOVED and discovered.is_in(entry):
            hass.config_entries.flow.async_abort(flow_id)

    return async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, async_look)


def from_zeroconf(info: ZeroconfServiceInfo) -> DiscoveredService | None:
    """Return what an announcement on the local network speaks of, None where it is of no use.

    The properties `path`, and `scheme` or `https`, say where the API is if it is not at
    `http://…/v1`. See RFC 6763 for announcements; there is no standard for their properties here.
    """
    properties = {str(key).lower(): _text(value) for key, value in info.properties.items()}
    if not info.port or properties.get("deployment", "").lower() == "cloud":
        # Some announce where on the internet they get their answers, with a key that soon ends.
        return None
    is_encrypted = info.port in _HTTPS_PORTS or any(
        properties.get(name, "").lower() in _YES for name in _ENCRYPTED
    )
    path = next((properties[name] for name in _PATHS if properties.get(name)), "")
    url = _url(info.host, info.port, path, is_encrypted=is_encrypted)
    kind = _KINDS.get(info.type.lower(), OTHER)
    return DiscoveredService(
        unique_id=info.name.lower(),
        name=_shown(info.name.removesuffix(f".{info.type}"))
        or _shown(info.hostname.rstrip(".").lower() or info.host),
        base_url=url,
        kind=kind,
        addresses=frozenset(map(_comparable, (*info.addresses, info.host, info.hostname))),
    )


def from_add_on(info: HassioServiceInfo) -> DiscoveredService | None:
    """Return the service of an add-on that has announced it, None where it does not say where.

    Its message is `{"host": …, "port": …}`, with `ssl`, `path` and `api_key` if need be.
    """
    config: Mapping[str, Any] = info.config
    host, port = config.get(CONF_HOST), str(config.get(CONF_PORT))
    if not isinstance(host, str) or not (port.isascii() and port.isdecimal() and int(port)):
        return None
    try:
        url = _url(
            host,
            int(port),
            str(config.get(CONF_PATH) or ""),
            is_encrypted=_text(config.get(CONF_SSL)).lower() in _YES,
        )
    except ValueError:
        return None
    key = config.get(CONF_API_KEY)
    return DiscoveredService(
        unique_id=info.uuid,
        name=_shown(info.name) or _shown(host),
        base_url=url,
        kind=OTHER,
        api_key=key if isinstance(key, str) and key else None,
        addresses=frozenset({_comparable(host)}),
    )


def _url(host: str, port: int, path: str, *, is_encrypted: bool) -> str:
    """Return the URL of an API."""
    return str(
        URL.build(
            scheme="https" if is_encrypted else "http",
            host=host.partition("%")[0],
            port=port,
            path=f"/{path.strip('/')}" if path.strip("/") else _API,
        )
    )


def _text(value: object) -> str:
    """Return a value of an announcement as text: Home Assistant decodes what is UTF-8."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _comparable(host: str) -> str:
    """Return the one form of a name or an IP address, without the zone of an IPv6 address."""
    plain = host.strip("[]").partition("%")[0].rstrip(".").lower()
    try:
        return str(ip_address(plain))
    except ValueError:
        return plain


def _shown(name: str) -> str:
    """Return a name fit for a title and a sentence: plain, short and without links."""
    plain = _MARKUP.sub("", _LINK.sub(lambda link: link[0].strip(":/.") + " ", name))
    words = ("".join(filter(str.isprintable, word)) for word in plain.split())
    return " ".join(filter(None, words))[:_MAX_NAME].strip()
