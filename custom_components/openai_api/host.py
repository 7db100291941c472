"""A service host at work: what an entry holds while it is loaded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import time
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send

from .client import Client, Method, deadline, resolve
from .const import SIGNAL_ERROR
from .errors import AuthFailed, failure, quote, translated
from .settings import Settings
from .usage import Usage

if TYPE_CHECKING:
    from .sockets.connection import Connection

type OpenAIConfigEntry = ConfigEntry[ServiceHost]


@dataclass(kw_only=True)
class ServiceHost:
    """One loaded entry: its client, its open connections, and the calls under way."""

    hass: HomeAssistant
    entry: OpenAIConfigEntry
    settings: Settings
    client: Client
    usage: Usage
    connections: dict[str, Connection] = field(default_factory=dict)
    platforms: list[Platform] = field(default_factory=list)
    """Those that could be set up."""
    closed: bool = False
    _methods: dict[tuple[str, str], Method] = field(default_factory=dict)
    _waits: set[asyncio.Timeout] = field(default_factory=set)

    async def method(self, name: str, form: str) -> Method:
        """Return an SDK method in its `raw` or `streaming` form.

        Raises a translated error where the installed SDK has no such method.
        """
        if (found := self._methods.get((name, form))) is None:
            try:
                # The first use of a resource imports it, which is no work for the loop.
                found = await self.hass.async_add_import_executor_job(
                    resolve, self.client, name, form
                )
            except AttributeError:
                raise failure("method_missing", method=name) from None
            self._methods[name, form] = found
        return found

    @asynccontextmanager
    async def waiting(self, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
        """Bound what happens inside by a time, in seconds, and by the life of the entry.

        Whatever goes wrong leaves it as a translated error; a refused key starts
        reauthentication.
        """
        if self.closed:
            raise failure("unloaded")
        token = deadline.set(None if seconds is None else time.monotonic() + seconds)
        try:
            with translated(self.settings, seconds):
                async with asyncio.timeout(seconds) as wait:
                    self._waits.add(wait)
                    try:
                        yield wait
                    finally:
                        self._waits.discard(wait)
        except AuthFailed as err:
            self.note(str(err))
            self.entry.async_start_reauth(self.hass)
            raise
        except Exception as err:
            if self.closed:
                raise failure("unloaded") from None
            self.note(str(err))
            raise
        finally:
            deadline.reset(token)

    @callback
    def note(self, error: str) -> None:
        """Tell whoever shows the last error."""
        if not self.closed:
            signal = SIGNAL_ERROR.format(self.entry.entry_id)
            async_dispatcher_send(self.hass, signal, quote(error, self.settings))

    async def async_close(self) -> None:
        """End every call under way and close every connection."""
        self.closed = True
        now = asyncio.get_running_loop().time()
        for wait in tuple(self._waits):
            wait.reschedule(now)
        await asyncio.gather(
            *(
                connection.async_close(1000, "The service host is unloaded")
                for connection in tuple(self.connections.values())
            ),
            return_exceptions=True,
        )
