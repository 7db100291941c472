"""Tools of Home Assistant's LLM APIs as the functions that OpenAI accepts.

OpenAI refuses a whole request for one function whose name, description or parameters it does
not take. See https://platform.openai.com/docs/guides/function-calling.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
import hashlib
import inspect
import re
from typing import Any, Final

from homeassistant.helpers import llm
import probatio

from .llm_schema import to_function_parameters
from .types import Json

MAX_NAME_LENGTH: Final = 64
MAX_DESCRIPTION_LENGTH: Final = 1024
MAX_FUNCTIONS: Final = 128
"""Functions in one request or session."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INVALID_CHARACTERS = re.compile(r"[^A-Za-z0-9_-]+")
_DIGEST_LENGTH = 8
_BOOLEAN = inspect.unwrap(probatio.Boolean)


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


def build_function_tools(
    tools: Iterable[llm.Tool],
    custom_serializer: Callable[[Any], Any] | None = None,
    *,
    reserved_names: Collection[str] = (),
    max_functions: int = MAX_FUNCTIONS,
) -> FunctionTools:
    """Return the functions of these tools.

    A tool's function has the same name in every call as long as no other function takes it.
    `reserved_names` are those of other functions in the request, which count for the limit.
    Tools that cannot be described to OpenAI, and those over the limit, are in `excluded`.
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
            parameters, hint = describe_parameters(tool, custom_serializer)
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

    Returns `({"type": "object", "properties": …}, hint)` and raises ValueError, as
    `llm_schema.to_function_parameters` does.
    """
    schema = probatio.to_openapi(
        tool.parameters,
        custom_serializer=_with_booleans(custom_serializer or llm.selector_serializer),
        openapi_version="3.1.0",
    )
    return to_function_parameters(schema)


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
