"""Action descriptions, and one call of an action."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, partial
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant

from .api.host import ServiceHost
from .api.request import Operation, PreparedRequest, RequestOptions, async_prepare
from .api.request_defaults import defaults_for
from .exceptions import ErrorSettings
from .object_types import ObjectType
from .streaming.base import StreamAccumulator
from .types import Json, ModelKind

type FieldEncoder = Callable[[ActionCall, Json, str], Awaitable[int]]
"""Changes the arguments for the field of this key; returns the bytes of files in its value."""


class ResponseKind(StrEnum):
    """The kinds of response that an SDK method has."""

    OBJECT = "object"
    LIST = "page"
    FILE = "binary"
    NONE = "void"


class Section(StrEnum):
    """The collapsed sections of the form of an action."""

    ADVANCED = "advanced"
    REQUEST = "request"


class Permission(StrEnum):
    """Who may call an action; calls without a user, as automations make them, always may."""

    EVERYONE = "everyone"
    """Users who may control something of the service."""
    ADMINISTRATORS = "administrators"


@dataclass(frozen=True, kw_only=True)
class FieldDescription:
    """One field of an action: its validator, its selector and its texts."""

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
    """Replaces the value by what the SDK method takes."""
    fields: tuple[FieldDescription, ...] = ()
    """The values in an object that have a box of their own in the form; others pass, too."""


@dataclass(frozen=True, kw_only=True)
class ActionDescription:
    """One SDK method as an action: most actions need nothing but this description."""

    key: str
    method: str
    """The SDK method, such as `responses.create`; empty for actions without one."""
    has_entry: bool = True
    """Whether the action is for one service, as `config_entry_id` says; if not, it is for all."""
    name: str
    description: str
    icon: str
    fields: tuple[FieldDescription, ...] = ()
    permission: Permission = Permission.EVERYONE
    model_kind: ModelKind | None = None
    """Which of the entry's default models is sent where `model` is left out.

    A required `model` may then be left out if there is a default.
    """
    has_model: Callable[[Mapping[str, Any]], bool] = lambda data: "model" in data
    """Whether these arguments name a model, also within an object such as `session`."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that are sent where none are given, against defaults of the SDK's own."""
    response: ResponseKind = ResponseKind.OBJECT
    has_body: bool = True
    """Whether the request carries a body, which `extra_body` may then extend."""
    only_answers: bool = False
    """Whether the action only reads: it must be called with a response variable."""
    postprocess: Callable[[Json], Json] | None = None
    """Adds keys such as `output_text` to the API's object, whose own keys stay."""
    check: Callable[[Mapping[str, Any], Json, ErrorSettings], None] | None = None
    """Raises an ApiError if the response to these arguments is not what its status says."""
    accumulator: Callable[[], StreamAccumulator] | None = None
    """Makes one object of the events of a stream; set for every method that can stream."""
    is_streaming: Callable[[Mapping[str, Any]], bool] = lambda data: bool(data.get("stream"))
    """Whether these arguments ask for a stream."""
    empty_response: Mapping[str, Any] | None = None
    """The response of a method whose HTTP response has no body; the id is added."""
    poll: ObjectType | None = None
    """The type of the object that is polled until it is done; adds fields for that."""
    watch_as: ObjectType | None = None
    """What this returns, if `watch_job` can watch it."""
    handler: str | None = None
    """The coroutine in `handlers` that handles the call, such as `speech.async_create_speech`.

    Its module is imported with the first call. Without a handler, that is `dispatch.async_send`.
    """
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


get_action = partial(ActionDescription, has_body=False, only_answers=True)
"""An action that reads one object."""
list_action = partial(get_action, response=ResponseKind.LIST)
"""An action that reads a list."""


@dataclass(frozen=True, kw_only=True)
class ActionGroup:
    """The actions of one part of the API, in the order in which the docs name them."""

    key: str
    name: str
    actions: tuple[ActionDescription, ...]


@dataclass
class AnswerSize:
    """How long the answer is that was read."""

    bytes: int = 0


@dataclass(kw_only=True)
class ActionCall:
    """One call of an action: its service, its arguments, and the context of the caller."""

    hass: HomeAssistant
    entry: ConfigEntry[Any]
    host: ServiceHost
    """The host of the entry when the call began; it is closed when the entry is unloaded."""
    action: ActionDescription
    data: Mapping[str, Any]
    """The arguments of the SDK method, under their own names."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The fields that are no arguments of the method: `timeout`, `all_pages`, `filename`, …"""
    context: Context
    allow_paths: bool = True
    """Whether fields for files may name paths, and not only media items."""
    operation_override: Operation | None = None
    """Another SDK method than that of the action, for actions that call several."""
    answer_size: AnswerSize = field(default_factory=AnswerSize)
    """Shared by all copies: what is large is not gone through in the event loop."""

    @property
    def operation(self) -> Operation:
        """The SDK method to call."""
        return self.operation_override or self.action.operation

    @property
    def timeout(self) -> float:
        """Seconds to wait for the response, or for the next event of a stream."""
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
        """Seconds to wait for the whole response (`max_wait_seconds`); None for no limit."""
        longest: float | None = self.options.get("max_wait_seconds")
        return longest

    async def build(self, response_mode: str) -> PreparedRequest:
        """Return the SDK method with its arguments, ready to be called.

        `response_mode` is `raw` or `streaming`. Files are opened here, so that nothing is sent if
        one of them is missing. Raises MethodMissing, and what the encoders of the fields raise.
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

    def step(
        self, method: str, data: Mapping[str, Any], *, has_body: bool = True, **options: Any
    ) -> ActionCall:
        """Return the call of another SDK method that the action needs.

        `method` is its path, such as `uploads.create`, and `data` its arguments. Of the options of
        the caller only `timeout` is kept; `options` are added.
        """
        kept = {key: self.options[key] for key in ("timeout",) if key in self.options}
        return replace(
            self,
            operation_override=Operation(method=method, has_body=has_body),
            data=data,
            options=kept | options,
        )

    async def encode(self) -> tuple[dict[str, Any], int]:
        """Return the arguments as the SDK method takes them, and the size of their files in bytes.

        Returns `({argument: value, …}, size)`: the defaults of the action, the encoded fields, and
        the defaults of the kind of service. Raises what the encoders of the fields raise.
        """
        values = {**self.action.defaults, **self.data}
        size = 0
        for key, encode in self.action.encoders:
            if key in values:
                size += await encode(self, values, key)
        entry = self.entry
        extra_body = self.options.get("extra_body") or {}
        values |= defaults_for(self.operation.method, values, extra_body, entry.data, entry.options)
        return values, size


def required(*fields: FieldDescription) -> tuple[FieldDescription, ...]:
    """Return the fields as required ones."""
    return tuple(replace(item, required=True) for item in fields)


def advanced(*fields: FieldDescription) -> tuple[FieldDescription, ...]:
    """Return the fields as members of the collapsed section for advanced ones."""
    return tuple(replace(item, section=Section.ADVANCED) for item in fields)
