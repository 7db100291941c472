"""What a row of the action catalogue is made of, and one call of its action."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant, ServiceResponse

from .api.host import ServiceHost
from .api.request import Operation, PreparedRequest, RequestOptions, async_prepare
from .api.request_defaults import defaults_for
from .object_types import ObjectType
from .streaming.base import StreamAccumulator
from .types import Json, ModelKind

type ActionHandler = Callable[[ActionCall], Awaitable[ServiceResponse]]
type FieldEncoder = Callable[[ActionCall, Json, str], Awaitable[int]]
"""Changes the arguments for the field of this key; returns the bytes of files in its value."""


class ResponseKind(StrEnum):
    """The kinds of answer that an API method gives."""

    OBJECT = "object"
    LIST = "page"
    FILE = "binary"
    NONE = "void"


class Section(StrEnum):
    """The collapsed groups in which the rarer fields of an action stand."""

    ADVANCED = "advanced"
    REQUEST = "request"


class Permission(StrEnum):
    """Who may call an action; calls without a user, as automations make them, always may."""

    EVERYONE = "everyone"
    """Users who may control something of the service host."""
    ADMINISTRATORS = "administrators"


@dataclass(frozen=True, kw_only=True)
class FieldDescription:
    """One field of an action: its check, its widget and its words."""

    key: str
    name: str
    description: str
    validator: Callable[[Any], Any]
    selector: Mapping[str, Any]
    required: bool = False
    nullable: bool = False
    section: Section | None = None
    example: Any = None
    file: bool = False
    encode: FieldEncoder | None = None
    """Makes of the value what the SDK method takes; called if there is one."""
    fields: tuple[FieldDescription, ...] = ()
    """The values in an object that have a box of their own in the form; others pass, too."""


@dataclass(frozen=True, kw_only=True)
class ActionDescription:
    """One API method as an action: most need nothing but this row."""

    key: str
    method: str
    """The SDK method; empty for what is done at home and asks no host."""
    name: str
    description: str
    icon: str
    fields: tuple[FieldDescription, ...] = ()
    permission: Permission = Permission.EVERYONE
    model_kind: ModelKind | None = None
    """Which of the entry's default models stands in where `model` is left out.

    A `model` that the row requires may then be left out, too, where there is a default.
    """
    has_model: Callable[[Mapping[str, Any]], bool] = lambda data: "model" in data
    """Whether these arguments name a model, in whatever way."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that are sent where none are given, against defaults of the SDK's own."""
    response: ResponseKind = ResponseKind.OBJECT
    has_body: bool = True
    """Whether the request carries a body, which `extra_body` may then extend."""
    only_answers: bool = False
    """Whether the answer is all that calling it brings about."""
    postprocess: Callable[[Json], Json] | None = None
    """Adds to the API's object what people expect beside it."""
    check: Callable[[Mapping[str, Any], Json], None] | None = None
    """Raises a translated error where an answer, to these arguments, is not what it says it is."""
    accumulator: Callable[[], StreamAccumulator] | None = None
    """Makes one object of a stream's events; set on every method that can stream."""
    is_streaming: Callable[[Mapping[str, Any]], bool] = lambda data: bool(data.get("stream"))
    """Whether these arguments ask for a stream."""
    empty_response: Mapping[str, Any] | None = None
    """What a method without an answer is said to have done, beside its id."""
    poll: ObjectType | None = None
    """What the answer is, if it is waited for; adds the fields that say how patiently."""
    watch_as: ObjectType | None = None
    """What this returns, if `watch_job` can watch it."""
    handler: ActionHandler | None = None
    """Replaces the common path; the exception, named in its row."""
    request_options: bool = True
    """Whether `timeout`, `extra_query` and `extra_body` apply."""

    # Asked for each call, of which there may be very many.

    @cached_property
    def own_keys(self) -> frozenset[str]:
        """The keys of its own fields."""
        return frozenset(item.key for item in self.fields)

    @cached_property
    def nullable_keys(self) -> frozenset[str]:
        """The keys of the fields for which null is a value of its own."""
        return frozenset(item.key for item in self.fields if item.nullable)

    @cached_property
    def encoders(self) -> tuple[tuple[str, FieldEncoder], ...]:
        """The keys of the fields whose values are sent in another form, with what makes it."""
        return tuple((item.key, item.encode) for item in self.fields if item.encode is not None)

    @cached_property
    def operation(self) -> Operation:
        """The SDK method that the action stands for."""
        return Operation(method=self.method, has_body=self.has_body)

    @property
    def is_retired(self) -> bool:
        """Whether the vendor has deprecated this; compatible hosts may still offer it."""
        return self.name.endswith("(retired)")


@dataclass(frozen=True, kw_only=True)
class ActionGroup:
    """The actions of one part of the API, in the order in which the docs name them."""

    key: str
    name: str
    actions: tuple[ActionDescription, ...]


@dataclass(kw_only=True)
class ActionCall:
    """One call of an action: whom to ask, what, and on whose behalf."""

    hass: HomeAssistant
    entry: ConfigEntry[Any]
    host: ServiceHost
    """The one of the entry, which lets go of it when it is unloaded."""
    action: ActionDescription
    data: Mapping[str, Any]
    """The arguments of the SDK method, under their own names."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The fields that are no arguments of the method: `timeout`, `all_pages`, `filename`, …"""
    context: Context
    allow_paths: bool = True
    """Whether fields for files may name paths, and not only media items."""

    @property
    def timeout(self) -> float:
        """How long the caller waits for the answer, or for the next piece of a stream."""
        seconds = float(self.options.get("timeout") or self.host.settings.timeout)
        if self.action.accumulator is not None and self.longest is not None:
            return min(seconds, self.longest)
        return seconds

    @property
    def request_options(self) -> RequestOptions:
        """The options of the request, with the time limit that holds for it."""
        return RequestOptions.from_mapping(self.options, timeout=self.timeout)

    @property
    def longest(self) -> float | None:
        """How long the caller waits for the whole of it, in seconds; None for as long as it takes."""
        longest: float | None = self.options.get("max_wait_seconds")
        return longest

    async def build(self, response_mode: str) -> PreparedRequest:
        """Return the SDK method, ready to be called.

        Files are looked for here, so that nothing is sent when one of them is missing.
        """
        values, size = await self.encode()
        return await async_prepare(
            self.host,
            self.operation,
            values,
            self.request_options,
            response_mode=response_mode,
            upload_size=size,
        )

    @property
    def operation(self) -> Operation:
        """The SDK method that the action stands for."""
        return self.action.operation

    async def encode(self) -> tuple[dict[str, Any], int]:
        """Return the arguments as the SDK method takes them, and the bytes of files in them."""
        values = {**self.action.defaults, **self.data}
        size = 0
        for key, encode in self.action.encoders:
            if key in values:
                size += await encode(self, values, key)
        entry = self.entry
        extra_body = self.options.get("extra_body") or {}
        values |= defaults_for(self.action.method, values, extra_body, entry.data, entry.options)
        return values, size


def required(*fields: FieldDescription) -> tuple[FieldDescription, ...]:
    """Return the fields as ones that an action cannot do without."""
    return tuple(replace(item, required=True) for item in fields)


def advanced(*fields: FieldDescription) -> tuple[FieldDescription, ...]:
    """Return the fields as members of the collapsed section for rarer settings."""
    return tuple(replace(item, section=Section.ADVANCED) for item in fields)
