"""Nobody acts through the rights of another: who may use a connection of whom."""

from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError, UnknownUser
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import EVENT_TYPES
from custom_components.openai_api.realtime import tools
from tests.integration.conftest import raises_key
from tests.integration.llm_api import ToolsApi, add_api
from tests.integration.waiting import wait_for

from .driver import RealtimeDriver
from .test_tools import Bell, bell, call_event

__all__ = ["bell"]

SAY: dict[str, dict[str, Any]] = {
    "send_realtime_message": {"message": "Open the door"},
    "send_realtime_event": {"event": {"type": "response.create"}},
    "add_realtime_image": {"image": "https://example.com/a.png"},
    "send_realtime_audio": {"audio": "AAAA"},
    "interrupt_realtime_response": {},
    "send_realtime_function_call_output": {"call_id": "c", "output": "x"},
    "send_realtime_mcp_response": {"approval_request_id": "a", "approve": True},
    "update_realtime_session_config": {"session": {"instructions": "Obey."}},
    "reset_realtime_history": {"history": []},
    "get_realtime_status": {},
    "close_realtime_websocket": {},
}


@pytest.fixture
async def users(hass: HomeAssistant) -> dict[str, User]:
    """Return users of each kind."""
    groups = {
        "admin": GROUP_ID_ADMIN,
        "other admin": GROUP_ID_ADMIN,
        "member": GROUP_ID_USER,
        "other member": GROUP_ID_USER,
        # With less, no action may be called at all.
        "guest": GROUP_ID_USER,
    }
    return {
        name: await hass.auth.async_create_user(name, group_ids=[group])
        for name, group in groups.items()
    }


def context_of(users: dict[str, User], name: str | None) -> Context:
    """Return the context of a call by this user, or by nobody."""
    return Context(user_id=users[name].id if name else None)


async def call_as(talk: RealtimeDriver, context: Context, action: str, /, **data: Any) -> Any:
    """Call an action on the conversation on behalf of somebody."""
    return await talk.hass.services.async_call(
        "openai_api",
        action,
        {"connection_id": talk.id, **data},
        blocking=True,
        return_response=True,
        context=context,
    )


async def open_as(talk: RealtimeDriver, context: Context, **data: Any) -> None:
    """Open the conversation on behalf of somebody."""
    opened = len(talk.standin.sockets)
    await call_as(talk, context, "connect_realtime_websocket", model="m-1", **data)
    await talk.standin.wait_for_socket(opened + 1)
    await wait_for(lambda: talk.types("session.created"))


async def denied(talk: RealtimeDriver, context: Context, action: str) -> bool:
    """Return whether an action is refused because of who calls it, with nothing sent."""
    before = len(talk.session.received)
    try:
        await call_as(talk, context, action, **SAY[action])
    except ServiceValidationError as err:
        error = err
    else:
        return False
    assert error.translation_key == "connection_access_denied"
    assert len(talk.session.received) == before
    return True


@pytest.mark.parametrize(
    ("opener", "caller", "is_denied"),
    [
        ("admin", "guest", True),
        ("admin", "member", True),
        ("member", "other member", True),
        (None, "guest", True),
        (None, "member", True),
        ("admin", "admin", False),
        ("admin", "other admin", False),
        ("admin", None, False),
        ("member", "member", False),
        ("member", "admin", False),
        ("guest", "guest", False),
        (None, None, False),
        (None, "admin", False),
    ],
)
async def test_connection_access_by_user(
    silent: None,
    talk: RealtimeDriver,
    users: dict[str, User],
    opener: str | None,
    caller: str | None,
    is_denied: bool,
) -> None:
    await open_as(talk, context_of(users, opener))
    await talk.clear()
    # To close it comes last.
    for action in SAY:
        assert await denied(talk, context_of(users, caller), action) is is_denied, action


async def test_unknown_user_raises(
    silent: None, talk: RealtimeDriver, users: dict[str, User]
) -> None:
    await open_as(talk, context_of(users, "admin"))
    with pytest.raises(UnknownUser):
        await denied(talk, Context(user_id="nobody"), "send_realtime_message")
    await talk.hass.auth.async_deactivate_user(users["other admin"])
    assert await denied(talk, context_of(users, "other admin"), "send_realtime_message")


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("connect_realtime_websocket", {"model": "m-1"}),
        ("manage_model_response_websocket", {"action": "connect"}),
    ],
)
async def test_events_have_context_of_opener(
    talk: RealtimeDriver,
    entry: MockConfigEntry,
    users: dict[str, User],
    action: str,
    data: dict[str, Any],
) -> None:
    """The logbook and triggers can tell who has opened a connection."""
    fired: list[Event] = []

    @callback
    def take(event: Event) -> None:
        fired.append(event)

    for event_type in EVENT_TYPES:
        talk.hass.bus.async_listen(event_type, take)
    opener = context_of(users, "member")
    await call_as(talk, opener, action, **data)
    if action == "connect_realtime_websocket":
        await wait_for(lambda: talk.types("session.created"))
    await talk.hass.config_entries.async_unload(entry.entry_id)
    assert {event.data.get("state") for event in fired} >= {"connected", "disconnected"}
    assert {event.context.id for event in fired} == {opener.id}


class AdminApi(ToolsApi):
    """An API that only administrators may use; Home Assistant 2026.10 does not know such."""

    requires_admin = True


@pytest.fixture
async def admin_api(hass: HomeAssistant, bell: Bell) -> Bell:
    """Return the tool of an API for administrators."""
    found = Bell()
    add_api(hass, "vault", found, kind=AdminApi)
    return found


@pytest.mark.parametrize(
    ("caller", "is_denied"),
    [("guest", True), ("member", True), (None, True), ("admin", False), ("other admin", False)],
)
async def test_connection_with_admin_api_access(
    silent: None,
    talk: RealtimeDriver,
    users: dict[str, User],
    admin_api: Bell,
    caller: str | None,
    is_denied: bool,
) -> None:
    await open_as(talk, context_of(users, "admin"), llm_hass_api=["vault"])
    for action in SAY:
        assert await denied(talk, context_of(users, caller), action) is is_denied, action
    if is_denied:
        await call_as(talk, context_of(users, "admin"), "close_realtime_websocket")


@pytest.mark.parametrize("opener", ["member", "guest", None])
async def test_admin_api_requires_administrator(
    talk: RealtimeDriver, users: dict[str, User], admin_api: Bell, opener: str | None
) -> None:
    with raises_key("llm_api_admin_only", ServiceValidationError):
        await call_as(
            talk,
            context_of(users, opener),
            "connect_realtime_websocket",
            model="m",
            llm_hass_api=["vault"],
        )
    assert not talk.standin.sockets


async def test_tool_call_after_admin_rights_revoked(
    silent: None, talk: RealtimeDriver, users: dict[str, User], admin_api: Bell
) -> None:
    # The first one owns the system, and stays an administrator.
    opener = context_of(users, "other admin")
    await open_as(talk, opener, llm_hass_api=["vault"])
    await talk.hass.auth.async_update_user(users["other admin"], group_ids=[GROUP_ID_USER])
    await talk.server_sends(call_event("ring", "{}"))
    await wait_for(lambda: talk.notices_of("tool_result"))
    assert talk.notices_of("tool_result")[0]["result"]["error"] == "Unauthorized"
    assert not admin_api.calls
    assert await denied(talk, opener, "send_realtime_message")


async def test_tool_call_after_user_deactivated(
    silent: None, talk: RealtimeDriver, users: dict[str, User], bell: Bell
) -> None:
    await open_as(talk, context_of(users, "member"), llm_hass_api=["hall"])
    await talk.clear()
    await talk.hass.auth.async_deactivate_user(users["member"])
    await talk.server_sends(call_event("ring", "{}"))
    await wait_for(lambda: talk.notices_of("tool_result"))
    assert not bell.calls


@pytest.mark.parametrize(
    ("opener", "caller", "is_denied"),
    [
        ("admin", "guest", True),
        (None, "member", True),
        ("member", "member", False),
        ("member", None, False),
    ],
)
async def test_responses_websocket_access(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    users: dict[str, User],
    opener: str | None,
    caller: str | None,
    is_denied: bool,
) -> None:
    async def manage(name: str | None, action: str, **data: Any) -> None:
        await hass.services.async_call(
            "openai_api",
            "manage_model_response_websocket",
            {"action": action, "connection_id": "c", **data},
            blocking=True,
            return_response=True,
            context=context_of(users, name),
        )

    await manage(opener, "connect")
    event = {"type": "response.create", "model": "m", "input": "Hi"}
    for action, data in (("send", {"event": event}), ("close", {})):
        if is_denied:
            with pytest.raises(ServiceValidationError, match="opened it"):
                await manage(caller, action, **data)
        else:
            await manage(caller, action, **data)
    if is_denied:
        await manage(opener, "close")


def test_tool_name_patterns() -> None:
    assert tools.is_named("intent__HassTurnOn", ["HassTurnOn"])
    assert tools.is_named("intent__HassTurnOn", ["intent__*"])
    assert not tools.is_named("intent__HassTurnOn", ["HassTurn", "turnon"])
