"""The form that sets up a voice assistant, after adding a service and later."""

from typing import Any

from homeassistant.components.assist_pipeline.pipeline import async_get_pipeline
from homeassistant.config_entries import SOURCE_USER, FlowType
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.assist import voice_assistant_flow
from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..conftest import entry_data
from .answers import says
from .conftest import Ask, open_form, speech, submit

OLLAMA: Any = {"object": "list", "data": [{"id": "llama3", "owned_by": "library"}]}


def suggestions(form: Any) -> dict[str, Any]:
    """Return what a form suggests, by field."""
    return {
        str(marker): (marker.description or {}).get("suggested_value")
        for marker in form["data_schema"].schema
    }


def pipelines(hass: HomeAssistant) -> Any:
    """Return the store of pipelines."""
    return hass.data["assist_pipeline"].pipeline_store


async def add(hass: HomeAssistant, standin: StandIn, **changes: Any) -> Any:
    """Add a service in the config flow and return its result."""
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], entry_data(standin, **changes)
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    return result


def offered(hass: HomeAssistant, result: Any) -> Any:
    """Return the form with which a config flow goes on."""
    kind, flow_id = result["next_flow"]
    assert kind is FlowType.CONFIG_SUBENTRIES_FLOW
    (flow,) = hass.config_entries.subentries.async_progress()
    assert flow["flow_id"] == flow_id
    assert flow["handler"] == (result["result"].entry_id, "voice_assistant")
    return hass.config_entries.subentries.async_get(flow_id)


async def test_voice_assistant_local_service_two_forms(
    hass: HomeAssistant, standin: StandIn, voice_home: None, ask: Ask
) -> None:
    standin.fail(Fault(path="/models", body=OLLAMA))
    result = await add(hass, standin)
    flow = offered(hass, result)
    standin.requests.clear()
    form = await hass.config_entries.subentries.async_configure(flow["flow_id"])
    assert suggestions(form) == {"name": "Ollama", "model": "llama3", "make_preferred": True}
    assert not standin.requests, "the list of models is known already"

    done = await submit(hass, form, suggestions(form))
    assert done["type"] is FlowResultType.ABORT
    assert done["reason"] == "assistant_added"
    assert done["description_placeholders"] == {"name": "Ollama"}
    (subentry,) = result["result"].subentries.values()
    assert subentry.subentry_type == "conversation"
    assert subentry.data["model"] == "llama3"
    assert subentry.data["llm_hass_api"] == ["assist"]
    made = async_get_pipeline(hass)
    assert made.name == "Ollama"
    assert made.conversation_engine == "conversation.ollama"
    assert made.conversation_language == "*"
    assert (made.stt_engine, made.tts_engine) == (None, None)
    standin.fail(says("Hello"))
    assert speech(await ask(agent=made.conversation_engine)) == "Hello"


async def test_voice_assistant_local_service_suggestions(
    hass: HomeAssistant, standin: StandIn, voice_home: None
) -> None:
    names = ["llama3", "kokoro", "whisper"]
    models = [{"id": name, "owned_by": "library"} for name in names]
    standin.fail(Fault(path="/models", body={"object": "list", "data": models}))
    result = await add(hass, standin)
    form = await hass.config_entries.subentries.async_configure(offered(hass, result)["flow_id"])
    assert suggestions(form) == {
        "name": "Ollama",
        "model": "llama3",
        "transcription_model": "whisper",
        "speech_model": "kokoro",
        "voice": "alloy",
        "make_preferred": True,
    }
    done = await submit(hass, form, suggestions(form))

    assert done["reason"] == "assistant_added"
    made = async_get_pipeline(hass)
    assert (made.stt_engine, made.tts_engine) == ("stt.ollama", "tts.ollama")


async def test_voice_assistant_suggests_offered_voice(
    hass: HomeAssistant, standin: StandIn, voice_home: None, entry: MockConfigEntry
) -> None:
    standin.fail(Fault(path="/audio/voices", body={"voices": ["de_DE-eva_k", "en_US-amy"]}))
    form = await open_form(hass, entry, "voice_assistant")

    assert suggestions(form)["voice"] == "en_US-amy"
    voice = next(value for key, value in form["data_schema"].schema.items() if key == "voice")
    assert voice.config["options"] == ["de_DE-eva_k", "en_US-amy"]


async def test_voice_assistant_with_speech_models(
    hass: HomeAssistant, standin: StandIn, voice_home: None
) -> None:
    result = await add(hass, standin, service_kind="openai")
    form = await hass.config_entries.subentries.async_configure(offered(hass, result)["flow_id"])
    assert set(suggestions(form)) == {
        "name",
        "model",
        "transcription_model",
        "speech_model",
        "voice",
        "make_preferred",
    }
    before = async_get_pipeline(hass)
    done = await submit(
        hass,
        form,
        {
            "name": " Jeeves ",
            "model": "gpt-5-mini",
            "transcription_model": "whisper-1",
            "speech_model": "gpt-4o-mini-tts",
            "voice": "alloy",
            "make_preferred": False,
        },
    )
    assert done["reason"] == "assistant_added"
    data = {item.subentry_type: item.data for item in result["result"].subentries.values()}
    assert set(data) == {"conversation", "stt", "tts"}
    assert data["stt"] == {"model": "whisper-1"}
    assert data["tts"] == {"model": "gpt-4o-mini-tts", "voice": "alloy"}
    assert async_get_pipeline(hass) is before
    (made,) = (item for item in pipelines(hass).data.values() if item.name == "Jeeves")
    assert made.conversation_engine == "conversation.jeeves"
    assert (made.stt_engine, made.stt_language) == ("stt.jeeves", before.language)
    assert (made.tts_engine, made.tts_language) == ("tts.jeeves", before.language)


async def test_voice_assistant_without_speech_models(
    hass: HomeAssistant, voice_home: None, entry: MockConfigEntry
) -> None:
    store = pipelines(hass)
    preferred = async_get_pipeline(hass)
    mine = {
        "stt_engine": "stt.mine",
        "stt_language": "de",
        "tts_engine": "tts.mine",
        "tts_language": "de",
        "tts_voice": "anna",
        "wake_word_entity": "wake_word.mine",
        "prefer_local_intents": True,
    }
    settings = {**preferred.to_json(), **mine}
    del settings["id"]
    await store.async_update_item(preferred.id, settings)
    form = await open_form(hass, entry, "voice_assistant")
    assert suggestions(form)["make_preferred"] is False
    done = await submit(hass, form, {"name": "Second", "model": "gpt-5-mini"})

    assert done["reason"] == "assistant_added"
    (made,) = (item for item in store.data.values() if item.name == "Second")
    found = made.to_json()
    assert {key: found[key] for key in mine} == mine
    assert store.async_get_preferred_item() == preferred.id


@pytest.mark.parametrize(
    ("known", "expected"),
    [({}, "gpt-5-mini"), ({"chat": "gpt-5-nano"}, "gpt-5-nano")],
    ids=["no default", "a default"],
)
async def test_voice_assistant_model_is_default_of_actions(
    hass: HomeAssistant,
    standin: StandIn,
    voice_home: None,
    entry: MockConfigEntry,
    known: dict[str, str],
    expected: str,
) -> None:
    hass.config_entries.async_update_entry(entry, options={"default_models": known})
    form = await open_form(hass, entry, "voice_assistant")
    await submit(hass, form, {"name": "Second", "model": "gpt-5-mini"})
    assert entry.options["default_models"] == {"chat": expected}
    await hass.services.async_call(
        "openai_api", "create_model_response", {"input": "Hi"}, blocking=True
    )
    assert standin.requests[-1].body["model"] == expected


async def test_voice_assistant_without_pipelines(
    hass: HomeAssistant, entry: MockConfigEntry, assist: None
) -> None:
    form = await open_form(hass, entry, "voice_assistant")
    assert "make_preferred" not in suggestions(form)
    done = await submit(hass, form, {"name": "Jeeves", "model": "gpt-5-mini"})

    assert done["reason"] == "pipeline_not_loaded"
    assert [item.title for item in entry.subentries.values()] == ["Jeeves"]
    assert hass.states.get("conversation.jeeves") is not None


async def test_voice_assistant_entities_missing(
    hass: HomeAssistant, voice_home: None, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_assistant_flow, "_ENTITY_TIMEOUT", 0.2)
    monkeypatch.setattr(entry.runtime_data.subentries, "_compare", lambda: None)
    monkeypatch.setattr(entry.runtime_data.subentries, "_missing", list)
    before = list(pipelines(hass).data)
    form = await open_form(hass, entry, "voice_assistant")
    done = await submit(hass, form, {"name": "Jeeves", "model": "gpt-5-mini"})

    assert done["reason"] == "pipeline_failed"
    assert len(entry.subentries) == 1
    assert list(pipelines(hass).data) == before


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"name": " ", "model": "m"}, {"name": "field_blank"}),
        ({"name": "n", "model": " "}, {"model": "field_blank"}),
        ({"name": "n", "model": "m", "speech_model": "tts-1"}, {"voice": "field_blank"}),
        (
            {"name": "n", "model": "m", "speech_model": "tts-1", "voice": " "},
            {"voice": "field_blank"},
        ),
    ],
)
async def test_voice_assistant_form_blank(
    hass: HomeAssistant,
    voice_home: None,
    entry: MockConfigEntry,
    typed: dict[str, Any],
    errors: dict[str, str],
) -> None:
    form = await submit(hass, await open_form(hass, entry, "voice_assistant"), typed)

    assert form["type"] is FlowResultType.FORM
    assert form["errors"] == errors
    assert not entry.subentries
    assert suggestions(form)["model"] == typed["model"].strip()


async def test_voice_assistant_entry_not_loaded_aborts(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    result = await open_form(hass, entry, "voice_assistant")

    assert result["reason"] == "entry_not_loaded"


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        pytest.param({"data": [{"id": "whisper-1"}, {"id": "tts-1"}]}, {}, id="no chat"),
        pytest.param({"object": "list", "data": []}, {}, id="no models"),
        pytest.param(OLLAMA, {"skip_validation": True}, id="not asked"),
    ],
)
async def test_voice_assistant_offered_with_chat_models(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    answer: Any,
    changes: dict[str, Any],
) -> None:
    standin.fail(Fault(path="/models", body=answer))
    result = await add(hass, standin, **changes)

    assert "next_flow" not in result
    assert not hass.config_entries.subentries.async_progress()


async def test_voice_assistant_not_offered_after_setup_error(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    # The flow gets its answer, and the set-up does not.
    standin.fail(Fault(path="/models", body=OLLAMA))
    standin.fail(Fault(path="/models", status=503, count=None))
    result = await add(hass, standin)

    assert "next_flow" not in result
