"""Limits of the tools in an action, and who may continue a conversation."""

import asyncio
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import llm
import pytest

from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..conftest import Call
from .test_actions import Door, calls, home, response, says

__all__ = ["home"]

pytestmark = pytest.mark.usefixtures("home")


def switch(name: str, number: int, text: str = '{"room": "hall"}') -> dict[str, Any]:
    """Return one of many function calls."""
    return {**calls(name, f"c{number}"), "arguments": text}


@pytest.mark.parametrize(
    ("texts", "most"),
    [
        (['{"room": "hall"}'], 10),
        # The same, however it is written.
        (['{"room": "hall"}', '{ "room":"hall" }', '{"room": "h\\u0061ll"}'], 10),
        ([""], 10),
        (["{}", ""], 10),
        ([f'{{"room": "{number}"}}' for number in range(5000)], 100),
        # Whatever is done to it.
        ([f'{{"name": "Lamp", "room": "{number}"}}' for number in range(5000)], 10),
        ([f'{{"entity_id": ["light.a"], "level": {number}}}' for number in range(5000)], 10),
        ([f'{{"target": {{"area_id": "a"}}, "data": {{"b": {n}}}}}' for n in range(5000)], 10),
    ],
    ids=["same", "spelling", "empty", "none", "others", "name", "entity", "target"],
)
async def test_burst_of_tool_calls(
    standin: StandIn, home: Door, call: Call, texts: list[str], most: int
) -> None:
    burst = [switch("door", number, texts[number % len(texts)]) for number in range(5000)]
    standin.fail(response(*burst))
    standin.fail(response(*burst[:50]))
    standin.fail(response(says("Enough.")))
    answer = await call("create_model_response", model="m", input="Open", llm_hass_api=["test"])

    assert answer["output_text"] == "Enough."
    assert len(home.asked) == most
    outputs = [
        item["output"]
        for item in standin.requests[-1].body["input"]
        if item.get("type") == "function_call_output"
    ]
    assert len(outputs) == 5050
    assert sum("LimitReached" in output for output in outputs) == 5050 - most


@pytest.mark.parametrize(
    ("annotations", "most"),
    [
        (llm.ToolAnnotations(read_only=True), 50),
        (llm.ToolAnnotations(destructive=False), 50),
        (llm.ToolAnnotations(), 10),
        # Of a tool that has its own idea of them.
        (None, 10),
    ],
    ids=["reads", "adds", "changes", "says nothing"],
)
async def test_burst_by_what_tool_does(
    standin: StandIn,
    home: Door,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    annotations: llm.ToolAnnotations | None,
    most: int,
) -> None:
    """To look at one thing, or to add items to one list, wears out nothing."""
    monkeypatch.setattr(Door, "annotations", annotations)
    texts = [f'{{"name": "List", "room": "{number}"}}' for number in range(50)]
    standin.fail(response(*(switch("door", *item) for item in enumerate(texts))))
    standin.fail(response(says("Done.")))
    await call("create_model_response", model="m", input="Look", llm_hass_api=["test"])
    assert len(home.asked) == most


async def test_todo_list_items_are_counted_apart(
    hass: HomeAssistant, standin: StandIn, home: Door, call: Call
) -> None:
    """All that was bought can be ticked off in one turn."""
    hass.states.async_set("todo.shopping", "50", {"friendly_name": "Shopping list"})
    async_expose_entity(hass, "conversation", "todo.shopping", should_expose=True)
    texts = [f'{{"name": "Shopping list", "room": "{number}"}}' for number in range(50)]
    standin.fail(response(*(switch("door", *item) for item in enumerate(texts))))
    standin.fail(response(says("Done.")))
    await call("create_model_response", model="m", input="Bought", llm_hass_api=["test"])
    assert len(home.asked) == 50


async def test_tool_calls_run_a_few_at_a_time(
    standin: StandIn, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[int] = []
    count = 0

    async def async_call(self: Door, *_: Any) -> llm.ToolResult:
        nonlocal count
        count += 1
        running.append(count)
        await asyncio.sleep(0)
        count -= 1
        return llm.ToolResult(data={})

    monkeypatch.setattr(Door, "async_call", async_call)
    rooms = [switch("door", number, f'{{"room": "{number}"}}') for number in range(12)]
    standin.fail(response(*rooms))
    standin.fail(response(says("Done.")))
    await call("create_model_response", model="m", input="Open", llm_hass_api=["test"])
    assert (len(running), max(running)) == (12, 4)


async def test_concurrent_start_of_conversation(hass: HomeAssistant, standin: StandIn) -> None:
    """Who asks under the same name before the first answer has come is none of the conversation."""
    users = [
        await hass.auth.async_create_user(name, group_ids=[GROUP_ID_USER])
        for name in ("owner", "a", "b")
    ]

    def ask(user: User, text: str) -> asyncio.Task[Any]:
        return hass.async_create_task(
            hass.services.async_call(
                DOMAIN,
                "create_model_response",
                {"model": "m", "input": text, "conversation_id": "x"},
                blocking=True,
                return_response=True,
                context=Context(user_id=user.id),
            )
        )

    count = len(standin.requests)
    first = ask(users[1], "My secret is 4711.")
    await standin.wait_for_request(count + 1)
    second = ask(users[2], "What did I say?")
    await first
    with pytest.raises(ServiceValidationError) as raised:
        await second
    assert raised.value.translation_key == "conversation_of_another"
    # One that fails leaves the name to the next.
    standin.fail(Fault(path="/responses", status=400))
    with pytest.raises(ServiceValidationError):
        await call_as(hass, users[1], "y")
    await call_as(hass, users[2], "y")
    with pytest.raises(ServiceValidationError, match="another user"):
        await call_as(hass, users[1], "y")


async def call_as(hass: HomeAssistant, user: User | None, name: str) -> Any:
    """Go on with a conversation on behalf of somebody."""
    return await hass.services.async_call(
        DOMAIN,
        "create_model_response",
        {"model": "m", "input": "Hi", "conversation_id": name},
        blocking=True,
        return_response=True,
        context=Context(user_id=user.id if user else None),
    )


async def test_administrator_may_continue_conversation_of_automation(hass: HomeAssistant) -> None:
    """What others put into it would be read with the rights of the automation."""
    groups = {"owner": GROUP_ID_ADMIN, "admin": GROUP_ID_ADMIN, "member": GROUP_ID_USER}
    users = {
        name: await hass.auth.async_create_user(name, group_ids=[group])
        for name, group in groups.items()
    }
    await call_as(hass, None, "kitchen")
    await call_as(hass, users["admin"], "kitchen")
    await call_as(hass, None, "kitchen")
    with pytest.raises(ServiceValidationError, match="another user"):
        await call_as(hass, users["member"], "kitchen")
    await call_as(hass, users["member"], "mine")
    for name in ("admin", None):
        with pytest.raises(ServiceValidationError, match="another user"):
            await call_as(hass, users[name] if name else None, "mine")
