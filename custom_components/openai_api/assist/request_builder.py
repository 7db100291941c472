"""Builds the request for one round of a turn, without what the service has rejected before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
import re
from typing import Any, Final

from homeassistant.components.conversation import Content
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import json_dumps
from yarl import URL

from ..api.host import ServiceHost
from ..api.request_defaults import response_format
from ..api.service_kinds import kind_of
from ..const import LOGGER
from ..llm_tools import FunctionTools
from ..types import Json
from . import decoder_chat, decoder_responses
from .chat_log import (
    NO_SYSTEM_ROLE,
    NULL_TEXT,
    REASONING,
    SHORT_IDS,
    USER_FIRST,
    Attachments,
    chat_messages,
    input_items,
)
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
from .errors import (
    is_empty_text_rejected,
    is_role_order_rejected,
    is_short_ids_required,
    is_stream_rejected,
    is_system_role_rejected,
    mentions_parameter,
)
from .history import start_with_user
from .rejected_options import (
    function_name,
    option_value,
    rejected_function,
    rejected_option,
    remove_option,
)

RESPONSES: Final = "responses"
RESPONSES_WEBSOCKET: Final = "responses_socket"
"""Responses over a WebSocket, and over HTTP where there is none."""
CHAT: Final = "chat_completions"
METHODS: Final[Mapping[str, str]] = {RESPONSES: decoder_responses.METHOD, CHAT: decoder_chat.METHOD}
_OPENAI: Final = "api.openai.com"
# Models of OpenAI that reason, and return their reasoning encrypted.
_REASONING_MODELS: Final = re.compile(r"(?:gpt-(?:[5-9]|\d\d)|o\d)(?!.*chat)")
_STREAM_OPTIONS: Final = "stream_options"
_MAX_COMPLETION_TOKENS: Final = "max_completion_tokens"
_MAX_TOKENS: Final = "max_tokens"
_TOOL_CHOICE: Final = "tool_choice"
_REJECTED_OPTIONS: Final = "left_out"
"""Key of `ServiceHost.known`: the options with the values that a model rejects, by its name."""
_MAX_REJECTED_FUNCTIONS: Final = 8
"""Functions that a service may reject one by one: after so many, it rejects all."""
_REJECTED_FUNCTIONS: Final = "refused_functions"
"""Key of `ServiceHost.known`: the functions that a model rejects, by its name."""
_UNSTREAMABLE: Final = "unstreamed"
"""Key of `ServiceHost.known`: the models that cannot be streamed."""
_REQUIREMENTS: Final = "wants"
"""Key of `ServiceHost.known`: the requirements of a model, as `chat_log.chat_messages` takes them."""
_REASONING_OPENED: Final = "thinks_first"
"""Key of `ServiceHost.known`: the models whose template begins the reasoning."""
_STRICT: Final = "strict"
_NAMES_STRICT: Final = re.compile(r"\bstrict\b")


@dataclass(slots=True, kw_only=True)
class Structure:
    """The structure that an answer must have: a JSON Schema with an object at its root."""

    name: str
    schema: Json
    mode: str
    """`json_schema`, `json_object` or `prompt`."""

    @property
    def text_format(self) -> Json | None:
        """The `text.format` of Responses, None where the prompt alone describes the structure."""
        if self.mode == "json_schema":
            schema = {"name": self.name, "schema": self.schema, "strict": True}
            return {"type": "json_schema", **schema}
        return {"type": "json_object"} if self.mode == "json_object" else None

    @property
    def instructions(self) -> str:
        """The instructions for the model where the service does not enforce the schema."""
        if self.mode == "json_schema":
            return ""
        return (
            "\nAnswer with nothing but one JSON object, without any text around it, "
            f"that matches this JSON Schema:\n{json_dumps(self.schema)}"
        )


@dataclass(slots=True, kw_only=True)
class RequestBuilder:
    """Builds the requests of one turn; what stays the same in all of its rounds."""

    host: ServiceHost
    options: Mapping[str, Any]
    functions: FunctionTools
    """The tools of Home Assistant, as `tools.function_tools` describes them."""
    instructions: str
    attachments: Attachments
    cache_key: str
    structure: Structure | None = None
    max_turns: int = 0
    """The latest turns of the conversation that fit into the context of the model, 0 for all."""
    _tools: dict[str, list[Json]] = field(default_factory=dict)

    def body(self, api: str, contents: list[Content], *, may_call: bool) -> Json:
        """Return the body of a request: `{"model": …, "stream": true, …}`.

        `api` is `RESPONSES` or `CHAT`. Without `may_call` the model must answer with text.
        """
        if USER_FIRST in self.requirements:
            contents = start_with_user(contents)
        body = self._responses(contents) if api == RESPONSES else self._chat(contents)
        rejected = self._known_for_model(_REJECTED_FUNCTIONS)
        if tools := [tool for tool in self._tools_for(api) if function_name(tool) not in rejected]:
            body["tools"] = tools
            if not may_call:
                if self._is_accepted(_TOOL_CHOICE):
                    body[_TOOL_CHOICE] = "none"
                else:
                    del body["tools"]
        for option, value in self._known_for_model(_REJECTED_OPTIONS):
            if option_value(body, option) == value:
                remove_option(body, option)
        body.update(self.options.get(CONF_EXTRA_BODY) or {})
        return body

    def _tools_for(self, api: str) -> list[Json]:
        """Return all tools in the form of an API."""
        if (result := self._tools.get(api)) is None:
            make = decoder_responses.tool if api == RESPONSES else decoder_chat.tool
            result = [make(function) for function in self.functions.definitions]
            if not self._is_accepted(_STRICT):
                for tool in result:
                    tool.pop(_STRICT, None)
            result += self.options.get(CONF_HOST_TOOLS) or ()
            self._tools[api] = result
        return result

    def _responses(self, contents: list[Content]) -> Json:
        """Return the body of a Responses request."""
        options = self.options
        model = options[CONF_MODEL]
        store = bool(options.get(CONF_STORE))
        items = input_items(contents, self.attachments, self.functions)
        body: Json = {"model": model, "input": items, "stream": self._is_streamed, "store": store}
        if self.instructions.strip():
            body["instructions"] = self.instructions
        for key in (CONF_MAX_OUTPUT_TOKENS, CONF_TEMPERATURE, CONF_TOP_P, CONF_SERVICE_TIER):
            if (value := options.get(key)) is not None:
                body[key] = value
        if effort := options.get(CONF_REASONING_EFFORT):
            body["reasoning"] = {"effort": effort}
        text: Json = {}
        if verbosity := options.get(CONF_VERBOSITY):
            text["verbosity"] = verbosity
        text_format = self.structure.text_format if self.structure else None
        if text_format is not None:
            text["format"] = text_format
        if text:
            body["text"] = text
        kind = kind_of(self.host.entry.data, self.host.entry.options)
        if text_format is not None and kind is not None and not kind.obeys_text_format:
            body["response_format"] = response_format(text_format)
        if self._is_openai:
            body["prompt_cache_key"] = self.cache_key
            if not store and _REASONING_MODELS.match(model):
                body["include"] = ["reasoning.encrypted_content"]
        return body

    def _chat(self, contents: list[Content]) -> Json:
        """Return the body of a chat completion."""
        options = self.options
        messages = chat_messages(
            self.instructions,
            contents,
            self.attachments,
            self.functions,
            requirements=self.requirements,
        )
        is_streamed = self._is_streamed
        body: Json = {"model": options[CONF_MODEL], "messages": messages, "stream": is_streamed}
        if is_streamed and self._is_accepted(_STREAM_OPTIONS):
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
            known = self._is_accepted(_MAX_COMPLETION_TOKENS)
            body[_MAX_COMPLETION_TOKENS if known else _MAX_TOKENS] = limit
        if self.structure is not None and (text_format := self.structure.text_format) is not None:
            body["response_format"] = response_format(text_format)
        if self._is_openai:
            body["prompt_cache_key"] = self.cache_key
        return body

    @property
    def _is_openai(self) -> bool:
        """Whether the service is OpenAI itself."""
        return URL(self.host.settings.base_url).host == _OPENAI

    def _is_accepted(self, parameter: str) -> bool:
        """Return whether the service has not rejected a parameter before."""
        return parameter not in self.host.known.get("refused_parameters", ())

    def _is_removable(self, option: str) -> bool:
        """Return whether an option may be left out: without `store`, OpenAI keeps responses."""
        return option != CONF_STORE or not self._is_openai

    def _known_for_model(self, key: str) -> set[Any]:
        """Return what is known of the model under a key of `ServiceHost.known`."""
        result: set[Any] = self.host.known.setdefault(key, {}).setdefault(
            self.options[CONF_MODEL], set()
        )
        return result

    @property
    def _is_streamed(self) -> bool:
        """Whether the service has not rejected to stream this model."""
        return self.options[CONF_MODEL] not in self.host.known.get(_UNSTREAMABLE, ())

    @property
    def requirements(self) -> set[str]:
        """The requirements of the model, as `chat_log.chat_messages` takes them.

        DeepSeek and Moonshot want the reasoning back, templates of Gemma have no system role.
        """
        return self._known_for_model(_REQUIREMENTS)

    @property
    def reasoning_opened(self) -> bool:
        """Whether the template of the model begins the reasoning, which then has an end alone."""
        return self.options[CONF_MODEL] in self.host.known.get(_REASONING_OPENED, ())

    def learn_reasoning_opened(self) -> None:
        """Remember that reasoning has ended that had not begun."""
        self.host.known.setdefault(_REASONING_OPENED, set()).add(self.options[CONF_MODEL])

    def learn_from_error(self, err: HomeAssistantError, body: Json) -> bool:
        """Remember what a service rejects or requires; return whether to send the request again."""
        # What the user adds to each request would be rejected again.
        extra_body = self.options.get(CONF_EXTRA_BODY) or {}
        rejected: set[str] = self.host.known.setdefault("refused_parameters", set())
        for parameter in (_STREAM_OPTIONS, _MAX_COMPLETION_TOKENS, _TOOL_CHOICE):
            if (
                parameter in body
                and parameter not in extra_body
                and mentions_parameter(err, parameter)
            ):
                rejected.add(parameter)
                return True
        error_text = f"{getattr(err, 'param', None) or ''} {getattr(err, 'message', None) or ''}"
        sends_strict = any(_STRICT in tool for tool in body.get("tools", ()))
        if sends_strict and _NAMES_STRICT.search(error_text) and mentions_parameter(err, _STRICT):
            rejected.add(_STRICT)
            self._tools.clear()
            return True
        functions = self._known_for_model(_REJECTED_FUNCTIONS)
        function = (
            rejected_function(err, body) if len(functions) < _MAX_REJECTED_FUNCTIONS else None
        )
        if function is not None:
            functions.add(function)
            name = self.host.entry.title
            LOGGER.warning("%s does not take the tool %s: %s", name, function, err)
            return True
        if (option := rejected_option(err)) is not None and self._is_removable(option):
            value = option_value(body, option)
            if value is not None and option_value(extra_body, option) is None:
                known = self._known_for_model(_REJECTED_OPTIONS)
                if (option, value) not in known:
                    known.add((option, value))
                    model, name = self.options[CONF_MODEL], self.host.entry.title
                    LOGGER.warning("The model %s of %s does not take %s", model, name, option)
                # Another turn may have got the same error meanwhile.
                return True
        if body["stream"] and is_stream_rejected(err):
            # OpenAI streams some models to verified organizations alone.
            self.host.known.setdefault(_UNSTREAMABLE, set()).add(self.options[CONF_MODEL])
            return True
        return self._learn_requirement(err, body)

    def _learn_requirement(self, err: HomeAssistantError, body: Json) -> bool:
        """Remember a requirement of the model; return whether that is new."""
        is_chat = "messages" in body
        roles = [item.get("role") for item in body["messages" if is_chat else "input"]]
        requirement: str | None = None
        if is_role_order_rejected(err) and _first_role(roles) == "assistant":
            requirement = USER_FIRST
        elif not is_chat:
            return False
        elif mentions_parameter(err, REASONING):
            requirement = REASONING
        elif is_short_ids_required(err):
            requirement = SHORT_IDS
        elif is_empty_text_rejected(err):
            requirement = NULL_TEXT
        elif is_role_order_rejected(err) or is_system_role_rejected(err):
            if "system" in roles:
                requirement = NO_SYSTEM_ROLE
            else:
                # It was something else, then.
                self.requirements.discard(NO_SYSTEM_ROLE)
        if requirement is None or requirement in self.requirements:
            return False
        self.requirements.add(requirement)
        return True


def _first_role(roles: Iterable[str | None]) -> str | None:
    """Return the role of the first message after the instructions."""
    return next((role for role in roles if role != "system"), None)


def sdk_arguments(api: str, body: Json) -> Json:
    """Return the arguments of the SDK's method: `{"model": …, "extra_body": body, …}`.

    The body is sent as it is: the SDK would walk through its own parameters and copy them.
    """
    required: Json = {"input": ""} if api == RESPONSES else {"messages": []}
    return {"model": body["model"], **required, "extra_body": body}
