"""The known kinds of services: where each answers, what it needs and what it lacks.

Only defaults and words depend on the kind of a service. One of an unknown kind works, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
import re
from typing import Any, Final

from yarl import URL

from ..const import CONF_BASE_URL, CONF_DEFAULT_MODELS, CONF_SERVICE_KIND, DEFAULT_BASE_URL
from ..types import ModelKind
from .config import AuthMethod


@dataclass(frozen=True, kw_only=True)
class ServiceKind:
    """A kind of service; what is left out is as at OpenAI."""

    key: str
    """The value of the option `service_kind`."""
    name: str
    """Its own name, which no language translates."""
    base_url: str = ""
    """Where it usually answers; empty if every installation has an address of its own."""
    domains: tuple[str, ...] = ()
    """Domains that no other kind of service has."""
    auth_method: AuthMethod = AuthMethod.BEARER
    auth_name: str = ""
    needs_key: bool = False
    """Whether it never answers without a key."""
    lists_models: bool = True
    """Whether `GET /models` exists."""
    is_own: bool = False
    """Whether it serves the few models that its owner has chosen, so that any will do."""
    obeys_text_format: bool = True
    """Whether `/responses` obeys `text.format`; if not, `response_format` is obeyed there."""
    include_usage: bool = False
    """Whether `stream_options.include_usage` makes streams of chat completions report usage."""
    owners: frozenset[str] = frozenset()
    """What its list of models gives as `owned_by`, and no other kind does."""
    server: str = ""
    """How its header `Server` begins."""
    header: str = ""
    """A header that only it sends, in lower case."""
    models: Mapping[ModelKind, str] = field(default_factory=dict)
    """Models that everybody has there."""


OPENAI: Final = ServiceKind(
    key="openai",
    name="OpenAI",
    base_url=DEFAULT_BASE_URL,
    domains=("api.openai.com",),
    needs_key=True,
    include_usage=True,
    models={
        ModelKind.CHAT: "gpt-5-mini",
        ModelKind.IMAGE: "gpt-image-2",
        ModelKind.SPEECH: "gpt-4o-mini-tts",
        ModelKind.TRANSCRIPTION: "gpt-4o-mini-transcribe",
        ModelKind.EMBEDDING: "text-embedding-3-small",
        ModelKind.REALTIME: "gpt-realtime",
    },
)
KINDS: Final = (
    OPENAI,
    ServiceKind(
        key="azure",
        name="Azure OpenAI",
        domains=(".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com"),
        auth_method=AuthMethod.HEADER,
        auth_name="api-key",
        needs_key=True,
        include_usage=True,
    ),
    ServiceKind(
        key="openrouter",
        name="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        domains=("openrouter.ai",),
        needs_key=True,
        models={ModelKind.CHAT: "openai/gpt-5-mini"},
    ),
    ServiceKind(
        key="ollama",
        name="Ollama",
        base_url="http://localhost:11434/v1",
        is_own=True,
        include_usage=True,
        owners=frozenset({"library"}),
    ),
    ServiceKind(
        key="llama_cpp",
        name="llama.cpp",
        base_url="http://localhost:8080/v1",
        is_own=True,
        obeys_text_format=False,
        include_usage=True,
        owners=frozenset({"llamacpp"}),
        server="llama.cpp",
    ),
    ServiceKind(
        key="lm_studio",
        name="LM Studio",
        base_url="http://localhost:1234/v1",
        is_own=True,
        owners=frozenset({"organization_owner"}),
    ),
    ServiceKind(
        key="vllm",
        name="vLLM",
        base_url="http://localhost:8000/v1",
        is_own=True,
        include_usage=True,
        owners=frozenset({"vllm"}),
    ),
    ServiceKind(
        key="litellm",
        name="LiteLLM",
        base_url="http://localhost:4000/v1",
        is_own=True,
        include_usage=True,
        header="x-litellm-version",
    ),
    ServiceKind(key="localai", name="LocalAI", base_url="http://localhost:8080/v1", is_own=True),
    ServiceKind(
        key="open_webui",
        name="Open WebUI",
        base_url="http://localhost:8080/api/v1",
        is_own=True,
        needs_key=True,
    ),
    ServiceKind(
        key="ogx",
        name="OGX",
        base_url="http://localhost:8321/v1",
        is_own=True,
        include_usage=True,
        owners=frozenset({"llama_stack", "ogx"}),
    ),
    ServiceKind(
        key="whisper_cpp",
        name="whisper.cpp",
        base_url="http://localhost:8080/v1",
        is_own=True,
        lists_models=False,
        server="whisper.cpp",
        models={ModelKind.TRANSCRIPTION: "whisper-1"},
    ),
)
OTHER: Final = "other"
"""What the form offers for a service of any other kind; it is recognized, or stays unknown."""
BY_KEY: Final = {kind.key: kind for kind in KINDS}
# What the names of models for one purpose have in common; chat is what is left over.
_NAMES: Final = {
    ModelKind.REALTIME: re.compile(r"realtime"),
    ModelKind.EMBEDDING: re.compile(r"embed|minilm|\bbge\b|\be5\b|\bgte\b"),
    ModelKind.TRANSCRIPTION: re.compile(r"whisper|transcribe|parakeet|voxtral"),
    ModelKind.SPEECH: re.compile(r"\btts\b|kokoro|piper|speech"),
    ModelKind.IMAGE: re.compile(r"image|dall-e|\bflux|stable-?diffusion|sdxl"),
}
_NO_CHAT: Final = re.compile(r"moderation|rerank|guard|sora|babbage|davinci|computer-use")


def kind_of_url(url: URL) -> ServiceKind | None:
    """Return the kind of service that alone answers at this host, if there is one."""
    host = url.host or ""
    for kind in KINDS:
        for domain in kind.domains:
            if host == domain or (domain.startswith(".") and host.endswith(domain)):
                return kind
    return None


def recognize(url: URL, headers: Mapping[str, str], answer: object) -> ServiceKind | None:
    """Return the kind of a service by its address, or by its answer to `GET /models`."""
    if (kind := kind_of_url(url)) is not None:
        return kind
    names = {name.lower() for name in headers}
    server = next((headers[name] for name in headers if name.lower() == "server"), "").lower()
    owners = {item["owned_by"] for item in _items(answer) if isinstance(item.get("owned_by"), str)}
    for kind in KINDS:
        if (kind.header and kind.header in names) or (
            kind.server and server.startswith(kind.server)
        ):
            return kind
    # A gateway lists the models of many owners.
    return next((kind for kind in KINDS if owners and owners <= kind.owners), None)


def kind_of(data: Mapping[str, Any], options: Mapping[str, Any]) -> ServiceKind | None:
    """Return the kind of an entry's service: as its option says, or by its address."""
    if (kind := BY_KEY.get(options.get(CONF_SERVICE_KIND, ""))) is not None:
        return kind
    try:
        return kind_of_url(URL(data.get(CONF_BASE_URL, DEFAULT_BASE_URL)))
    except ValueError:
        return None


def model_ids(answer: object) -> list[str]:
    """Return the ids in a list of models, those that are texts; Ollama's form has names."""
    found = (item.get("id") or item.get("name") for item in _items(answer))
    return list(dict.fromkeys(name for name in found if isinstance(name, str) and name))


def is_model_list(answer: object) -> bool:
    """Return whether an answer is a list of models, which may be empty."""
    if isinstance(answer, Mapping):
        return answer.get("object") == "list" or any(
            isinstance(answer.get(key), list) for key in ("data", "models")
        )
    return isinstance(answer, list)


def default_model(
    data: Mapping[str, Any], options: Mapping[str, Any], purpose: ModelKind
) -> str | None:
    """Return the model of an entry for a purpose: the one that was chosen, or one that all have."""
    if chosen := (options.get(CONF_DEFAULT_MODELS) or {}).get(purpose):
        return str(chosen)
    kind = kind_of(data, options)
    return kind.models.get(purpose) if kind else None


def suggest_models(kind: ServiceKind | None, names: Iterable[str]) -> dict[str, str]:
    """Return a model for each purpose that a service serves, by the purpose.

    Where the choice would cost somebody money, nothing is chosen but what is known to be there.
    """
    names = list(names)
    sorted_names = sort_models(names)
    found: dict[str, str] = {}
    for purpose in ModelKind:
        fitting = [name for name in sorted_names[purpose] if fits(name, purpose)]
        known = kind.models.get(purpose) if kind else None
        if known and (known in names or not names):
            found[purpose] = known
        elif fitting and (len(fitting) == 1 or (kind and kind.is_own)):
            found[purpose] = fitting[0]
    return found


def sort_models(names: Iterable[str]) -> dict[ModelKind, list[str]]:
    """Return all models for each purpose, those first whose names say that they serve it."""
    names = list(names)
    return {
        purpose: sorted(names, key=lambda name: not fits(name, purpose)) for purpose in ModelKind
    }


def fits(name: str, purpose: ModelKind) -> bool:
    """Return whether the name of a model says that it serves a purpose."""
    name = name.lower()
    named = next((other for other, words in _NAMES.items() if words.search(name)), None)
    if purpose is ModelKind.CHAT:
        return named is None and not _NO_CHAT.search(name)
    return named is purpose


def _items(answer: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list of models."""
    found = answer
    if isinstance(answer, Mapping):
        found = answer.get("data") if isinstance(answer.get("data"), list) else answer.get("models")
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
