"""The known kinds of services: their URLs, and what they need and lack.

Only defaults and texts depend on the kind of a service. Unknown kinds work, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
import re
from typing import Any, Final

from yarl import URL

from ..const import CONF_DEFAULT_MODELS, CONF_SERVICE_KIND, DEFAULT_BASE_URL
from ..types import ModelKind
from .config import AuthMethod, url_of


@dataclass(frozen=True, kw_only=True)
class ServiceKind:
    """A kind of service; the defaults are those of OpenAI."""

    key: str
    """The value of the option `service_kind`."""
    name: str
    """Its name, which is not translated."""
    base_url: str = ""
    """Its usual URL; empty if every installation has its own."""
    domains: tuple[str, ...] = ()
    """Domains of this kind only."""
    auth_method: AuthMethod = AuthMethod.BEARER
    auth_name: str = ""
    needs_key: bool = False
    """Whether it always requires a key."""
    lists_models: bool = True
    """Whether `GET /models` exists."""
    is_own: bool = False
    """Whether it serves models that its owner has installed, so that any is a good default."""
    obeys_text_format: bool = True
    """Whether `/responses` obeys `text.format`; if not, `response_format` is obeyed there."""
    include_usage: bool = False
    """Whether `stream_options.include_usage` makes streams of chat completions report usage."""
    owners: frozenset[str] = frozenset()
    """The values of `owned_by` in its list of models."""
    server: str = ""
    """The beginning of its header `Server`, in lower case."""
    header: str = ""
    """A header of this kind only, in lower case."""
    models: Mapping[ModelKind, str] = field(default_factory=dict)
    """Models that every account has."""


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
"""The option of the form for any other kind, which may be recognized later."""
BY_KEY: Final = {kind.key: kind for kind in KINDS}
# Parts of the names of models by purpose; the others are for chat.
_NAMES: Final = {
    ModelKind.REALTIME: re.compile(r"realtime"),
    ModelKind.EMBEDDING: re.compile(r"embed|minilm|\bbge\b|\be5\b|\bgte\b"),
    ModelKind.TRANSCRIPTION: re.compile(r"whisper|transcribe|parakeet|voxtral"),
    ModelKind.SPEECH: re.compile(r"\btts\b|kokoro|piper|speech"),
    ModelKind.IMAGE: re.compile(r"image|dall-e|\bflux|stable-?diffusion|sdxl"),
}
_IDS: Final = ("id", "name", "model")
"""The keys of the name of a model: that of the API, and those of other servers."""
_NO_CHAT: Final = re.compile(r"moderation|rerank|guard|sora|babbage|davinci|computer-use")


def kind_of_url(url: URL) -> ServiceKind | None:
    """Return the kind of service that has this domain, None for others."""
    host = url.host or ""
    for kind in KINDS:
        for domain in kind.domains:
            if host == domain or (domain.startswith(".") and host.endswith(domain)):
                return kind
    return None


def recognize(url: URL, headers: Mapping[str, str], answer: object) -> ServiceKind | None:
    """Return the kind of a service by its URL, or by its response to `GET /models`."""
    if (kind := kind_of_url(url)) is not None:
        return kind
    names = {name.lower() for name in headers}
    server = next((headers[name] for name in headers if name.lower() == "server"), "").lower()
    told = [item.get("owned_by") for item in _items(answer) if isinstance(item, Mapping)]
    owners = {owner for owner in told if isinstance(owner, str)}
    for kind in KINDS:
        if (kind.header and kind.header in names) or (
            kind.server and server.startswith(kind.server)
        ):
            return kind
    # A gateway lists models of many owners.
    return next((kind for kind in KINDS if owners and owners <= kind.owners), None)


def kind_of(data: Mapping[str, Any], options: Mapping[str, Any]) -> ServiceKind | None:
    """Return the kind of an entry's service: that of the option `service_kind`, or by its URL."""
    if (kind := BY_KEY.get(str(options.get(CONF_SERVICE_KIND)))) is not None:
        return kind
    url = url_of(data)
    return kind_of_url(url) if url else None


def model_ids(answer: object) -> list[str]:
    """Return the ids in a list of models, or the names that other servers give instead."""
    return list(dict.fromkeys(filter(None, map(_name, _items(answer)))))


def is_model_list(answer: object) -> bool:
    """Return whether a response is a list of models, which may be empty."""
    if isinstance(answer, Mapping):
        return answer.get("object") == "list" or any(
            isinstance(answer.get(key), list) for key in ("data", "models")
        )
    return isinstance(answer, list)


def default_model(
    data: Mapping[str, Any], options: Mapping[str, Any], purpose: ModelKind
) -> str | None:
    """Return the model of an entry for a purpose: the chosen one, or one that every account has."""
    models = options.get(CONF_DEFAULT_MODELS)
    if isinstance(models, Mapping) and (chosen := models.get(purpose)):
        return str(chosen)
    kind = kind_of(data, options)
    return kind.models.get(purpose) if kind else None


def suggest_models(kind: ServiceKind | None, names: Iterable[str]) -> dict[str, str]:
    """Return the default models of a service that has models with these names.

    Returns `{purpose: model}`; purposes without a suitable model are left out. A model that costs
    money is suggested only if every account has it, or if it is the only suitable one.
    """
    names = list(names)
    sorted_names = sort_models(names)
    suggested: dict[str, str] = {}
    for purpose in ModelKind:
        fitting = [name for name in sorted_names[purpose] if fits(name, purpose)]
        known = kind.models.get(purpose) if kind else None
        if known and (known in names or not names):
            suggested[purpose] = known
        elif fitting and (len(fitting) == 1 or (kind and kind.is_own)):
            suggested[purpose] = fitting[0]
    return suggested


def sort_models(names: Iterable[str]) -> dict[ModelKind, list[str]]:
    """Return the names of models in the order in which a form offers them for each purpose.

    Returns `{purpose: [name, …]}`, those first whose names fit the purpose.
    """
    names = list(names)
    return {
        purpose: sorted(names, key=lambda name: not fits(name, purpose)) for purpose in ModelKind
    }


def fits(name: str, purpose: ModelKind) -> bool:
    """Return whether the name of a model fits a purpose."""
    name = name.lower()
    named = next((other for other, words in _NAMES.items() if words.search(name)), None)
    if purpose is ModelKind.CHAT:
        return named is None and not _NO_CHAT.search(name)
    return named is purpose


def _items(answer: object) -> list[Any]:
    """Return the items of a list of models: objects, or names."""
    places = [answer.get("data"), answer.get("models")] if isinstance(answer, Mapping) else [answer]
    return next((items for items in places if isinstance(items, list) and items), [])


def _name(item: object) -> str | None:
    """Return the name by which a server knows a model of its list."""
    names = [item.get(key) for key in _IDS] if isinstance(item, Mapping) else [item]
    return next((name for name in names if isinstance(name, str) and name), None)
