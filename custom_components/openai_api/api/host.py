"""The runtime state of one service: it sends requests, and records their results."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import time
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_send

from .. import issues
from ..const import SIGNAL_ERROR
from ..error_rules import is_quota_exceeded
from ..error_translation import raise_translated_errors
from ..exceptions import (
    ApiError,
    AuthenticationFailed,
    EntryUnloaded,
    HostRedirected,
    HostUnreachable,
    MethodMissing,
    sanitize,
)
from ..types import Json
from .availability import Availability
from .client import Client, SdkMethod, deadline, resolve_method
from .config import HostConfig
from .key_check import KeyCheck
from .route import RouteTable
from .usage import Usage


@dataclass(kw_only=True)
class ServiceHost:
    """The server of one loaded entry: its client, and the requests in progress."""

    hass: HomeAssistant
    entry: ConfigEntry[Any]
    settings: HostConfig
    client: Client
    usage: Usage
    availability: Availability
    last_error: str | None = None
    """Sanitized."""
    known: dict[str, Any] = field(default_factory=dict)
    """What is known of the abilities of the server since the entry was loaded; see `assist`."""
    closed: bool = False
    routes: RouteTable = field(init=False)
    """How the SDK builds its requests."""
    key_check: KeyCheck = field(init=False)
    """Decides whether the user has to enter another key."""
    _methods: dict[tuple[str, str], SdkMethod] = field(default_factory=dict)
    _active_timeouts: set[asyncio.Timeout] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start without routes: each is learned when it is first used."""
        self.routes = RouteTable(self.settings)
        self.key_check = KeyCheck(self.hass, self.entry, self.client, self.routes)

    async def method(self, name: str, response_mode: str) -> SdkMethod:
        """Return an SDK method in its `raw` or `streaming` form.

        `name` is its path, such as `vector_stores.search`. Raises MethodMissing if the installed
        SDK does not have it.
        """
        if (found := self._methods.get((name, response_mode))) is None:
            try:
                # The first access imports the resource, which would block the event loop.
                found = await self.hass.async_add_import_executor_job(
                    resolve_method, self.client, name, response_mode
                )
            except AttributeError:
                raise MethodMissing(name) from None
            self._methods[name, response_mode] = found
        return found

    @asynccontextmanager
    async def async_request_scope(self, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
        """Limit what happens inside to some seconds, and to the time that the entry is loaded.

        None is no limit. Raises EntryUnloaded once the entry is closed, and other errors as
        `translate` returns them. A refused key (401) starts reauthentication.
        """
        if self.closed:
            raise EntryUnloaded
        start = time.monotonic()
        token = deadline.set(None if seconds is None else start + seconds)
        try:
            with raise_translated_errors(self.settings, seconds):
                async with asyncio.timeout(seconds) as wait:
                    self._active_timeouts.add(wait)
                    try:
                        yield wait
                    finally:
                        self._active_timeouts.discard(wait)
            if self.usage.last_response_at >= start:
                issues.async_delete(self.hass, self.entry, issues.HOST_MOVED)
        except AuthenticationFailed as err:
            self.record_error(str(err))
            self.key_check.on_refused(str(err))
            raise
        except Exception as err:
            if self.closed:
                raise EntryUnloaded from None
            self.record_error(str(err))
            if isinstance(err, HomeAssistantError):
                self._update_availability(err, start)
            raise
        finally:
            deadline.reset(token)

    @callback
    def _update_availability(self, err: HomeAssistantError, start: float) -> None:
        """Mark the server unreachable or moved after an error of a call that started at `start`."""
        if isinstance(err, HostUnreachable):
            self.availability.mark_unreachable(sanitize(str(err), self.settings), start)
        elif isinstance(err, HostRedirected) and err.is_permanent:
            issues.async_create(self.hass, self.entry, issues.HOST_MOVED)

    @callback
    def disable_timeout(self, wait: asyncio.Timeout) -> None:
        """Remove the time limit of a scope; it still ends with the entry.

        Raises EntryUnloaded once the entry is closed.
        """
        if self.closed:
            # This would remove the limit that `close` has set.
            raise EntryUnloaded
        wait.reschedule(None)

    @callback
    def record_error(self, error: str) -> None:
        """Store the sanitized error, and notify the Last error sensor."""
        if not self.closed:
            self.last_error = sanitize(error, self.settings)
            signal = SIGNAL_ERROR.format(self.entry.entry_id)
            async_dispatcher_send(self.hass, signal, self.last_error)

    @callback
    def record_success(self, answer: object, method: str, model: object) -> None:
        """Record a successful result and the tokens it used."""
        self.key_check.on_accepted()
        if _is_quota_error(answer):
            self._report_quota_exceeded(method, model)
        elif self.usage.record_result(method, answer):
            issues.async_delete(self.hass, self.entry, issues.QUOTA_USED_UP)

    @callback
    def record_failure(self, err: HomeAssistantError, method: str, model: object) -> None:
        """Record a failed action, unless the caller can correct it."""
        if not isinstance(err, ServiceValidationError):
            self.record_error(str(err))
        if isinstance(err, MethodMissing):
            issues.async_create_method_missing(self.hass, err.method)
        elif isinstance(err, ApiError) and err.is_quota_exceeded:
            self._report_quota_exceeded(method, model)

    @callback
    def record_event(self, event: Json) -> None:
        """Record the tokens, or the exhausted quota, in a server event of a WebSocket.

        They are in `{"response": {"usage": …}}` and `{"error": …}`.
        """
        response = event.get("response")
        if _is_quota_error(event) or _is_quota_error(response):
            self._report_quota_exceeded()
        elif self.usage.record_tokens(response):
            issues.async_delete(self.hass, self.entry, issues.QUOTA_USED_UP)

    @callback
    def _report_quota_exceeded(self, method: str | None = None, model: object = None) -> None:
        """Create the issue for an exhausted quota, with the request that can be tried again."""
        if not self.closed:
            known = str(model) if model else None
            issues.async_create(
                self.hass, self.entry, issues.QUOTA_USED_UP, method=method, model=known
            )

    @callback
    def close(self) -> None:
        """Cancel the requests in progress; new ones are refused."""
        self.closed = True
        now = asyncio.get_running_loop().time()
        for wait in tuple(self._active_timeouts):
            wait.reschedule(now)


def _is_quota_error(value: object) -> bool:
    """Return whether an event, or a response that failed, says that the quota is exhausted."""
    if not isinstance(value, dict):
        return False
    details = value.get("status_details")
    error = (details if isinstance(details, dict) else value).get("error")
    if not isinstance(error, dict):
        return False
    return is_quota_exceeded(None, error.get("code") or error.get("type"), error.get("message"))
