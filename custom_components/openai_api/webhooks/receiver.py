"""Receives the webhook calls of a server."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from http import HTTPStatus
import time
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientError, web
from aiohttp.hdrs import CONTENT_LENGTH, METH_POST
from aiohttp.http import HttpProcessingError
from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey
import orjson

from ..api.host import ServiceHost
from ..const import CONF_WEBHOOK_SECRET, DOMAIN, EVENT_WEBHOOK, LOGGER
from ..events import fire
from .signature import TOLERANCE, async_get_sdk_webhooks, verify_signature

if TYPE_CHECKING:
    from openai.resources.webhooks import AsyncWebhooks

MAX_BODY: Final = 1024 * 1024
"""Bytes: OpenAI's events have a few hundred."""
_SMALL_BODY: Final = 16 * 1024
"""Bytes that are read of every call; only a few larger bodies are read at the same time."""
MAX_LARGE_BODIES: Final = 8
_READ_TIMEOUT: Final = 10
# Longer than others could replay a call; the server itself retries for hours.
DEDUPLICATION_SECONDS: Final = 3600
MAX_DELIVERIES: Final = 50_000
# Seconds: less than Home Assistant takes to restart.
CLOCK_SKEW: Final = 3
_SIGNATURE_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class _RejectReason(StrEnum):
    """Why a call is refused, in the words of the log."""

    UNSIGNED = "it is not signed"
    TOO_LARGE = "it is too large"
    TIME = "its time is too far from the time here"
    UNREADABLE = "it could not be read"
    SIGNATURE = "it is not signed with the signing secret in the options"
    NO_EVENT = "it holds no event"
    TOO_MANY = "there were too many"


_STATUS: Final = {
    _RejectReason.UNSIGNED: HTTPStatus.UNAUTHORIZED,
    _RejectReason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    _RejectReason.TIME: HTTPStatus.UNAUTHORIZED,
    _RejectReason.UNREADABLE: HTTPStatus.BAD_REQUEST,
    _RejectReason.SIGNATURE: HTTPStatus.UNAUTHORIZED,
    _RejectReason.NO_EVENT: HTTPStatus.BAD_REQUEST,
    _RejectReason.TOO_MANY: HTTPStatus.SERVICE_UNAVAILABLE,
}


class _RejectedError(Exception):
    """A call is refused."""

    def __init__(self, reason: _RejectReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _DeliveryLog:
    """The deliveries that were accepted, for as long as they could be replayed."""

    made: float = field(default_factory=time.monotonic)
    """When the log began, as a time of `time.monotonic` in seconds."""
    taken: dict[str, float] = field(default_factory=dict)
    """When each was accepted, on the same clock, the oldest first."""

    @property
    def since(self) -> int:
        """The Unix timestamp at which the log began: earlier calls may have been accepted already."""
        return int(time.time() - (time.monotonic() - self.made)) - CLOCK_SKEW

    def register(self, delivery: str) -> bool:
        """Add a delivery; return whether it is a new one."""
        now = time.monotonic()
        while self.taken and (oldest := next(iter(self.taken))):
            if self.taken[oldest] > now - DEDUPLICATION_SECONDS:
                break
            del self.taken[oldest]
        if delivery in self.taken:
            return False
        if len(self.taken) >= MAX_DELIVERIES:
            raise _RejectedError(_RejectReason.TOO_MANY)
        self.taken[delivery] = now
        return True


# They are kept over a reload of the entry.
_DELIVERY_LOGS: HassKey[dict[str, _DeliveryLog]] = HassKey(f"{DOMAIN}_webhook_deliveries")
_ADDRESSES: HassKey[dict[str, str]] = HassKey(f"{DOMAIN}_webhook_addresses")
"""The ids of the registered webhooks by those of their entries."""

type _Handler = Callable[[HomeAssistant, str, web.Request], Awaitable[web.Response]]


@callback
def get_webhook_id(hass: HomeAssistant, entry: ConfigEntry[Any]) -> str:
    """Return the secret part of the entry's webhook URL, created once and stored."""
    webhook_id: str | None = entry.options.get(CONF_WEBHOOK_ID)
    if webhook_id is None:
        webhook_id = webhook.async_generate_id()
        options = {**entry.options, CONF_WEBHOOK_ID: webhook_id}
        hass.config_entries.async_update_entry(entry, options=options)
    return webhook_id


async def async_receive(host: ServiceHost) -> WebhookReceiver | None:
    """Receive webhook calls until the entry is unloaded; None without a signing secret."""
    hass, entry = host.hass, host.entry
    secret = entry.options.get(CONF_WEBHOOK_SECRET)
    if not secret or not isinstance(secret, str):
        return None
    webhooks = await async_get_sdk_webhooks(hass, host.client)
    memory = hass.data.setdefault(_DELIVERY_LOGS, {}).setdefault(entry.entry_id, _DeliveryLog())
    receiver = WebhookReceiver(host, webhooks, secret, memory)
    get_webhook_id(hass, entry)
    _register(hass, entry, receiver.async_handle)
    entry.async_on_unload(partial(hold, hass, entry))
    return receiver


@callback
def _register(hass: HomeAssistant, entry: ConfigEntry[Any], handler: _Handler) -> None:
    """Let a handler take the calls for an entry, if it has an address and a signing secret."""
    _unregister(hass, entry)
    webhook_id: str | None = entry.options.get(CONF_WEBHOOK_ID)
    if webhook_id is not None and entry.options.get(CONF_WEBHOOK_SECRET):
        addresses = hass.data.setdefault(_ADDRESSES, {})
        if webhook_id in addresses.values():
            LOGGER.warning(
                "%s has the webhook address of another service, and receives no calls", entry.title
            )
            return
        addresses[entry.entry_id] = webhook_id
        webhook.async_register(
            hass, DOMAIN, entry.title, webhook_id, handler, allowed_methods=[METH_POST]
        )


@callback
def _unregister(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Give up the address of an entry, which may have another one by now."""
    if webhook_id := hass.data.get(_ADDRESSES, {}).pop(entry.entry_id, None):
        webhook.async_unregister(hass, webhook_id)


@callback
def hold(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Refuse the calls for an entry while it is not loaded, so that the server sends them again.

    Home Assistant would tell the server that they were received.
    """
    _register(hass, entry, _async_refuse)


async def _async_refuse(_: HomeAssistant, __: str, request: web.Request) -> web.Response:
    """Refuse a call."""
    return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)


@callback
def forget(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Delete the delivery log of an entry that is removed, and give up its address."""
    hass.data.get(_DELIVERY_LOGS, {}).pop(entry.entry_id, None)
    _unregister(hass, entry)


class WebhookReceiver:
    """Receives the calls for one entry, and fires their events."""

    def __init__(
        self,
        host: ServiceHost,
        webhooks: AsyncWebhooks,
        secret: str,
        delivery_log: _DeliveryLog,
    ) -> None:
        """Initialize the receiver."""
        self._host = host
        self._entry = host.entry
        self._webhooks = webhooks
        self._secret = secret
        self._delivery_log = delivery_log
        self._large_bodies = asyncio.Semaphore(MAX_LARGE_BODIES)
        self.received = 0
        """Events that were fired."""
        self.refused: Counter[str] = Counter()
        """Refused calls by reason."""

    async def async_handle(
        self, hass: HomeAssistant, webhook_id: str, request: web.Request
    ) -> web.Response:
        """Handle a call; the response has no more than a status."""
        try:
            await self._async_process(hass, request)
        except _RejectedError as err:
            self._count(err.reason)
            return web.Response(status=_STATUS[err.reason])
        return web.Response()

    async def _async_process(self, hass: HomeAssistant, request: web.Request) -> None:
        """Fire the event of a genuine call that is not a duplicate."""
        headers = {name: request.headers.get(name, "") for name in _SIGNATURE_HEADERS}
        if not all(headers.values()):
            raise _RejectedError(_RejectReason.UNSIGNED)
        self._validate_timestamp(headers["webhook-timestamp"])
        if _parse_int(request.headers.get(CONTENT_LENGTH, "0")) > MAX_BODY:
            raise _RejectedError(_RejectReason.TOO_LARGE)
        body = await self._async_read(request)
        try:
            verify_signature(self._webhooks, body, headers, self._secret)
        except ValueError:
            raise _RejectedError(_RejectReason.SIGNATURE) from None
        event = _parse_event(body)
        # A delivery keeps its id when the server sends it again.
        delivery = headers["webhook-id"]
        if not self._delivery_log.register(delivery):
            return
        self.received += 1
        data = {
            "config_entry_id": self._entry.entry_id,
            "webhook_event_id": event.get("id") or delivery,
            "event_type": event.get("type"),
            "event": event,
        }
        fire(hass, EVENT_WEBHOOK, data, None)

    async def _async_read(self, request: web.Request) -> bytes:
        """Return the body, up to `MAX_BODY` bytes.

        Nothing is known of the caller yet, and a thousand large bodies would fill the memory.
        """
        body = bytearray()
        content = request.content
        try:
            async with asyncio.timeout(_READ_TIMEOUT), AsyncExitStack() as stack:
                while piece := await content.read(_SMALL_BODY):
                    if len(body) <= _SMALL_BODY < len(body) + len(piece):
                        if self._large_bodies.locked():
                            raise _RejectedError(_RejectReason.TOO_MANY)
                        await stack.enter_async_context(self._large_bodies)
                    body += piece
                    if len(body) > MAX_BODY:
                        raise _RejectedError(_RejectReason.TOO_LARGE)
        except ClientError, HttpProcessingError, OSError, web.RequestPayloadError:
            # Invalid compression or chunks, or a caller that is gone or stalls.
            raise _RejectedError(_RejectReason.UNREADABLE) from None
        return bytes(body)

    def _validate_timestamp(self, stamp: str) -> None:
        """Refuse a call by its time alone, before its body is read."""
        signed = _parse_int(stamp)
        if abs(signed - int(time.time())) > TOLERANCE or signed < self._delivery_log.since:
            raise _RejectedError(_RejectReason.TIME)

    @callback
    def _count(self, reason: _RejectReason) -> None:
        """Count a refused call; each reason is logged once."""
        if reason.name not in self.refused:
            LOGGER.warning(
                "A webhook call for %s was refused, since %s. Others of the kind are only counted",
                self._entry.title,
                reason,
            )
        self.refused[reason.name] += 1
        self._host.usage.count("refused_webhooks")


def _parse_int(text: str) -> int:
    """Return the number in a header."""
    try:
        return int(text)
    except ValueError:
        raise _RejectedError(_RejectReason.UNREADABLE) from None


def _parse_event(body: bytes) -> dict[str, object]:
    """Return the event in a body."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        raise _RejectedError(_RejectReason.NO_EVENT)
    return event
