"""Tools of Home Assistant's LLM APIs as the functions that OpenAI accepts.

OpenAI refuses a whole request for one function whose name, description or parameters it does
not take. See https://platform.openai.com/docs/guides/function-calling.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
import hashlib
import inspect
import re
from typing import Any, Final

from homeassistant.helpers import intent, llm
from homeassistant.helpers.json import json_dumps_sorted
import probatio

from .llm_schema import to_function_parameters
from .types import Json

MAX_NAME_LENGTH: Final = 64
MAX_DESCRIPTION_LENGTH: Final = 1024
MAX_FUNCTIONS: Final = 128
"""Functions in one request or session."""
MAX_CALLS: Final = 100
"""Tool calls that a model may make for one request of a person or an automation."""
MAX_SAME_CALLS: Final = 10
"""Those of them about the same thing."""
MAX_CONCURRENT_CALLS: Final = 4
LIMIT_REACHED: Final = "Too many calls. Nothing was done. Say what is done and what is not."
"""What a model is told of a call beyond the limit."""
_NAMING = frozenset(
    {
        *("name", "area", "floor", "domain", "device_class"),
        *("entity_id", "device_id", "area_id", "floor_id", "label_id"),
    }
)
"""The arguments that say what a call is about."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INVALID_CHARACTERS = re.compile(r"[^A-Za-z0-9_-]+")
_DIGEST_LENGTH = 8
_BOOLEAN = inspect.unwrap(probatio.Boolean)
type Convert = Callable[
    [llm.Tool, Callable[[Any], Any] | None],
    tuple[Json, str],
]


@dataclass(frozen=True, kw_only=True)
class FunctionTools:
    """The functions of a set of tools, and how they lead back to the tools."""

    definitions: list[Json] = field(default_factory=list)
    """`{"name": …, "description": …, "parameters": …}` each, in the order of the tools."""
    tool_names: Mapping[str, str] = field(default_factory=dict)
    """The name of the tool by the name of its function."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Why a tool is not offered, by the name of the tool."""

    def tool_name(self, function_name: str) -> str | None:
        """Return the name of the tool that a model calls; None for a function of others."""
        return self.tool_names.get(function_name)

    def function_name(self, tool_name: str) -> str:
        """Return the name of a tool's function, also of a tool that is not offered any more."""
        if self.tool_names.get(tool_name) == tool_name:
            return tool_name
        names = (name for name, tool in self.tool_names.items() if tool == tool_name)
        return next(names, None) or valid_function_name(tool_name)

    def rename_in(self, text: str) -> str:
        """Return a text in which tools are called as their functions are.

        The instructions of merged LLM APIs list the names of their tools.
        """
        renamed = {tool: name for name, tool in self.tool_names.items() if tool != name}
        if not renamed:
            return text
        names = "|".join(re.escape(tool) for tool in sorted(renamed, key=len, reverse=True))
        pattern = rf"(?<![A-Za-z0-9_-])(?:{names})(?![A-Za-z0-9_-])"
        return re.sub(pattern, lambda match: renamed[match[0]], text)


class ToolCallLimit:
    """Counts the tool calls of a model in one turn: a burst of them must not wear out a relay.

    What counts is the thing that a call is about, however it is named and whatever is done to it:
    ten brightnesses are ten calls, and so are on and off in turns. Calls that look something up or
    only add something, and those that name no thing, count by their arguments.
    """

    def __init__(self, api: llm.APIInstance, most: int = MAX_CALLS) -> None:
        """Start without calls; `most` is how many there may be of all kinds."""
        self._hass, self._assistant = api.api.hass, api.llm_context.assistant
        self._harmless = {tool.name for tool in api.tools if _is_harmless(tool)}
        self._most = most
        self.reset()

    def reset(self) -> None:
        """Forget the calls."""
        self._calls = 0
        self._first: list[tuple[str, Any]] = []
        """The calls that were not looked at yet: so few cannot be too many."""
        self._counts: Counter[str] = Counter()
        self._known: dict[str, frozenset[str]] = {}
        """The entities that a call means, by what it says of them: to find them takes time."""

    def start_call(self, tool_name: str, arguments: Any) -> bool:
        """Count a call; return whether it may be made."""
        if self._calls >= self._most or len(self._known) > self._most:
            return False
        if self._calls < MAX_SAME_CALLS:
            self._calls += 1
            self._first.append((tool_name, arguments))
            return True
        for call in self._first:
            self._counts.update(self._subjects(*call))
        self._first.clear()
        subjects = self._subjects(tool_name, arguments)
        if any(self._counts[subject] >= MAX_SAME_CALLS for subject in subjects):
            return False
        self._calls += 1
        self._counts.update(subjects)
        return True

    def _subjects(self, tool_name: str, arguments: Any) -> frozenset[str]:
        """Return the things that a call is about, or else its arguments."""
        # On and off are two tools with the same arguments, so the name only counts without any.
        whole = frozenset([_as_text(arguments) if arguments else tool_name])
        named = {} if tool_name in self._harmless else _named(arguments)
        if not named:
            return whole
        key = _as_text(named).casefold()
        if (subjects := self._known.get(key)) is None:
            subjects = self._known[key] = self._entities(named)
        if not subjects:
            return frozenset([key])
        # A list does not wear out: its items are what a call is about.
        return frozenset(item for item in subjects if not item.startswith("todo.")) or whole

    def _entities(self, named: Mapping[str, list[str]]) -> frozenset[str]:
        """Return the entities that a call means, as Home Assistant's intents find them."""
        if ids := named.get("entity_id"):
            return frozenset(item.strip().lower() for item in ",".join(ids).split(","))

        def first(key: str) -> str | None:
            return next(iter(named.get(key, ())), None)

        name = first("name")
        constraints = intent.MatchTargetsConstraints(
            name=None if name == "all" else name,
            area_name=first("area"),
            floor_name=first("floor"),
            domains=named.get("domain"),
            device_classes=named.get("device_class"),
            assistant=self._assistant,
            allow_duplicate_names=True,
        )
        if not constraints.has_constraints:
            return frozenset()
        matched = intent.async_match_targets(self._hass, constraints)
        return frozenset(state.entity_id for state in matched.states)


def _is_harmless(tool: llm.Tool) -> bool:
    """Return whether a tool looks something up, or adds something, as an item to a list."""
    says: object = tool.annotations
    # Tools come from any integration, which may have other ideas of them.
    return isinstance(says, llm.ToolAnnotations) and (says.read_only or not says.destructive)


def _named(arguments: Any) -> dict[str, list[str]]:
    """Return what arguments say of the things that they are about: `{"name": ["Lamp"], …}`.

    A tool for any action of Home Assistant has them in `target` and `data`.
    """
    if not isinstance(arguments, Mapping):
        return {}
    named: dict[str, list[str]] = {}
    for place in (arguments, arguments.get("target"), arguments.get("data")):
        if not isinstance(place, Mapping):
            continue
        for key in _NAMING & place.keys():
            values = place[key] if isinstance(place[key], list) else [place[key]]
            texts = (" ".join(item.split()) for item in values if isinstance(item, str))
            named.setdefault(key, []).extend(filter(None, texts))
    return {key: sorted(values) for key, values in named.items() if values}


def _as_text(arguments: Any) -> str:
    """Return arguments as one text, the same for the same ones."""
    try:
        return json_dumps_sorted(arguments)
    except TypeError:
        return repr(arguments)


def build_function_tools(
    tools: Iterable[llm.Tool],
    custom_serializer: Callable[[Any], Any] | None = None,
    *,
    reserved_names: Collection[str] = (),
    max_functions: int = MAX_FUNCTIONS,
    convert: Convert | None = None,
) -> FunctionTools:
    """Return the functions of these tools.

    A tool's function has the same name in every call as long as no other function takes it.
    `reserved_names` are those of other functions in the request, which count for the limit.
    Tools that cannot be described to OpenAI, and those over the limit, are in `excluded`.
    `convert` stands in for `describe_parameters`, for a caller that remembers what that has returned.
    """
    offered = list(tools)
    # A tool that may keep its name keeps it, whatever the names of others are turned into.
    taken = {*reserved_names, *(tool.name for tool in offered if is_valid_name(tool.name))}
    definitions: list[Json] = []
    tool_names: dict[str, str] = {}
    excluded: dict[str, str] = {}
    known: set[str] = set()
    for tool in offered:
        if tool.name in known:
            excluded[tool.name] = "another tool has the same name"
            continue
        known.add(tool.name)
        if len(definitions) + len(reserved_names) >= max_functions:
            excluded[tool.name] = f"there are more than {max_functions} functions"
            continue
        try:
            parameters, hint = (convert or describe_parameters)(tool, custom_serializer)
            description = shorten_description(tool.description or "", hint)
        except Exception as err:  # noqa: BLE001
            # Tools come from any integration, and one must not take all others with it.
            excluded[tool.name] = str(err) or type(err).__name__
            continue
        name = tool.name
        if name in reserved_names or not is_valid_name(name):
            name = function_name(name, taken)
            taken.add(name)
        tool_names[name] = tool.name
        definitions.append(
            {
                "name": name,
                "description": description,
                "parameters": parameters,
            }
        )
    return FunctionTools(definitions=definitions, tool_names=tool_names, excluded=excluded)


def describe_parameters(
    tool: llm.Tool, custom_serializer: Callable[[Any], Any] | None = None
) -> tuple[Json, str]:
    """Return the parameters of a tool's function, and a hint on what they cannot express.

    Returns `({"type": "object", "properties": …}, hint)`. Raises whatever the tool's schema makes
    the conversion raise.
    """
    schema = probatio.to_openapi(
        tool.parameters,
        custom_serializer=_with_booleans(custom_serializer or llm.selector_serializer),
        openapi_version="3.1.0",
    )
    return to_function_parameters(schema)


def valid_function_name(tool_name: str) -> str:
    """Return the name of a tool if OpenAI accepts it, else one made of it."""
    return tool_name if is_valid_name(tool_name) else function_name(tool_name)


def function_name(tool_name: str, taken: Collection[str] = ()) -> str:
    """Return a name that OpenAI accepts, made of a tool's name and a digest of it.

    Up to 64 letters, digits, underscores and hyphens. It depends on the tool's name alone
    unless that name is `taken`.
    """
    readable = _INVALID_CHARACTERS.sub("_", tool_name).strip("_")
    count = 0
    while True:
        text = f"{tool_name}\0{count}" if count else tool_name
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
        start = readable[: MAX_NAME_LENGTH - _DIGEST_LENGTH - 1].rstrip("_") or "tool"
        if (name := f"{start}_{digest}") not in taken:
            return name
        count += 1


def shorten_description(description: str, hint: str = "") -> str:
    """Return a description of at most 1,024 characters that ends with the hint."""
    text = description.strip()
    space = MAX_DESCRIPTION_LENGTH - (len(hint) + 1 if hint else 0)
    if len(text) > space:
        start = text[: space - 1]
        # Words stay whole where there are words.
        cut = start.rfind(" ")
        text = f"{start[: cut if cut > space // 2 else None].rstrip()}…"
    return f"{text} {hint}".strip() if hint else text


def is_valid_name(name: str) -> bool:
    """Return whether OpenAI accepts this name of a function."""
    return _NAME.fullmatch(name) is not None


def _with_booleans(serializer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a serializer that knows Probatio's boolean, which has no type otherwise."""

    def serialize(value: Any) -> Any:
        serialized = serializer(value)
        # The serializer of merged APIs gives back what it does not know.
        is_unknown = serialized is probatio.UNSUPPORTED or serialized is value
        if is_unknown and callable(value) and inspect.unwrap(value) is _BOOLEAN:
            return {"type": "boolean"}
        return serialized

    return serialize
