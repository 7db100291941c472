"""The forms of the subentries: suggestions, validation and saved options."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import SPEECH_VOICES
from custom_components.openai_api.subentries import SubentryType
from tests.standin.areas.models import OWNERS
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import AddSubentry, open_form, submit

pytestmark = pytest.mark.usefixtures("assist")

KINDS = [kind.value for kind in SubentryType]


def field(form: Any, key: str) -> tuple[Any, Any]:
    """Return the marker and the selector of a field, also of one in the folded section."""
    schema = dict(form["data_schema"].schema)
    schema |= schema["advanced"].schema.schema
    return next((marker, value) for marker, value in schema.items() if marker == key)


def suggestion(form: Any, key: str) -> Any:
    """Return what a form suggests for a field."""
    return (field(form, key)[0].description or {}).get("suggested_value")


@pytest.mark.parametrize(
    ("kind", "fits", "is_suggested"),
    [
        ("conversation", "gpt-5-mini", "gpt-5-mini"),
        ("ai_task_data", "gpt-5", "gpt-5-mini"),
        ("stt", "whisper-1", "whisper-1"),
        ("tts", "gpt-4o-mini-tts", "gpt-4o-mini-tts"),
        ("realtime", "gpt-realtime", "gpt-realtime"),
    ],
)
async def test_form_offers_models(
    hass: HomeAssistant, entry: MockConfigEntry, kind: str, fits: str, is_suggested: str
) -> None:
    form = await open_form(hass, entry, kind)

    offered = field(form, "model")[1].config["options"]
    assert fits in offered
    assert set(offered) < set(OWNERS)
    assert field(form, "model")[1].config["custom_value"] is True
    assert suggestion(form, "model") in {is_suggested, "gpt-4o-transcribe"}
    assert suggestion(form, "name") == entry.title


@pytest.mark.parametrize("kind", KINDS)
async def test_form_without_model_list(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, kind: str
) -> None:
    standin.fail(Fault(path="/models", status=404, count=None))
    form = await open_form(hass, entry, kind)

    assert field(form, "model")[1].selector_type == "text"
    assert suggestion(form, "model") is None


async def test_models_are_listed_once(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry
) -> None:
    standin.requests.clear()
    for kind in KINDS:
        await open_form(hass, entry, kind)

    assert [request.path for request in standin.requests] == ["/models", "/audio/voices"]


@pytest.mark.parametrize(
    ("answer", "offered", "is_suggested"),
    [
        pytest.param({"voices": ["af_heart", "alloy"]}, ["af_heart", "alloy"], "alloy", id="names"),
        pytest.param(
            {"voices": [{"name": "de_DE-thorsten"}, {"id": "en_GB-alan"}]},
            ["de_DE-thorsten", "en_GB-alan"],
            "en_GB-alan",
            id="objects",
        ),
        pytest.param({"object": "list", "data": [{"id": "v1"}]}, ["v1"], "v1", id="page"),
        pytest.param(["b", "b", 5, "", {"x": 1}, None], ["b"], "b", id="odd items"),
        pytest.param({"voices": {}}, list(SPEECH_VOICES), "alloy", id="no list"),
        pytest.param("<html>", list(SPEECH_VOICES), "alloy", id="no JSON"),
        pytest.param(None, list(SPEECH_VOICES), "alloy", id="not there"),
    ],
)
async def test_form_offers_voices(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    answer: Any,
    offered: list[str],
    is_suggested: str,
) -> None:
    status = 404 if answer is None else 200
    standin.fail(Fault(path="/audio/voices", status=status, body=answer))
    form = await open_form(hass, entry, "tts")

    assert field(form, "voice")[1].config["options"] == offered
    assert suggestion(form, "voice") == is_suggested


async def test_form_suggests_default_model(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options={"default_models": {"chat": "mine"}})

    assert suggestion(await open_form(hass, entry, "conversation"), "model") == "mine"


@pytest.mark.parametrize(
    "answer",
    [
        {"data": [{"id": "llama"}, {"id": ""}, 5]},
        # As Together, Cohere, Ollama and servers for speech have it.
        [{"id": "llama", "type": "chat"}],
        {"models": [{"name": "llama", "endpoints": ["chat"]}]},
        {"models": [{"model": "llama"}], "data": None},
        {"models": ["llama", "llama"]},
        {"object": "list", "data": ["llama"]},
        {"data": [], "models": [{"id": "llama"}]},
    ],
)
async def test_form_suggests_only_model(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, answer: Any
) -> None:
    standin.fail(Fault(path="/models", body=answer))

    assert suggestion(await open_form(hass, entry, "conversation"), "model") == "llama"


@pytest.mark.parametrize("kind", KINDS)
async def test_subentry_added_and_reconfigured(
    hass: HomeAssistant, entry: MockConfigEntry, add_subentry: AddSubentry, kind: str
) -> None:
    subentry_id = await add_subentry(kind)
    form = await open_form(hass, entry, kind, subentry_id)
    assert suggestion(form, "name") == "Kitchen"
    assert suggestion(form, "model") == "gpt-5-mini"
    voice = {"voice": "ash"} if kind == "tts" else {}
    result = await submit(hass, form, {"name": " Bath ", "model": " other ", **voice})

    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    subentry = entry.subentries[subentry_id]
    assert subentry.title == "Bath"
    assert subentry.data["model"] == "other"


async def test_second_subentry_name(
    hass: HomeAssistant, entry: MockConfigEntry, add_subentry: AddSubentry
) -> None:
    await add_subentry("stt", name=entry.title)

    assert suggestion(await open_form(hass, entry, "stt"), "name") == f"{entry.title} 2"
    assert suggestion(await open_form(hass, entry, "tts"), "name") == entry.title


@pytest.mark.parametrize("kind", KINDS)
async def test_form_entry_not_loaded_aborts(
    hass: HomeAssistant, entry: MockConfigEntry, kind: str
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    result = await open_form(hass, entry, kind)

    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "entry_not_loaded"


@pytest.mark.parametrize(
    ("kind", "data", "errors"),
    [
        ("conversation", {"name": " "}, {"name": "field_blank"}),
        ("conversation", {"model": ""}, {"model": "field_blank"}),
        ("tts", {"voice": " "}, {"voice": "field_blank"}),
        ("conversation", {"prompt": "{{ 1 / 0 }}"}, {"prompt": "invalid_template"}),
        ("realtime", {"prompt": "{{ 1 / 0 }}"}, {"prompt": "invalid_template"}),
        ("conversation", {"advanced": {"extra_body": [1]}}, {"base": "not_an_object"}),
        ("conversation", {"advanced": {"extra_body": {"input": 1}}}, {"base": "reserved_key"}),
        ("ai_task_data", {"advanced": {"extra_body": {"stream": 1}}}, {"base": "reserved_key"}),
        ("tts", {"advanced": {"extra_body": {"input": ""}}}, {"base": "reserved_key"}),
        ("realtime", {"advanced": {"extra_session": {"type": "x"}}}, {"base": "reserved_key"}),
        ("realtime", {"advanced": {"extra_session": "x"}}, {"base": "not_an_object"}),
        ("conversation", {"advanced": {"host_tools": {"type": "x"}}}, {"base": "not_tools"}),
        ("conversation", {"advanced": {"host_tools": [{"name": "x"}]}}, {"base": "not_tools"}),
    ],
)
async def test_form_errors_keep_input(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    kind: str,
    data: dict[str, Any],
    errors: dict[str, str],
) -> None:
    good = {"name": "Kitchen", "model": "m"} | ({"voice": "alloy"} if kind == "tts" else {})
    form = await open_form(hass, entry, kind)
    form = await submit(hass, form, {**good, **data})

    assert form["type"] is FlowResultType.FORM
    assert form["errors"] == errors
    assert not entry.subentries
    result = await submit(hass, form, good)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "prompt",
    [
        "{{ llm_context.context.user_id }} {{ llm_context.language.upper() }}",
        "{{ llm_context.device_id | upper }} {{ llm_context.device_id + '.' }}",
        "{{ user_name or 'somebody' }} in {{ ha_name }}",
    ],
)
async def test_form_prompt_with_turn_variables(
    hass: HomeAssistant, entry: MockConfigEntry, prompt: str
) -> None:
    form = await open_form(hass, entry, "conversation")
    result = await submit(hass, form, {"name": "Kitchen", "model": "m", "prompt": prompt})

    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_form_fallback_agent_excludes_itself(
    hass: HomeAssistant, entry: MockConfigEntry, add_subentry: AddSubentry
) -> None:
    subentry_id = await add_subentry("conversation")
    form = await open_form(hass, entry, "conversation", subentry_id)
    data = {"name": "Kitchen", "model": "m"}
    chosen = {**data, "advanced": {"fallback_agent": "conversation.kitchen"}}
    form = await submit(hass, form, chosen)

    assert form["errors"] == {"base": "fallback_is_itself"}
    chosen["advanced"] = {"fallback_agent": "conversation.home_assistant"}
    assert (await submit(hass, form, chosen))["reason"] == "reconfigure_successful"
    assert entry.subentries[subentry_id].data["fallback_agent"] == "conversation.home_assistant"


async def test_form_missing_llm_api_is_not_shown(
    hass: HomeAssistant, entry: MockConfigEntry, add_subentry: AddSubentry
) -> None:
    subentry_id = await add_subentry("conversation", llm_hass_api=["assist"])
    subentry = entry.subentries[subentry_id]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "llm_hass_api": ["assist", "gone"]}
    )
    form = await open_form(hass, entry, "conversation", subentry_id)

    assert suggestion(form, "llm_hass_api") == ["assist"]


async def test_form_numbers_keep_their_type(
    entry: MockConfigEntry, add_subentry: AddSubentry
) -> None:
    subentry_id = await add_subentry(
        "conversation",
        advanced={"max_output_tokens": 500.0, "temperature": 0.5, "extra_body": {}},
    )

    data = entry.subentries[subentry_id].data
    assert data["max_output_tokens"] == 500
    assert isinstance(data["max_output_tokens"], int)
    assert data["temperature"] == 0.5
    assert "extra_body" not in data
