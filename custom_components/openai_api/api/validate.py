"""Checks whether a server responds and accepts the key, and finds the URL of its API."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
import re
from typing import Any, Final, NamedTuple

import aiohttp
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_create_clientsession
import orjson
from yarl import URL

from ..error_translation import raise_translated_errors
from ..types import Json
from .client import async_create_client, create_session
from .config import HostConfig, InvalidUrl, parse_url
from .response import parse_body
from .service_kinds import is_model_list
from .usage import Usage

_TIMEOUT: Final = 10.0
"""Seconds: long enough for any server that is up."""
_SEARCH_TIMEOUT: Final = 5.0
"""Seconds for the search of the likely URL; all URLs are requested concurrently."""
_MAX_LIST_BYTES: Final = 4 * 1024**2
"""Bytes."""
_REFUSALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# The path of a method, copied from a manual, or of the server's own API.
_METHOD: Final = re.compile(
    r"/(?:models|responses|(?:chat/)?completions|embeddings|audio/\w+|images/\w+|realtime"
    r"|api/(?:chat|generate|tags|version))/?$"
)


class Checked(NamedTuple):
    """The response of a server to `GET /models`."""

    answer: Json | None
    """None for an empty body, which some servers send if they have no models."""
    headers: Mapping[str, str]


async def async_validate_host(
    hass: HomeAssistant, settings: HostConfig, seconds: float = _TIMEOUT
) -> Checked:
    """List the models of a server within some seconds.

    Raises AuthenticationFailed, or another ApiError or translated HomeAssistantError.
    """
    settings = replace(settings, timeout=min(settings.timeout, seconds), max_retries=0)
    session = create_session(hass, settings, auto_cleanup=False)
    try:
        client = await async_create_client(hass, settings, Usage(), session)
        with raise_translated_errors(settings):
            async with _time_limit(hass, settings.timeout):
                answer = await client.models.with_raw_response.list()
    finally:
        # Its connections belong to Home Assistant.
        session.detach()
    response = answer.http_response
    if not response.content.strip():
        return Checked(None, response.headers)
    models = parse_body(settings, response.content, response.headers.get("content-type", ""))
    return Checked(models, response.headers)


@asynccontextmanager
async def _time_limit(hass: HomeAssistant, seconds: float) -> AsyncIterator[None]:
    """Limit what happens inside to some seconds, and to the time until Home Assistant stops.

    Home Assistant waits for whoever has sent a form. Raises TimeoutError.
    """
    async with asyncio.timeout(seconds) as wait:

        @callback
        def end(_: Event) -> None:
            if not wait.expired():
                wait.reschedule(0)

        remove = hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, end)
        try:
            yield
        finally:
            remove()


def likely_urls(typed: str, usual_url: str = "") -> list[str]:
    """Return other URLs that the user may have meant, the likeliest first.

    All of them have the host that was entered. Where no port was, they may have that of
    `usual_url`, the one of the kind of service that was chosen.
    """
    scheme, has_scheme, rest = typed.strip().rpartition("://")
    if (has_scheme and scheme not in {"http", "https"}) or " " in rest:
        return []
    try:
        url = parse_url(f"{scheme or 'http'}://{rest}")
    except InvalidUrl:
        return []
    host = url.host or ""
    is_public = "." in host and not host.replace(".", "").isdecimal() and url.explicit_port is None
    schemes = ["https", "http"] if scheme == "https" or (is_public and not scheme) else None
    path = _METHOD.sub("", url.path).rstrip("/")
    paths = [path, f"{path}/v1", "/v1", "/api/v1", ""]
    if path.endswith("/v1"):
        paths.remove(f"{path}/v1")
    urls = [
        str(url.with_scheme(name).with_path(option or "/").with_query(url.query)).rstrip("/")
        for name in schemes or ["http", "https"]
        for option in paths
    ]
    usual = URL(usual_url)
    if url.explicit_port is None and (port := usual.explicit_port) is not None:
        with_port = url.with_scheme(scheme or usual.scheme).with_port(port)
        own = [path] if path else []
        urls += [str(with_port.with_path(option)) for option in (*own, usual.path)]
    return [option for option in dict.fromkeys(urls) if option != typed.strip().rstrip("/")]


async def async_find_url(
    hass: HomeAssistant, urls: Sequence[str], *, verify_ssl: bool
) -> str | None:
    """Return the first of the URLs at which an OpenAI-compatible API responds, None if none does.

    The requests have no key, which is for the entered URL only.
    """
    session = async_create_clientsession(
        hass, verify_ssl=verify_ssl, auto_cleanup=False, cookie_jar=aiohttp.DummyCookieJar()
    )
    try:
        # A URL with any error is not the right one.
        answers = await asyncio.gather(
            *(_async_speaks(hass, session, URL(url)) for url in urls), return_exceptions=True
        )
    finally:
        # Its connections belong to Home Assistant.
        session.detach()
    return next((url for url, speaks in zip(urls, answers, strict=True) if speaks is True), None)


async def _async_speaks(hass: HomeAssistant, session: aiohttp.ClientSession, url: URL) -> bool:
    """Return whether a URL lists models, or refuses to without a key."""
    models = url.with_path(f"{url.path.rstrip('/')}/models").with_query(url.query)
    try:
        async with (
            _time_limit(hass, _SEARCH_TIMEOUT),
            session.get(models, allow_redirects=False) as response,
        ):
            status = response.status
            body = b""
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MAX_LIST_BYTES:
                    return False
        answer: Any = orjson.loads(body)
    except aiohttp.ClientError, TimeoutError, OSError, ValueError:
        return False
    return is_model_list(answer) if status == HTTPStatus.OK else status in _REFUSALS
