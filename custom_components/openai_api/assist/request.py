"""Builds the request for one round of a turn, and knows what a service has turned out to take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
import re
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError
from yarl import URL

from ..api.host import ServiceHost
from ..api.request_defaults import response_format
from ..api.service_kinds import kind_of
from ..const import LOGGER
from ..llm_tools import FunctionTools
from ..types import Json
from . import wire_chat, wire_responses
from .const import (
    CONF_EXTRA_BODY,
    CONF_HOST_TOOLS,
    CONF_MAX_OUTPUT_TOKENS,
    CONF_MODEL,
    CONF_REASONING_EFFORT,
    CONF_SERVICE_TIER,
    CONF_STORE,
    CONF_TEMPERATURE,
    CONF_TOP_P,
    CONF_VERBOSITY,
)
from .contents import NO_SYSTEM_ROLE, NULL_TEXT, REASONING, SHORT_IDS, USER_FIRST
from .errors import (
    is_empty_text_refused,
    is_order_refused,
    is_stream_refused,
    is_system_role_refused,
    names,
    wants_short_ids,
)
from .refusals import leave_out, name_of, refused_function, refused_option, value_in

RESPONSES: Final = "responses"
RESPONSES_SOCKET: Final = "responses_socket"
"""Responses over a WebSocket, and over HTTP where there is none."""
CHAT: Final = "chat_completions"
METHODS: Final[Mapping[str, str]] = {
    RESPONSES: wire_responses.METHOD,
    CHAT: wire_chat.METHOD,
}
_OPENAI: Final = "api.openai.com"
# Models of OpenAI that think, and can hand their thoughts over sealed.
_THINKS: Final = re.compile(r"(?:gpt-(?:[5-9]|\d\d)|o\d)(?!.*chat)")
_STREAM_OPTIONS: Final = "stream_options"
_MAX_COMPLETION_TOKENS: Final = "max_completion_tokens"
_MAX_TOKENS: Final = "max_tokens"
_TOOL_CHOICE: Final = "tool_choice"
_LEFT_OUT: Final = "left_out"
"""Key of `ServiceHost.known`: the options that a model does not take with a value, by its name."""
_MOST_REFUSED: Final = 8
"""Functions that a service may refuse: whoever refuses more refuses them all."""
_REFUSED_FUNCTIONS: Final = "refused_functions"
"""Key of `ServiceHost.known`: the functions whose parameters a model does not take, by its name."""
_UNSTREAMED: Final = "unstreamed"
"""Key of `ServiceHost.known`: the models that cannot be streamed."""
_WANTS: Final = "wants"
"""Key of `ServiceHost.known`: what messages of chat completions must be like for a model."""
_THINKS_FIRST: Final = "thinks_first"
"""Key of `ServiceHost.known`: the models of whose thoughts the end alone is written."""
_STRICT: Final = "strict"
_NAMES_STRICT: Final = re.compile(r"\bstrict\b")


@dataclass(slots=True, kw_only=True)
class Structure:
    """The structure that an answer must have: a JSON Schema with an object at its root."""

    name: str
    schema: Json
    mode: str
    """`json_schema`, `json_object` or `prompt`."""


@dataclass(slots=True, kw_only=True)
class Question:
    """What stays the same in all rounds of a turn."""

    host: ServiceHost
    options: Mapping[str, Any]
    functions: FunctionTools
    """The tools of Home Assistant, as `tools.functions` describes them."""
    cache_key: str
    structure: Structure | None = None
    turns: int = 0
    """The latest turns of the conversation that the model has room for, 0 for all."""
    _tools: dict[str, list[Json]] = field(default_factory=dict)

    def body(self, api: str, system: str, items: list[Json], *, may_call: bool) -> Json:
        """Return the body of a request: `{"model": …, "stream": true, …}`.

        `items` are the Responses `input` or the chat `messages`. Without `may_call` the model must
        answer in words. `api` is `RESPONSES` or chat completions.
        """
        body = self._responses(system, items) if api == RESPONSES else self._chat(items)
        refused = self._known_of_model(_REFUSED_FUNCTIONS)
        if tools := [tool for tool in self._tools_for(api) if name_of(tool) not in refused]:
            body["tools"] = tools
            if not may_call:
                if self._takes(_TOOL_CHOICE):
                    body[_TOOL_CHOICE] = "none"
                else:
                    del body["tools"]
        for option, value in self._known_of_model(_LEFT_OUT):
            if value_in(body, option) == value:
                leave_out(body, option)
        body.update(self.options.get(CONF_EXTRA_BODY) or {})
        return body

    def _tools_for(self, api: str) -> list[Json]:
        """Return all tools as an API takes them."""
        if (found := self._tools.get(api)) is None:
            make = wire_responses.tool if api == RESPONSES else wire_chat.tool
            found = [make(function) for function in self.functions.definitions]
            if not self._takes(_STRICT):
                for tool in found:
                    tool.pop(_STRICT, None)
            found += self.options.get(CONF_HOST_TOOLS) or ()
            self._tools[api] = found
        return found

    def _responses(self, system: str, items: list[Json]) -> Json:
        """Return the body of a Responses request."""
        options = self.options
        model = options[CONF_MODEL]
        store = bool(options.get(CONF_STORE))
        body: Json = {"model": model, "input": items, "stream": self._streams, "store": store}
        if system.strip():
            body["instructions"] = system
        for key in (CONF_MAX_OUTPUT_TOKENS, CONF_TEMPERATURE, CONF_TOP_P, CONF_SERVICE_TIER):
            if (value := options.get(key)) is not None:
                body[key] = value
        if effort := options.get(CONF_REASONING_EFFORT):
            body["reasoning"] = {"effort": effort}
        text: Json = {}
        if verbosity := options.get(CONF_VERBOSITY):
            text["verbosity"] = verbosity
        if (structure := self.structure) is not None:
            if structure.mode == "json_schema":
                text["format"] = {
                    "type": "json_schema",
                    "name": structure.name,
                    "schema": structure.schema,
                    "strict": True,
                }
            elif structure.mode == "json_object":
                text["format"] = {"type": "json_object"}
        if text:
            body["text"] = text
        kind = kind_of(self.host.entry.data, self.host.entry.options)
        if kind is not None and not kind.obeys_text_format:
            form = response_format(text.get("format"))
            body |= {} if form is None else {"response_format": form}
        if self._is_openai:
            body["prompt_cache_key"] = self.cache_key
            if not store and _THINKS.match(model):
                body["include"] = ["reasoning.encrypted_content"]
        return body

    def _chat(self, messages: list[Json]) -> Json:
        """Return the body of a chat completion."""
        options = self.options
        streams = self._streams
        body: Json = {"model": options[CONF_MODEL], "messages": messages, "stream": streams}
        if streams and self._takes(_STREAM_OPTIONS):
            body[_STREAM_OPTIONS] = {"include_usage": True}
        for key in (
            CONF_TEMPERATURE,
            CONF_TOP_P,
            CONF_REASONING_EFFORT,
            CONF_VERBOSITY,
            CONF_SERVICE_TIER,
        ):
            if (value := options.get(key)) is not None:
                body[key] = value
        if options.get(CONF_STORE):
            body[CONF_STORE] = True
        if (limit := options.get(CONF_MAX_OUTPUT_TOKENS)) is not None:
            known = self._takes(_MAX_COMPLETION_TOKENS)
            body[_MAX_COMPLETION_TOKENS if known else _MAX_TOKENS] = limit
        if (structure := self.structure) is not None:
            if structure.mode == "json_schema":
                body["response_format"] = {
                    "type": "json_schema",
                    "json_schema": {
                        "name": structure.name,
                        "schema": structure.schema,
                        "strict": True,
                    },
                }
            elif structure.mode == "json_object":
                body["response_format"] = {"type": "json_object"}
        if self._is_openai:
            body["prompt_cache_key"] = self.cache_key
        return body

    @property
    def _is_openai(self) -> bool:
        """Whether the service knows what only OpenAI does."""
        return URL(self.host.settings.base_url).host == _OPENAI

    def _takes(self, parameter: str) -> bool:
        """Tell whether the service has not refused a parameter so far."""
        return parameter not in self.host.known.get("refused_parameters", ())

    def _may_leave_out(self, option: str) -> bool:
        """Return whether a request may lack an option: without `store`, OpenAI keeps answers."""
        return option != CONF_STORE or not self._is_openai

    def _known_of_model(self, key: str) -> set[Any]:
        """Return what of a kind is known not to be taken by the model."""
        found: set[Any] = self.host.known.setdefault(key, {}).setdefault(
            self.options[CONF_MODEL], set()
        )
        return found

    @property
    def _streams(self) -> bool:
        """Whether the service has not refused to stream this model."""
        return self.options[CONF_MODEL] not in self.host.known.get(_UNSTREAMED, ())

    @property
    def wants(self) -> set[str]:
        """What messages must be like for the model, as `contents.messages` takes it.

        Models of DeepSeek and Moonshot want their thoughts back, templates of Gemma know no system.
        """
        return self._known_of_model(_WANTS)

    @property
    def thinks_first(self) -> bool:
        """Whether the thoughts of the model have an end alone, for its template begins them."""
        return self.options[CONF_MODEL] in self.host.known.get(_THINKS_FIRST, ())

    def learn_thinks_first(self) -> None:
        """Remember that a thought has ended that had not begun."""
        self.host.known.setdefault(_THINKS_FIRST, set()).add(self.options[CONF_MODEL])

    def learn(self, err: HomeAssistantError, body: Json) -> bool:
        """Remember what of ours a service refuses or misses; return whether to ask again."""
        # What the user adds to each request would be refused again.
        added = self.options.get(CONF_EXTRA_BODY) or {}
        refused: set[str] = self.host.known.setdefault("refused_parameters", set())
        for parameter in (_STREAM_OPTIONS, _MAX_COMPLETION_TOKENS, _TOOL_CHOICE):
            if parameter in body and parameter not in added and names(err, parameter):
                refused.add(parameter)
                return True
        said = f"{getattr(err, 'param', None) or ''} {getattr(err, 'message', None) or ''}"
        is_sent = any(_STRICT in tool for tool in body.get("tools", ()))
        if is_sent and _NAMES_STRICT.search(said) and names(err, _STRICT):
            refused.add(_STRICT)
            self._tools.clear()
            return True
        functions = self._known_of_model(_REFUSED_FUNCTIONS)
        function = refused_function(err, body) if len(functions) < _MOST_REFUSED else None
        if function is not None:
            functions.add(function)
            name = self.host.entry.title
            LOGGER.warning("%s does not take the tool %s: %s", name, function, err)
            return True
        if (option := refused_option(err)) is not None and self._may_leave_out(option):
            value = value_in(body, option)
            if value is not None and value_in(added, option) is None:
                left_out = self._known_of_model(_LEFT_OUT)
                if (option, value) not in left_out:
                    left_out.add((option, value))
                    model, name = self.options[CONF_MODEL], self.host.entry.title
                    LOGGER.warning("The model %s of %s does not take %s", model, name, option)
                # Another turn may have been told the same meanwhile.
                return True
        if body["stream"] and is_stream_refused(err):
            # OpenAI streams some models to verified organizations alone.
            self.host.known.setdefault(_UNSTREAMED, set()).add(self.options[CONF_MODEL])
            return True
        return self._learn_wanted(err, body)

    def _learn_wanted(self, err: HomeAssistantError, body: Json) -> bool:
        """Remember what messages must be like for the model; return whether that is new."""
        is_chat = "messages" in body
        roles = [item.get("role") for item in body["messages" if is_chat else "input"]]
        wanted: str | None = None
        if is_order_refused(err) and _first_said(roles) == "assistant":
            wanted = USER_FIRST
        elif not is_chat:
            return False
        elif names(err, REASONING):
            wanted = REASONING
        elif wants_short_ids(err):
            wanted = SHORT_IDS
        elif is_empty_text_refused(err):
            wanted = NULL_TEXT
        elif is_order_refused(err) or is_system_role_refused(err):
            if "system" in roles:
                wanted = NO_SYSTEM_ROLE
            else:
                # It was something else, then.
                self.wants.discard(NO_SYSTEM_ROLE)
        if wanted is None or wanted in self.wants:
            return False
        self.wants.add(wanted)
        return True


def _first_said(roles: Iterable[str | None]) -> str | None:
    """Return whose words come first, instructions aside."""
    return next((role for role in roles if role != "system"), None)


def arguments(api: str, body: Json) -> Json:
    """Return the arguments of the SDK's method: `{"model": …, "extra_body": body, …}`.

    The body is sent as it is: what goes through the SDK's own parameters would be walked through and copied.
    """
    required: Json = {"input": ""} if api == RESPONSES else {"messages": []}
    return {"model": body["model"], **required, "extra_body": body}
