"""What a row of the action catalogue is made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeassistant.core import ServiceResponse

    from .dispatch import ActionCall
    from .streaming.base import StreamAccumulator

type Json = dict[str, Any]
type ActionHandler = Callable[[ActionCall], Awaitable[ServiceResponse]]
type FieldEncoder = Callable[[ActionCall, Json, Any], Awaitable[None]]


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


class ModelKind(StrEnum):
    """What a model is asked for; the keys of the entry's option `default_models`."""

    CHAT = "chat"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    EMBEDDING = "embedding"
    REALTIME = "realtime"


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
    """Works the value into the other arguments, for what the method has no argument of its own."""
    fields: tuple[FieldDescription, ...] = ()
    """The values in an object that have a box of their own in the form; others pass, too."""


@dataclass(frozen=True, kw_only=True)
class Poll:
    """How to wait for something that the host works on: ask again until its status settles."""

    method: str
    """The SDK method that returns the object again."""
    path_arguments: Mapping[str, str]
    """Its arguments, each with the key of the answer to take it from.

    An argument that the action has as a field, too, is taken from there.
    """
    in_progress_statuses: frozenset[str]
    """The statuses that mean: not yet."""


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
    poll: Poll | None = None
    """Waits for the answer to settle; adds the fields that say how patiently."""
    in_progress_statuses: frozenset[str] | None = None
    """The statuses in which the host still works on what this returns; `watch_job` watches it."""
    handler: ActionHandler | None = None
    """Replaces the common path; the exception, named in its row."""
    request_options: bool = True
    """Whether `timeout`, `extra_query` and `extra_body` apply."""

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


def required(*fields: FieldDescription) -> tuple[FieldDescription, ...]:
    """Return the fields as ones that an action cannot do without."""
    return tuple(replace(item, required=True) for item in fields)


def advanced(*fields: FieldDescription) -> tuple[FieldDescription, ...]:
    """Return the fields as members of the collapsed section for rarer settings."""
    return tuple(replace(item, section=Section.ADVANCED) for item in fields)
