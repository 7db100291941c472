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
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_send

from . import issues
from .availability import Availability
from .client import Client, Method, deadline, resolve
from .const import SIGNAL_ERROR
from .errors import AuthFailed, failure, is_moved, is_out_of_reach, is_used_up, quote, translated
from .model import Json
from .settings import Settings
from .usage import Usage

if TYPE_CHECKING:
    from .jobs import Jobs
    from .sockets.connection import Connection
    from .webhooks.receiver import WebhookReceiver

type OpenAIConfigEntry = ConfigEntry[ServiceHost]


@dataclass(kw_only=True)
class ServiceHost:
    """One loaded entry: its client, its open connections, and the calls under way."""

    hass: HomeAssistant
    entry: OpenAIConfigEntry
    settings: Settings
    client: Client
    usage: Usage
    availability: Availability
    last_error: str | None = None
    """In words fit to show."""
    connections: dict[str, Connection] = field(default_factory=dict)
    platforms: list[Platform] = field(default_factory=list)
    """Those that could be set up."""
    webhooks: WebhookReceiver | None = None
    """What takes the host's calls, if they can be checked."""
    jobs: Jobs = field(init=False)
    """What is watched of the work that goes on at the host."""
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
        start = time.monotonic()
        token = deadline.set(None if seconds is None else start + seconds)
        try:
            with translated(self.settings, seconds):
                async with asyncio.timeout(seconds) as wait:
                    self._waits.add(wait)
                    try:
                        yield wait
                    finally:
                        self._waits.discard(wait)
            if self.usage.heard >= start:
                issues.settle(self.hass, self.entry, issues.HOST_MOVED)
        except AuthFailed as err:
            self.note(str(err))
            self.entry.async_start_reauth(self.hass)
            raise
        except Exception as err:
            if self.closed:
                raise failure("unloaded") from None
            self.note(str(err))
            if isinstance(err, HomeAssistantError):
                self._judge(err, start)
            raise
        finally:
            deadline.reset(token)

    @callback
    def _judge(self, err: HomeAssistantError, start: float) -> None:
        """Work out what an error of a call that began at `start` says of the host."""
        if is_out_of_reach(err):
            self.availability.lost(quote(str(err), self.settings), start)
        elif is_moved(err):
            issues.report(self.hass, self.entry, issues.HOST_MOVED)

    @callback
    def unbind(self, wait: asyncio.Timeout) -> None:
        """Let what happens inside `waiting` take as long as it likes while the entry lives."""
        if self.closed:
            # The end that is about to come would be put off, too.
            raise failure("unloaded")
        wait.reschedule(None)

    @callback
    def note(self, error: str) -> None:
        """Tell whoever shows the last error."""
        if not self.closed:
            self.last_error = quote(error, self.settings)
            signal = SIGNAL_ERROR.format(self.entry.entry_id)
            async_dispatcher_send(self.hass, signal, self.last_error)

    @callback
    def answered(self, answer: object, method: str, model: object) -> None:
        """Take note of what an action has brought, and what that has taken."""
        if is_used_up(_error_code(answer)):
            self._lack_quota(method, model)
        elif self.usage.used(method, answer):
            issues.settle(self.hass, self.entry, issues.QUOTA_USED_UP)

    @callback
    def failed(self, err: HomeAssistantError, method: str, model: object) -> None:
        """Take note of an action that came to nothing, but for what its caller can put right."""
        if not isinstance(err, ServiceValidationError):
            self.note(str(err))
        details = err.translation_placeholders or {}
        if err.translation_key == "method_missing":
            issues.report_missing(self.hass, details["method"])
        if is_used_up(details.get("code")):
            self._lack_quota(method, model)

    @callback
    def take(self, event: Json) -> None:
        """Take note of what a WebSocket's event says was used, and of a quota that is used up."""
        response = event.get("response")
        if is_used_up(_error_code(event)) or is_used_up(_error_code(response)):
            self._lack_quota()
        elif self.usage.spent(response):
            issues.settle(self.hass, self.entry, issues.QUOTA_USED_UP)

    @callback
    def _lack_quota(self, method: str | None = None, model: object = None) -> None:
        """Show that the quota is used up, and remember with what that can be tried again."""
        if not self.closed:
            known = str(model) if model else None
            issues.report(self.hass, self.entry, issues.QUOTA_USED_UP, method=method, model=known)

    async def async_close(self) -> None:
        """End every call under way and close every connection."""
        self.closed = True
        self.jobs.close()
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


def _error_code(found: object) -> object:
    """Return the code of the error in an event, or in a response that has failed."""
    if not isinstance(found, dict):
        return None
    details = found.get("status_details")
    error = (details if isinstance(details, dict) else found).get("error")
    return error.get("code") or error.get("type") if isinstance(error, dict) else None
