"""Describes Home Assistant's LLM tools to a model, and parses and bounds its calls."""

import asyncio
from collections.abc import Iterable
from dataclasses import fields
import json
from typing import Any, Final, override
import weakref

from homeassistant.components.conversation import ChatLog, Content, ToolResultContent
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent, llm
from lru import LRU
import probatio

from ..const import LOGGER
from ..llm_tools import (
    LIMIT_REACHED,
    MAX_FUNCTIONS,
    FunctionTools,
    ToolCallLimit,
    build_function_tools,
    describe_parameters,
)
from ..streaming.text import load_json
from ..types import Json
from .errors import FAILED, AssistError

_SAME_CALLS: Final = 3
"""Rounds of a turn in which a tool may be called with the same arguments and without a new call."""
_TIMEOUT: Final = 300.0
"""Seconds: a script behind a tool may take its time, but the model waits."""
type _Parameters = tuple[Json, str]
_SCHEMAS: LRU[tuple[object, ...], tuple[object, _Parameters]] = LRU(512)
"""Descriptions of tools, by the identity of the parts of their schemas, which are kept alive."""
_CACHE: LRU[tuple[int, int], tuple[weakref.ref[llm.APIInstance], FunctionTools]] = LRU(32)
_EXCLUDED: LRU[tuple[str, str], bool] = LRU(512)
"""Names and reasons that were logged before."""


class GuardedTools(llm.APIInstance):
    """Tools whose failures are sent to the model, whatever they raise and however long they take.

    The chat log expects Home Assistant's own errors alone: any other would end the turn. It starts
    all calls of a response at once, however many there are. Small models may call the same again
    and again: what was called alike in three rounds is refused, unless the model has called
    something new meanwhile, after which it may well want to see the same once more.
    """

    round_number = 0
    limit: ToolCallLimit
    _rounds: dict[tuple[str, str], set[int]]
    """The rounds of a turn by tool name and arguments of its calls."""
    _last_new = 0
    """The last round with a new call."""

    def begin_turn(self) -> None:
        """Forget the calls of the previous turn."""
        self._rounds, self._last_new = {}, 0
        self.limit = ToolCallLimit(self)

    @override
    async def async_call_tool(self, tool_input: llm.ToolInput) -> llm.ToolResult:
        if not self.limit.start_call(tool_input.tool_name, tool_input.tool_args):
            raise HomeAssistantError(LIMIT_REACHED)
        call = tool_input.tool_name, json.dumps(tool_input.tool_args, sort_keys=True, default=str)
        if call not in self._rounds:
            self._rounds[call], self._last_new = set(), self.round_number
        rounds = self._rounds[call]
        rounds.add(self.round_number)
        if sum(number >= self._last_new for number in rounds) > _SAME_CALLS:
            raise HomeAssistantError(
                f"This was called {_SAME_CALLS} times already, and is not done again. "
                "Tell the user what the results say."
            )
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await super().async_call_tool(tool_input)
        except HomeAssistantError, probatio.Invalid:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not the turn was cancelled, but what the tool waited for.
            raise HomeAssistantError("The tool was cancelled before it had finished") from None
        except TimeoutError:
            raise HomeAssistantError(f"The tool did not finish within {_TIMEOUT:g} s") from None
        except Exception as err:
            LOGGER.debug("The tool %s failed", tool_input.tool_name, exc_info=True)
            raise HomeAssistantError(f"{type(err).__name__}: {err}") from err


async def async_provide_llm_data(
    chat_log: ChatLog,
    context: llm.LLMContext,
    apis: str | list[str] | None,
    prompt: str | None,
    extra_prompt: str | None = None,
) -> None:
    """Set the prompt and the tools of a chat log.

    Raises ConverseError, and AssistError "assist_failed" for what Home Assistant does not expect:
    the APIs of other integrations may raise anything.
    """
    try:
        await chat_log.async_provide_llm_data(context, apis, prompt, extra_prompt)
    except HomeAssistantError:
        raise
    except Exception:  # noqa: BLE001
        LOGGER.exception("The tools and the instructions for a model could not be prepared")
        raise AssistError(FAILED) from None


def guard(chat_log: ChatLog) -> GuardedTools | None:
    """Make the chat log call its tools through `GuardedTools`; return them, None without tools."""
    api = chat_log.llm_api
    if api is None:
        return None
    if not isinstance(api, GuardedTools):
        chat_log.llm_api = api = GuardedTools(
            **{item.name: getattr(api, item.name) for item in fields(api)}
        )
    api.begin_turn()
    return api


def function_tools(api: llm.APIInstance | None, others: int = 0) -> FunctionTools:
    """Return the tools as functions, sorted by name; `others` is the number of other tools.

    They are made once for an instance, so that the prompt cache of a service fits. Services reject the
    whole request for one invalid function, which is left out and logged.
    """
    if api is None:
        return FunctionTools()
    key = id(api), others
    known = _CACHE.get(key)
    if known is not None and known[0]() is api:
        return known[1]
    result = build_function_tools(
        sorted(api.tools, key=lambda tool: tool.name),
        api.custom_serializer,
        max_functions=MAX_FUNCTIONS - others,
        convert=_parameters,
    )
    for excluded in result.excluded.items():
        if excluded not in _EXCLUDED:
            _EXCLUDED[excluded] = True
            LOGGER.warning("The tool %s cannot be offered to the model: %s", *excluded)
    _CACHE[key] = (weakref.ref(api), result)
    return result


def _parameters(tool: llm.Tool, serializer: Any) -> _Parameters:
    """Return the JSON Schema of a tool's parameters, and a hint for its description.

    Home Assistant makes its tools anew for each turn, but of the same fields and validators.
    """
    fields_of = tool.parameters.schema
    key: tuple[object, ...] | None = None
    if isinstance(fields_of, dict):
        parts = [part for item in fields_of.items() for part in item]
        shape = (getattr(tool.parameters, name, None) for name in ("required", "extra"))
        key = (id(serializer), *shape, *map(id, parts))
        if (known := _SCHEMAS.get(key)) is not None:
            return known[1]
    described = describe_parameters(tool, serializer)
    if key is not None:
        _SCHEMAS[key] = ((serializer, parts), described)
    return described


def have_all_acted(contents: Iterable[Content]) -> bool:
    """Return whether tools were called, and each has acted and not only looked something up."""
    results = [item.result for item in contents if isinstance(item, ToolResultContent)]
    return bool(results) and all(_has_acted(result) for result in results)


def _has_acted(result: llm.ToolResult) -> bool:
    """Return whether a tool has acted, and returned nothing that the user should hear."""
    data = result.data
    if isinstance(data, llm.IntentResponseDict):
        response = data.original
        is_done = response.response_type is intent.IntentResponseType.ACTION_DONE
        return not result.error and is_done and not response.failed_results
    # Scripts that act return this. An empty list is the result of a look-up: there is nothing.
    says_nothing = isinstance(data, dict) and all(
        value is True or value in (None, "", {}) for value in data.values()
    )
    return not result.error and bool(data) and says_nothing


def parse_arguments(text: Any) -> dict[str, Any] | None:
    """Return the arguments of a call, `{name: value}`; None where they are no JSON object.

    Missing arguments and null are an empty object.
    """
    if isinstance(text, dict):
        # Some services send the object itself.
        return text
    if not isinstance(text, str) or not text.strip():
        return {}
    try:
        result = load_json(text.encode(errors="replace"))
        if isinstance(result, str):
            # Small models write JSON within JSON, or one call as a list of calls.
            result = load_json(result.encode(errors="replace"))
    except ValueError:
        return None
    if isinstance(result, list) and len(result) == 1:
        result = result[0]
    return {} if result is None else result if isinstance(result, dict) else None


def resolve_function_name(name: str, functions: FunctionTools) -> str:
    """Return the name of the function that a model means.

    gpt-oss writes "functions.NAME<|channel|>…", and small models leave out the domain before "__".
    """
    known = functions.tool_names
    if name in known:
        return name
    plain = name.partition("<|")[0].strip().removeprefix("functions.")
    if plain in known:
        return plain
    ends = [candidate for candidate in known if plain and candidate.endswith(f"__{plain}")]
    return ends[0] if len(ends) == 1 else name


def coerce_arguments(values: Json, name: str, functions: FunctionTools) -> Json:
    """Return the arguments of a function, `{parameter: value}`, with the types of its parameters.

    Small models write a list as a text, one text as a list, and null for what they leave out.
    """
    named = (item for item in functions.definitions if item["name"] == name)
    parameters = next(named, {}).get("parameters") or {}
    required = parameters.get("required", ())
    result: Json = {}
    for parameter, value in values.items():
        types = _types(parameters.get("properties", {}).get(parameter))
        if value is None and types and "null" not in types and parameter not in required:
            continue
        result[parameter] = _coerce(value, types)
    return result


def _coerce(value: Any, types: set[str]) -> Any:
    """Return a value unwrapped from a list or parsed from JSON, if only then it has the type."""
    if isinstance(value, list) and len(value) == 1 and types and "array" not in types:
        return value[0]
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            result = load_json(value.encode(errors="replace"))
        except ValueError:
            return value
        if isinstance(result, list) and "array" in types:
            return result
        if isinstance(result, dict) and "object" in types and "string" not in types:
            return result
    return value


def _types(schema: Any) -> set[str]:
    """Return the types that a schema allows, an empty set where it names none."""
    if not isinstance(schema, dict):
        return set()
    kind = schema.get("type", ())
    result = {kind} if isinstance(kind, str) else set(kind)
    for branch in schema.get("anyOf") or schema.get("oneOf") or ():
        result |= _types(branch)
    return result
