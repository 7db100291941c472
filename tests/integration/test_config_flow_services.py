"""The short way in: known services, URLs that are not quite right, titles, and kept keys."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiohttp import web
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData, section
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api import config_flow
from custom_components.openai_api.api import service_kinds, validate
from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import CANARY, add_entry, entry_data

MODELS = {
    "object": "list",
    "data": [{"id": "llama3.2:3b", "object": "model", "owned_by": "library"}],
}
type Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncGenerator[Serve]:
    """Return a function that serves answers by their paths and returns the server's URL."""
    runners: list[web.AppRunner] = []

    async def start(
        answers: dict[str, Any], *, key: str = "", headers: dict[str, str] | None = None
    ) -> str:
        async def answer(request: web.Request) -> web.Response:
            asked.append((request.path, request.headers.get("Authorization", "")))
            if request.path not in answers:
                return web.Response(status=404, text="404 page not found", headers=headers)
            if key and request.headers.get("Authorization") != f"Bearer {key}":
                error = {"error": {"message": "Incorrect API key provided."}}
                return web.json_response(error, status=401, headers=headers)
            found = answers[request.path]
            if isinstance(found, str):
                return web.Response(text=found, content_type="text/html", headers=headers)
            if found is None:
                return web.Response(headers=headers)
            return web.json_response(found, headers=headers)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runners.append(runner := web.AppRunner(app))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    asked: list[tuple[str, str]] = []
    start.asked = asked  # type: ignore[attr-defined]
    yield start
    for runner in runners:
        await runner.cleanup()


async def begin(hass: HomeAssistant) -> Any:
    """Open the form that adds a service."""
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})


async def submit(hass: HomeAssistant, **user_input: Any) -> Any:
    """Fill in the form that adds a service."""
    flow = await begin(hass)
    return await hass.config_entries.flow.async_configure(flow["flow_id"], user_input)


async def again(hass: HomeAssistant, result: Any, **user_input: Any) -> Any:
    """Submit the form that is shown, with what it is filled with and some changes."""
    following = await hass.config_entries.flow.async_configure(
        result["flow_id"], {**filled(result), **user_input}
    )
    # An entry that was changed is loaded anew, and would go on after the test.
    await hass.async_block_till_done()
    return following


def filled(result: Any) -> dict[str, Any]:
    """Return what the frontend sends of a form that nobody has touched."""

    def read(fields: Any) -> dict[str, Any]:
        found = {}
        for key, check in fields.items():
            if isinstance(check, section):
                found[str(key)] = read(check.schema.schema)
            elif key.description:
                found[str(key)] = key.description["suggested_value"]
            elif callable(key.default):
                found[str(key)] = key.default()
        return found

    return read(result["data_schema"].schema)


async def test_form_top_level_fields(hass: HomeAssistant) -> None:
    form = await begin(hass)
    fields = form["data_schema"].schema
    assert [str(key) for key, check in fields.items() if not isinstance(check, section)] == [
        "service_kind",
        "base_url",
        "api_key",
    ]
    sections = [check for check in fields.values() if isinstance(check, section)]
    assert len(sections) == 3
    assert all(part.options["collapsed"] for part in sections)
    assert filled(form)["base_url"] == "https://api.openai.com/v1"
    assert form["description_placeholders"]["key_page"].startswith("https://platform.openai.com/")


async def test_form_openai_api_key_only(
    hass: HomeAssistant, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has a key of OpenAI enters that and nothing else."""
    checked: list[Any] = []

    async def check(_: HomeAssistant, settings: Any, *__: Any) -> Any:
        checked.append(settings)
        models = [{"id": "gpt-5-mini"}, {"id": "gpt-realtime"}, {"id": "gpt-5"}]
        return validate.Checked({"object": "list", "data": models}, {})

    monkeypatch.setattr(config_flow, "async_validate_host", check)
    form = await begin(hass)
    result = await again(hass, form, api_key=CANARY)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "OpenAI"
    assert result["data"]["base_url"] == "https://api.openai.com/v1"
    assert result["data"]["auth_method"] == "bearer"
    assert result["options"] == {
        "service_kind": "openai",
        "default_models": {"chat": "gpt-5-mini", "realtime": "gpt-realtime"},
    }
    assert [settings.api_key for settings in checked] == [CANARY]

    second = await again(hass, await begin(hass), api_key="another", authentication={})
    assert second["title"] == "OpenAI (api.openai.com/v1)"
    third = await again(
        hass, await begin(hass), api_key="third", authentication={"organization": "org-3"}
    )
    assert third["title"] == "OpenAI (org-3)"
    result = await again(hass, await begin(hass), api_key=" ")
    assert result["errors"] == {"api_key": "key_not_found"}


@pytest.mark.parametrize(
    ("kind", "auth"),
    [
        ("azure", {"auth_method": "header", "auth_name": "api-key"}),
        ("openrouter", {"auth_method": "bearer"}),
        ("ollama", {"auth_method": "none"}),
        ("llama_cpp", {"auth_method": "none"}),
        ("open_webui", {"auth_method": "bearer"}),
        ("other", {"auth_method": "none"}),
    ],
)
async def test_service_kind_sets_authentication(
    hass: HomeAssistant, serve: Serve, kind: str, auth: dict[str, str]
) -> None:
    url = await serve({"/v1/models": {"object": "list", "data": []}})
    key = {} if auth["auth_method"] == "none" else {"api_key": CANARY}
    result = await submit(hass, service_kind=kind, base_url=f"{url}/v1", **key)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert auth.items() <= result["data"].items()
    expected = None if kind == "other" else kind
    assert result["options"].get("service_kind") == expected
    name = service_kinds.BY_KEY[kind].name if expected else "127.0.0.1"
    assert result["title"] == name


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("ollama", "not_at_usual_url"),
        ("whisper_cpp", "not_at_usual_url"),
        ("azure", "url_missing"),
        ("other", "url_missing"),
    ],
)
async def test_service_kind_unreachable_at_usual_url(
    hass: HomeAssistant, serve: Serve, monkeypatch: pytest.MonkeyPatch, kind: str, error: str
) -> None:
    usual = "http://127.0.0.1:9/v1"
    found = service_kinds.BY_KEY.get(kind)
    if found and found.base_url:
        changed = service_kinds.ServiceKind(
            key=found.key, name=found.name, base_url=usual, lists_models=found.lists_models
        )
        monkeypatch.setitem(service_kinds.BY_KEY, kind, changed)
    result = await submit(hass, service_kind=kind, api_key=CANARY)
    assert result["errors"] == {"base_url": error}
    shown = filled(result)["base_url"]
    assert shown == (usual if error == "not_at_usual_url" else "")
    if error == "not_at_usual_url":
        assert result["description_placeholders"]["service"] == found.name if found else ""
        assert result["description_placeholders"]["url"] == usual
        assert result["description_placeholders"]["reason"]

    url = await serve({"/v1/models": MODELS})
    result = await again(hass, result, base_url=f"{url}/v1")
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_service_kind_without_model_list(hass: HomeAssistant, serve: Serve) -> None:
    url = await serve({}, headers={"Server": "whisper.cpp"})
    result = await submit(hass, service_kind="whisper_cpp", base_url=f"{url}/v1")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["skip_validation"] is True
    assert result["title"] == "whisper.cpp"
    assert result["options"]["default_models"] == {"transcription": "whisper-1"}


@pytest.mark.parametrize(
    ("models", "headers", "kind", "chat"),
    [
        (MODELS, {}, "ollama", "llama3.2:3b"),
        ({"object": "list", "data": []}, {"Server": "llama.cpp"}, "llama_cpp", None),
        (
            {"models": [{"name": "a.gguf"}], "data": [{"id": "a.gguf", "owned_by": "llamacpp"}]},
            {},
            "llama_cpp",
            "a.gguf",
        ),
        (
            {"data": [{"id": "text-embedding-nomic"}, {"id": "qwen3"}, {"id": "gemma"}]},
            {"x-litellm-version": "1.108.7"},
            "litellm",
            "qwen3",
        ),
        ({"data": [{"id": "m", "owned_by": "somebody"}]}, {}, None, "m"),
        ([{"id": "a"}, {"id": "b"}], {}, None, None),
    ],
)
async def test_service_kind_recognized_by_response(
    hass: HomeAssistant,
    serve: Serve,
    models: Any,
    headers: dict[str, str],
    kind: str | None,
    chat: str | None,
) -> None:
    url = await serve({"/v1/models": models}, headers=headers)
    result = await submit(hass, base_url=f"{url}/v1")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["options"].get("service_kind") == kind
    assert result["options"].get("default_models", {}).get("chat") == chat
    assert result["title"] == (service_kinds.BY_KEY[kind].name if kind else "127.0.0.1")
    # Neither the form nor the set-up has asked for anything else.
    assert set(serve.asked) == {("/v1/models", "")}  # type: ignore[attr-defined]


async def test_unknown_service_requires_api_key(hass: HomeAssistant, serve: Serve) -> None:
    url = await serve({"/v1/models": MODELS}, key=CANARY)
    result = await submit(hass, base_url=f"{url}/v1")
    assert result["errors"] == {"api_key": "key_not_found"}
    result = await again(hass, result, api_key="wrong")
    assert result["errors"] == {"base": "invalid_auth"}
    result = await again(hass, result, api_key=CANARY)
    assert result["data"]["auth_method"] == "bearer"


@pytest.mark.parametrize("key", ["", CANARY])
@pytest.mark.parametrize(
    ("typed", "answers", "proposed"),
    [
        ("{host}", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("{host}/v1", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("{host}/v1/", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("http://{host}", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("http://{host}/", {"/": "Ollama is running", "/v1/models": MODELS}, "http://{host}/v1"),
        (
            "http://{host}",
            {"/models": "Ollama is running", "/v1/models": MODELS},
            "http://{host}/v1",
        ),
        (
            "http://{host}/v1",
            {"/v1/models": "<html>Open WebUI</html>", "/api/v1/models": MODELS},
            "http://{host}/api/v1",
        ),
        ("http://{host}/v1", {"/models": MODELS}, "http://{host}"),
        ("https://{host}/v1", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("https://{host}", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("http://{host}/v1/chat/completions", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("http://{host}/v1/models", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("http://{host}/api/generate", {"/v1/models": MODELS}, "http://{host}/v1"),
        ("http://{host}/ai", {"/ai/v1/models": MODELS}, "http://{host}/ai/v1"),
        ("http://{host}?a=1", {"/v1/models": MODELS}, "http://{host}/v1?a=1"),
        ("http://{host}/v1", {"/v1/models": {"status": "ok"}, "/models": MODELS}, "http://{host}"),
    ],
)
async def test_likely_url_is_proposed(
    hass: HomeAssistant, serve: Serve, typed: str, answers: dict[str, Any], proposed: str, key: str
) -> None:
    url = await serve(answers, key=key)
    host = url.removeprefix("http://")
    typed, proposed = typed.format(host=host), proposed.format(host=host)
    entered = {"api_key": key} if key else {}
    result = await submit(hass, base_url=typed, **entered)
    is_downgrade = typed.startswith("https:")
    error = "try_url_unencrypted" if is_downgrade else "try_url"
    assert result["errors"] == {"base_url": error}
    assert filled(result)["base_url"] == proposed
    placeholders = result["description_placeholders"]
    assert (placeholders["url"], placeholders["proposal"]) == (typed, proposed)
    # The key went to the URL that was typed, if to any.
    sent = {path for path, authorization in serve.asked if authorization}  # type: ignore[attr-defined]
    assert len(sent) <= 1

    result = await again(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["base_url"] == proposed


@pytest.mark.parametrize("typed", ["127.0.0.1", "http://127.0.0.1", "127.0.0.1/v1"])
async def test_usual_port_is_proposed(
    hass: HomeAssistant, serve: Serve, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    url = await serve({"/v1/models": MODELS})
    usual = f"{url.replace('127.0.0.1', 'localhost')}/v1"
    ollama = replace(service_kinds.BY_KEY["ollama"], base_url=usual)
    monkeypatch.setitem(service_kinds.BY_KEY, "ollama", ollama)
    result = await submit(hass, service_kind="ollama", base_url=typed)
    assert result["errors"] == {"base_url": "try_url"}
    assert filled(result)["base_url"] == f"{url}/v1"
    assert (await again(hass, result))["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("typed", "answers", "errors"),
    [
        ("http://{host}/v1", {}, {"base": "cannot_connect"}),
        ("http://{host}", {"/": "Ollama is running"}, {"base": "cannot_connect"}),
        ("http://{host}/v1", {"/v1/models": {"status": "ok"}}, {"base": "cannot_connect"}),
        ("{host}", {"/v1/models": "<html>Hello</html>"}, {"base_url": "invalid_url"}),
        ("ws://{host}/v1", {"/v1/models": MODELS}, {"base_url": "invalid_url"}),
        ("me:pw@{host}/v1", {"/v1/models": MODELS}, {"base_url": "invalid_url"}),
        ("two words", {}, {"base_url": "invalid_url"}),
        ("", {}, {"base_url": "url_missing"}),
    ],
)
async def test_unreachable_url_is_not_proposed(
    hass: HomeAssistant, serve: Serve, typed: str, answers: dict[str, Any], errors: dict[str, str]
) -> None:
    host = (await serve(answers)).removeprefix("http://")
    result = await submit(hass, base_url=typed.format(host=host))
    assert result["errors"] == errors
    assert filled(result)["base_url"] == typed.format(host=host)


@pytest.mark.parametrize("body", [None, [], {"object": "list", "data": None}, {"models": []}])
async def test_empty_model_list_is_accepted(hass: HomeAssistant, serve: Serve, body: Any) -> None:
    url = await serve({"/v1/models": body})
    result = await submit(hass, base_url=f"{url}/v1")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert result["result"].state.value == "loaded"


async def test_form_sections_round_trip(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    connection = {"timeout": 20, "max_retries": 1, "verify_ssl": True, "skip_validation": False}
    extras = {
        "extra_headers": ["x-gateway: g-1", " x-empty: ", "X-Url: http://a:1"],
        "extra_query": ["api-version=7", "a=b=c"],
    }
    result = await submit(
        hass,
        base_url="http://127.0.0.1:9/v1",
        api_key=CANARY,
        authentication={"auth_method": "bearer", "project": " proj-1 "},
        connection=connection,
        extras=extras,
    )
    assert result["errors"] == {"base": "cannot_connect"}
    shown = filled(result)
    assert shown["authentication"]["project"] == "proj-1"
    assert shown["extras"] == {
        "extra_headers": ["x-gateway: g-1", "x-empty: ", "X-Url: http://a:1"],
        "extra_query": ["api-version=7", "a=b=c"],
    }
    result = await again(hass, result, base_url=standin.url())
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {
        "base_url": standin.url(),
        "api_key": CANARY,
        "auth_method": "bearer",
        "api_key_source": "stored",
        "project": "proj-1",
        "timeout": 20.0,
        "max_retries": 1,
        "verify_ssl": True,
        "skip_validation": False,
        "extra_headers": {"x-gateway": "g-1", "x-empty": "", "X-Url": "http://a:1"},
        "extra_query": {"api-version": "7", "a": "b=c"},
    }


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"extras": {"extra_headers": ["no separator"]}}, "extras"),
        ({"extras": {"extra_query": ["=value"]}}, "extras"),
        ({"authentication": {"auth_method": "query"}}, "authentication"),
    ],
)
async def test_form_section_with_error_is_expanded(
    hass: HomeAssistant, standin: StandIn, changes: dict[str, Any], name: str
) -> None:
    result = await submit(hass, base_url=standin.url(), api_key=CANARY, **changes)
    assert list(result["errors"]) == [name], "the frontend shows errors of sections by their names"
    collapsed = {
        str(key): check.options["collapsed"]
        for key, check in result["data_schema"].schema.items()
        if isinstance(check, section)
    }
    assert [key for key, value in collapsed.items() if not value] == [name]


@pytest.mark.parametrize(
    "changes", [{"timeout": "long"}, {"auth_method": "magic"}, {"nonsense": 1}, {"max_retries": 99}]
)
async def test_form_invalid_data_raises(
    hass: HomeAssistant, standin: StandIn, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidData):
        await submit(hass, **entry_data(standin, **changes))


@pytest.mark.parametrize("source", ["stored", "environment"])
async def test_reconfigure_other_origin_requires_api_key(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    key = CANARY if source == "stored" else "MY_KEY"
    entry = await add_entry(hass, entry_data(standin, api_key=key, api_key_source=source))
    url = await serve({"/v1/models": MODELS}, key=CANARY)
    flow = await entry.start_reconfigure_flow(hass)
    result = await again(hass, flow, base_url=f"{url}/v1")
    assert result["errors"] == {"api_key": "key_for_other_origin"}
    assert not serve.asked  # type: ignore[attr-defined]
    result = await again(hass, result, api_key=key)
    assert result["reason"] == "reconfigure_successful"
    assert entry.data["base_url"] == f"{url}/v1"


async def test_reconfigure_same_origin_keeps_api_key(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry
) -> None:
    flow = await entry.start_reconfigure_flow(hass)
    result = await again(hass, flow, base_url=standin.url() + "/")
    assert result["reason"] == "reconfigure_successful"


@pytest.mark.parametrize(
    ("old", "moves", "new"),
    [
        ("My own name", False, "My own name"),
        ("My own name", True, "My own name"),
        ("localhost", False, "localhost"),
        ("localhost", True, "Ollama"),
        ("localhost:9/v1", True, "Ollama"),
    ],
)
async def test_reconfigure_title(
    hass: HomeAssistant, entry: MockConfigEntry, serve: Serve, old: str, moves: bool, new: str
) -> None:
    hass.config_entries.async_update_entry(
        entry,
        title=old,
        data={**entry.data, "base_url": "http://localhost:9/v1"},
        options={"record_events": True},
    )
    flow = await entry.start_reconfigure_flow(hass)
    url = f"{await serve({'/v1/models': MODELS})}/v1"
    changes: dict[str, Any] = {"base_url": url, "api_key": "x"} if moves else {}
    changes |= {"connection": {"skip_validation": not moves}}
    result = await again(hass, flow, **changes)
    assert result["reason"] == "reconfigure_successful"
    assert entry.title == new
    kind = {"service_kind": "ollama"} if moves else {}
    assert entry.options == {"record_events": True, **kind}


async def test_reauth_with_current_api_key(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    standin.fail(Fault(path="/models", status=401))
    entry = await add_entry(hass, entry_data(standin))
    (flow,) = hass.config_entries.flow.async_progress()
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"api_key_source": "stored"}
    )
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.state.value == "loaded"
    assert entry.data["api_key"] == CANARY


async def test_reauth_ends_after_setup(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    standin.fail(Fault(path="/models", status=401))
    entry = await add_entry(hass, entry_data(standin))
    assert hass.config_entries.flow.async_progress()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state.value == "loaded"
    assert not hass.config_entries.flow.async_progress()


async def test_url_search_response_too_large(
    hass: HomeAssistant, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "_MAX_LIST_BYTES", 20)
    url = await serve({"/v1/models": MODELS})
    result = await submit(hass, base_url=url)
    assert result["errors"] == {"base": "cannot_connect"}


@pytest.mark.parametrize(
    ("style", "changes"),
    [
        ("query", {"extra_query": {"key": "other"}}),
        ("header", {"extra_headers": {"API-KEY": "other"}}),
        ("bearer", {"extra_headers": {"authorization": "Bearer other"}}),
    ],
)
async def test_extra_headers_and_query_keep_api_key(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    call: Any,
    style: str,
    changes: dict[str, Any],
) -> None:
    await add_entry(hass, entry_data(standin, style, **changes))
    assert (await call("list_models"))["data"]
    assert len(standin.requests) == 2
