"""The runtime state of one service: it sends requests, and records their results."""

import asyncio
from dataclasses import dataclass, field
import time
from types import TracebackType
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_send

from .. import issues
from ..const import SIGNAL_ERROR
from ..error_rules import is_quota_exceeded
from ..error_translation import translate
from ..exceptions import (
    MAX_ERROR_TEXT,
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
    active_timeouts: set[asyncio.Timeout] = field(default_factory=set)
    """The time limits of the requests in progress."""
    key_check: KeyCheck = field(init=False)
    """Decides whether the user has to enter another key."""
    _methods: dict[tuple[str, str], SdkMethod] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start without routes: each is learned when it is first used."""
        self.routes = RouteTable(self.settings)
        self.key_check = KeyCheck(self.hass, self.entry, self.client, self.routes)

    async def method(self, name: str, response_mode: str) -> SdkMethod:
        """Return an SDK method in its `raw` or `streaming` form.

        `name` is its path, such as `vector_stores.search`. Raises MethodMissing if the installed
        SDK does not have it.
        """
        if (method := self._methods.get((name, response_mode))) is None:
            try:
                # The first access imports the resource, which would block the event loop.
                method = await self.hass.async_add_import_executor_job(
                    resolve_method, self.client, name, response_mode
                )
            except AttributeError:
                raise MethodMissing(name) from None
            self._methods[name, response_mode] = method
        return method

    def async_request_scope(self, seconds: float | None) -> RequestScope:
        """Limit what happens inside to some seconds, and to the time that the entry is loaded.

        None is no limit. Raises EntryUnloaded once the entry is closed, and other errors as
        `translate` returns them. A refused key (401) starts reauthentication.
        """
        return RequestScope(self, seconds)

    @callback
    def on_failure(self, err: Exception, start: float) -> None:
        """Record an error of a call that started at `start`."""
        if isinstance(err, AuthenticationFailed):
            self.record_error(str(err))
            self.key_check.on_refused(str(err))
            return
        self.record_error(str(err))
        if isinstance(err, HomeAssistantError):
            self._update_availability(err, start)

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
            # The facts stand behind the words of the server, which may have 500 characters.
            self.last_error = sanitize(error, self.settings, 2 * MAX_ERROR_TEXT)
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
        for wait in tuple(self.active_timeouts):
            wait.reschedule(now)


class RequestScope:
    """What `ServiceHost.async_request_scope` returns: the time limit, and what an error means.

    No generator, which would cost a short request several times as much.
    """

    __slots__ = ("_host", "_seconds", "_start", "_timeout", "_token")

    def __init__(self, host: ServiceHost, seconds: float | None) -> None:
        """Take the host, and the seconds that the requests may take."""
        self._host = host
        self._seconds = seconds

    async def __aenter__(self) -> asyncio.Timeout:
        """Begin; return the time limit, which the caller may move."""
        if self._host.closed:
            raise EntryUnloaded
        self._start = start = time.monotonic()
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()
        self._token = deadline.set(None if self._seconds is None else start + self._seconds)
        self._host.active_timeouts.add(self._timeout)
        return self._timeout

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        err: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; raise an error as the callers know it."""
        host = self._host
        try:
            await self._timeout.__aexit__(error_type, err, traceback)
        except TimeoutError as expired:
            err = expired
        finally:
            host.active_timeouts.discard(self._timeout)
            deadline.reset(self._token)
        if err is None:
            if host.usage.last_response_at >= self._start:
                issues.async_delete(host.hass, host.entry, issues.HOST_MOVED)
        elif isinstance(err, Exception):
            self._raise(err)

    def _raise(self, err: Exception) -> None:
        """Record an error, and raise it as the callers know it."""
        host = self._host
        translated = err
        if not isinstance(err, HomeAssistantError):
            translated = translate(err, host.settings, self._seconds)
        if host.closed and not isinstance(translated, AuthenticationFailed):
            raise EntryUnloaded from None
        host.on_failure(translated, self._start)
        if translated is not err or isinstance(err, TimeoutError):
            # Without the original: its text may quote the host, and tracebacks are logged.
            raise translated from None


def _is_quota_error(value: object) -> bool:
    """Return whether an event, or a response that failed, says that the quota is exhausted."""
    if not isinstance(value, dict):
        return False
    details = value.get("status_details")
    error = (details if isinstance(details, dict) else value).get("error")
    if not isinstance(error, dict):
        return False
    return is_quota_exceeded(None, error.get("code") or error.get("type"), error.get("message"))
