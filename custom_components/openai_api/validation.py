"""Asks a service host whether it answers, and whether it takes the key."""

import asyncio
from dataclasses import replace

from homeassistant.core import HomeAssistant

from .client import async_create_client, create_session
from .errors import translated
from .requests import parse
from .settings import Settings
from .usage import Usage

_TIMEOUT = 10.0
"""Seconds: long enough for any host that is up."""


async def async_check_host(hass: HomeAssistant, settings: Settings) -> None:
    """List the host's models; raises AuthFailed or another translated error."""
    settings = replace(settings, timeout=min(settings.timeout, _TIMEOUT), max_retries=0)
    session = create_session(hass, settings, auto_cleanup=False)
    try:
        client = await async_create_client(hass, settings, Usage(), session)
        with translated(settings):
            async with asyncio.timeout(settings.timeout):
                answer = await client.models.with_raw_response.list()
    finally:
        # Its connections are Home Assistant's.
        session.detach()
    response = answer.http_response
    parse(settings, response.content, response.headers.get("content-type", ""))
