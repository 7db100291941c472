"""Questions by voice, answered by automations made of blueprints."""

from homeassistant.components import conversation
from homeassistant.core import Context, HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from tests.standin import Fault
from tests.standin.server import StandIn

from ..conftest import Call
from .assertions import assert_sent, body_of
from .conftest import Install

MEMORY = "input_text.memory"
MODEL = "gpt-5-mini"


@pytest.fixture
async def voice(home: HomeAssistant) -> HomeAssistant:
    """Return a Home Assistant that listens, with a text helper."""
    for component in ("homeassistant", "conversation"):
        assert await async_setup_component(home, component, {})
    assert await async_setup_component(home, "input_text", {"input_text": {"memory": {}}})
    return home


def remembered(hass: HomeAssistant) -> str:
    """Return what the helper holds."""
    state = hass.states.get(MEMORY)
    assert state is not None
    return state.state


async def say(hass: HomeAssistant, sentence: str) -> str:
    """Say something, and return what is said in reply."""
    result = await conversation.async_converse(hass, sentence, None, Context(), language="en")
    await hass.async_block_till_done()
    return str(result.response.speech["plain"]["speech"])


async def test_question_without_memory(
    voice: HomeAssistant, install: Install, standin: StandIn
) -> None:
    """Every question stands alone where nothing is remembered."""
    await install("ask_by_voice", model=MODEL)
    standin.requests.clear()
    assert await say(voice, "Ask the computer how far the moon is") == (
        "You said: how far the moon is"
    )
    assert await say(voice, "I have a question why is that") == "You said: why is that"
    for request in standin.requests:
        assert body_of(request)["previous_response_id"] is None
        assert "tools" not in body_of(request)
    assert_sent(standin, "POST", "/responses", {"model": "gpt-5-mini"})


async def test_memory_helper_keeps_response_id(
    voice: HomeAssistant, install: Install, standin: StandIn
) -> None:
    """The helper keeps what the next question goes on from."""
    await install("ask_by_voice", model=MODEL, memory=MEMORY, web_search=True)
    await say(voice, "ask the computer how far the moon is")
    first = remembered(voice)
    assert first.startswith("resp_")
    answer = await say(voice, "ask computer and the sun")
    assert answer == "You said: and the sun (turn 2 of our conversation)"
    assert_sent(
        standin,
        "POST",
        "/responses",
        {"previous_response_id": first, "tools": [{"type": "web_search"}]},
    )


async def test_memory_expired_starts_new_conversation(
    voice: HomeAssistant, install: Install
) -> None:
    """A late question begins anew."""
    await install("ask_by_voice", model=MODEL, memory=MEMORY, memory_minutes=0)
    await say(voice, "ask the computer how far the moon is")
    assert await say(voice, "ask the computer and the sun") == "You said: and the sun"


async def test_memory_unknown_to_server_is_cleared(
    voice: HomeAssistant, install: Install, call: Call
) -> None:
    """What the host has forgotten is forgotten here, too, and the next question is answered."""
    await install("ask_by_voice", model=MODEL, memory=MEMORY)
    await say(voice, "ask the computer how far the moon is")
    await call("delete_model_response", response_id=remembered(voice))
    assert "not found" in await say(voice, "ask the computer and the sun")
    assert await say(voice, "ask the computer again") == "You said: again"


async def test_request_failure_is_spoken(
    voice: HomeAssistant, install: Install, standin: StandIn
) -> None:
    """A failure is told in words."""
    await install("ask_by_voice", model=MODEL, sorry="Not now.")
    standin.fail(Fault(path="/responses", status=400))
    assert await say(voice, "ask the computer how far the moon is") == "Not now."


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            Fault(status=400, body={"error": {"message": "The model nope does not exist."}}),
            "The service refused the request: The model nope does not exist.",
        ),
        (Fault(status=429, body={"error": {"code": "insufficient_quota"}}), "Your quota"),
        (Fault(drop="before", count=None), "closed the connection"),
        (Fault(status=200, body="<html>Hi</html>", content_type="text/html"), "not answer with"),
    ],
)
@pytest.mark.parametrize(
    ("blueprint", "question"),
    [("ask_by_voice", "ask the computer why"), ("ask_manuals", "look up in the manual why")],
)
async def test_failure_reason_is_spoken(
    voice: HomeAssistant,
    install: Install,
    call: Call,
    standin: StandIn,
    fault: Fault,
    said: str,
    blueprint: str,
    question: str,
) -> None:
    """What was wrong is said in one sentence, and that of an earlier call is not."""
    inputs = {"vector_store_id": "vs_1"} if blueprint == "ask_manuals" else {}
    await install(blueprint, model=MODEL, **inputs)
    with pytest.raises(Exception, match="refused"):
        await call("retrieve_model", model="earlier")
    standin.fail(fault)
    answer = await say(voice, question)
    assert said in answer
    assert "earlier" not in answer
    assert "status" not in answer
    assert len(answer) <= 210
    standin.reset()
    assert await say(voice, question) == "You said: why"


async def test_question_uses_vector_store(
    voice: HomeAssistant, install: Install, standin: StandIn
) -> None:
    """The question goes to the collection of documents."""
    await install("ask_manuals", model=MODEL, vector_store_id="vs_1")
    answer = await say(voice, "what does the manual say about the filter")
    assert answer == "You said: the filter"
    tool = {"type": "file_search", "vector_store_ids": ["vs_1"], "max_num_results": 8}
    assert_sent(standin, "POST", "/responses", {"input": "the filter", "tools": [tool]})
