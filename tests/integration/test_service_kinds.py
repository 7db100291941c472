"""The table of known services: recognition, models for a purpose, and what entries fall back to."""

from typing import Any

import pytest
from yarl import URL

from custom_components.openai_api.api.config import AuthMethod, parse_url
from custom_components.openai_api.api.service_kinds import (
    BY_KEY,
    KINDS,
    ServiceKind,
    default_model,
    fits,
    is_model_list,
    kind_of,
    model_ids,
    recognize,
    suggest_models,
)
from custom_components.openai_api.types import ModelKind

LOCAL_ACTIONS = URL("http://192.168.1.5:8080/v1")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.key)
def test_kind_is_complete(kind: ServiceKind) -> None:
    if kind.base_url:
        assert str(parse_url(kind.base_url)) == kind.base_url
    assert (kind.auth_method is AuthMethod.HEADER) is bool(kind.auth_name)
    assert kind.header == kind.header.lower()
    assert set(kind.models) <= set(ModelKind)


def test_kinds_are_unique() -> None:
    assert len(BY_KEY) == len(KINDS)
    owners = [owner for kind in KINDS for owner in kind.owners]
    assert len(owners) == len(set(owners))


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://x.openai.azure.com/openai/v1", "azure"),
        ("https://x.services.ai.azure.com/openai/v1", "azure"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://api.openai.com.evil.example/v1", None),
        ("https://openai.azure.com.example/v1", None),
        ("http://127.0.0.1/v1", None),
    ],
)
def test_kind_by_url(url: str, key: str | None) -> None:
    found = recognize(URL(url), {"Server": "uvicorn"}, {"data": []})
    assert (found.key if found else None) == key
    # What the host's address says does not depend on what a gateway answers.
    if key:
        assert recognize(URL(url), {"x-litellm-version": "1"}, {}) is BY_KEY[key]
    entry = kind_of({"base_url": url}, {})
    assert (entry.key if entry else None) == key


@pytest.mark.parametrize(
    ("headers", "answer", "key"),
    [
        ({"server": "llama.cpp"}, {}, "llama_cpp"),
        ({"Server": "whisper.cpp"}, None, "whisper_cpp"),
        ({"X-LiteLLM-Version": "1.108.7"}, {"data": [{"owned_by": "vllm"}]}, "litellm"),
        ({}, {"data": [{"owned_by": "vllm"}, {"owned_by": "vllm"}]}, "vllm"),
        ({}, {"data": [{"owned_by": "vllm"}, {"owned_by": "library"}]}, None),
        ({}, {"data": [{"owned_by": 5}, "text", None]}, None),
        ({}, {"data": [{"owned_by": "organization_owner"}]}, "lm_studio"),
        ({}, {"data": [{"owned_by": "llama_stack"}]}, "ogx"),
        ({}, [{"owned_by": "library"}], "ollama"),
        ({}, "Ollama is running", None),
        ({}, None, None),
    ],
)
def test_kind_by_response(headers: dict[str, str], answer: Any, key: str | None) -> None:
    found = recognize(LOCAL_ACTIONS, headers, answer)
    assert (found.key if found else None) == key


@pytest.mark.parametrize(
    ("data", "options", "key"),
    [
        ({}, {}, "openai"),
        ({"base_url": "http://[broken"}, {}, None),
        ({"base_url": "http://host/v1"}, {"service_kind": "vllm"}, "vllm"),
        ({"base_url": "https://api.openai.com/v1"}, {"service_kind": "vllm"}, "vllm"),
        ({"base_url": "http://host/v1"}, {"service_kind": "of_tomorrow"}, None),
    ],
)
def test_kind_of_entry(data: dict[str, Any], options: dict[str, Any], key: str | None) -> None:
    found = kind_of(data, options)
    assert (found.key if found else None) == key


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"object": "list", "data": None}, True),
        ({"data": []}, True),
        ({"models": [{"name": "m"}]}, True),
        ([], True),
        ({"status": "ok"}, False),
        ({"text": "Ollama is running"}, False),
        ({"data": {"a": 1}}, False),
        ("text", False),
        (None, False),
    ],
)
def test_is_model_list(answer: Any, expected: bool) -> None:
    assert is_model_list(answer) is expected


def test_model_ids() -> None:
    answer = {"data": [{"id": "b"}, {"id": "a"}, {"id": "b"}, {"id": 7}, {"name": "c"}, {"id": ""}]}
    assert model_ids(answer) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("name", "purpose"),
    [
        ("gpt-5-mini", ModelKind.CHAT),
        ("llama3.2:3b", ModelKind.CHAT),
        ("text-embedding-3-small", ModelKind.EMBEDDING),
        ("BAAI/bge-m3", ModelKind.EMBEDDING),
        ("all-MiniLM-L6-v2", ModelKind.EMBEDDING),
        ("whisper-1", ModelKind.TRANSCRIPTION),
        ("gpt-4o-mini-transcribe", ModelKind.TRANSCRIPTION),
        ("gpt-4o-mini-tts", ModelKind.SPEECH),
        ("kokoro", ModelKind.SPEECH),
        ("gpt-image-2", ModelKind.IMAGE),
        ("gpt-realtime", ModelKind.REALTIME),
        ("gpt-4o-realtime-preview", ModelKind.REALTIME),
        ("omni-moderation-latest", None),
    ],
)
def test_fits(name: str, purpose: ModelKind | None) -> None:
    assert [option for option in ModelKind if fits(name, option)] == ([purpose] if purpose else [])


@pytest.mark.parametrize(
    ("key", "names", "expected"),
    [
        ("openai", ["gpt-5-mini", "gpt-5", "tts-1"], {"chat": "gpt-5-mini", "speech": "tts-1"}),
        ("openai", ["gpt-4", "gpt-5"], {}),
        ("ollama", ["qwen3", "gemma3", "nomic-embed-text"], {"chat": "qwen3", "embedding": "n"}),
        (None, ["only"], {"chat": "only"}),
        (None, ["one", "two"], {}),
        ("openrouter", [], {"chat": "openai/gpt-5-mini"}),
        (None, [], {}),
    ],
)
def test_suggest_models(key: str | None, names: list[str], expected: dict[str, str]) -> None:
    found = suggest_models(BY_KEY[key] if key else None, names)
    assert set(found) == set(expected)
    assert all(found[purpose].startswith(name) for purpose, name in expected.items())


@pytest.mark.parametrize(
    ("options", "purpose", "expected"),
    [
        ({"default_models": {"chat": "mine"}}, "chat", "mine"),
        ({"default_models": {"chat": ""}}, "chat", "gpt-5-mini"),
        ({"default_models": {}}, "image", "gpt-image-2"),
        ({}, "realtime", "gpt-realtime"),
        ({"service_kind": "ollama"}, "chat", None),
    ],
)
def test_default_model(options: dict[str, Any], purpose: str, expected: str | None) -> None:
    data = {"base_url": "https://api.openai.com/v1"}
    assert default_model(data, options, ModelKind(purpose)) == expected
