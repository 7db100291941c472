"""Who may call which action: every kind of user tries every action."""

from pathlib import Path
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY, GROUP_ID_USER
from homeassistant.core import Context, HomeAssistant, ServiceResponse
from homeassistant.exceptions import ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.openai_api import services
from custom_components.openai_api.action import ActionCall, ActionDescription, Permission
from custom_components.openai_api.actions import ACTION_GROUPS, ACTIONS
from custom_components.openai_api.const import DOMAIN
from tests.standin.server import StandIn

from .conftest import add_entry, entry_data, raises_key
from .payloads import SOCKET_ACTIONS, cases

ADMINISTRATION = {
    action.key for action in ACTIONS if action.permission is Permission.ADMINISTRATORS
}
GROUPS = {
    "reader": GROUP_ID_READ_ONLY,
    "user": GROUP_ID_USER,
    "administrator": GROUP_ID_ADMIN,
}
_SAMPLES: dict[str, Any] = {
    "action": "send",
    "audio": "AAAA",
    "event": {"type": "response.create"},
    "history": [],
    "image": "data:image/png;base64,AAAA",
    "model": "m",
    "output": "done",
}


def data_for(action: ActionDescription, folder: Path) -> dict[str, Any]:
    """Return data that the action's schema accepts."""
    if action.key not in SOCKET_ACTIONS:
        return next(cases(action, folder))[1]
    return {
        field.key: _SAMPLES.get(field.key, field.example if field.example is not None else True)
        for field in action.fields
        if field.required
    }


async def context_of(hass: HomeAssistant, name: str) -> Context:
    """Return the context of a call by a user of this kind, or by none."""
    if name == "none":
        return Context()
    user = await hass.auth.async_create_user(name, group_ids=[GROUPS[name]])
    # The first user of a Home Assistant owns it.
    assert not user.is_owner
    return Context(user_id=user.id)


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[ActionCall]:
    """Return the calls that were let through; nothing is done about them."""
    found: list[ActionCall] = []

    async def async_handle(request: ActionCall) -> ServiceResponse:
        found.append(request)
        return {}

    monkeypatch.setattr(services, "async_dispatch", async_handle)
    return found


def is_allowed(action: ActionDescription, who: str, access: str) -> bool:
    """Tell what the options and the rows promise."""
    match who, access:
        case (("none" | "administrator"), _):
            return True
        case "user", "everyone":
            return True
        case "user", "by_action":
            return action.key not in ADMINISTRATION
    return False


@pytest.mark.parametrize("access", ["by_action", "administrators", "everyone"])
@pytest.mark.parametrize("who", ["none", "reader", "user", "administrator"])
async def test_permission_by_action(
    who: str,
    access: str,
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    handled: list[ActionCall],
) -> None:
    MockUser(is_owner=True).add_to_hass(hass)
    await add_entry(hass, entry_data(standin), {"action_access": access})
    context = await context_of(hass, who)
    standin.requests.clear()
    for action in ACTIONS:
        handled.clear()
        try:
            await hass.services.async_call(
                DOMAIN,
                action.key,
                data_for(action, media_folder),
                blocking=True,
                context=context,
                return_response=True,
            )
        except Unauthorized:
            assert not is_allowed(action, who, access), action.key
            assert not handled
        else:
            assert is_allowed(action, who, access), action.key
            assert [request.allow_paths for request in handled] == [who != "user"]
    assert not standin.requests


async def test_unknown_user_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn
) -> None:
    standin.requests.clear()
    with pytest.raises(UnknownUser):
        await hass.services.async_call(
            DOMAIN,
            "list_models",
            {},
            blocking=True,
            context=Context(user_id="nobody"),
            return_response=True,
        )
    assert not standin.requests


async def test_user_with_one_entity_is_allowed(
    hass: HomeAssistant, entry: MockConfigEntry, handled: list[ActionCall]
) -> None:
    """A user who may control one of the service's entities may call its open actions."""
    entity = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)[0]
    user = MockUser().add_to_hass(hass)
    context = Context(user_id=user.id)

    async def ask() -> None:
        await hass.services.async_call(
            DOMAIN, "list_models", {}, blocking=True, context=context, return_response=True
        )

    user.mock_policy({"entities": {"entity_ids": {"light.kitchen": True}}})
    with pytest.raises(Unauthorized):
        await ask()
    user.mock_policy({"entities": {"entity_ids": {entity.entity_id: {"read": True}}}})
    with pytest.raises(Unauthorized):
        await ask()
    user.mock_policy({"entities": {"entity_ids": {entity.entity_id: {"control": True}}}})
    await ask()
    assert len(handled) == 1


async def test_local_action_requires_permission_of_every_entry(
    hass: HomeAssistant, standin: StandIn, media_folder: Path, handled: list[ActionCall]
) -> None:
    """Saved files belong to all entries: one that is open to everyone does not open the others."""
    MockUser(is_owner=True).add_to_hass(hass)
    await add_entry(hass, entry_data(standin), {"action_access": "everyone"})
    context = await context_of(hass, "user")

    async def delete_files() -> None:
        await hass.services.async_call(
            DOMAIN,
            "tidy_up_saved_files",
            {"older_than_days": 1},
            blocking=True,
            context=context,
            return_response=True,
        )

    await delete_files()
    await add_entry(hass, entry_data(standin, "header"))
    with pytest.raises(Unauthorized):
        await delete_files()
    assert len(handled) == 1


def test_actions_for_administrators() -> None:
    """What deletes, mints, rotates, registers, trains or watches is none of everybody's business."""
    for family in ACTION_GROUPS:
        for action in family.actions:
            if (
                action.key.startswith(("delete_", "tidy_", "rotate_"))
                or "secret" in action.key
                or family.key.startswith(("agent", "vault", "voice", "fine_tuning", "jobs"))
                or action.key.endswith("webhook_endpoint")
            ):
                assert action.key in ADMINISTRATION, action.key
    assert not ADMINISTRATION & {
        "create_model_response",
        "create_chat_completion",
        "create_image",
        "create_speech",
        "create_transcription",
        "search_vector_store",
        "send_realtime_message",
    }


async def test_preferred_service_is_used(
    hass: HomeAssistant, standin: StandIn, media_folder: Path, handled: list[ActionCall]
) -> None:
    await add_entry(hass, entry_data(standin))
    preferred = await add_entry(hass, entry_data(standin, "header"), {"is_preferred": True})

    async def ask(**data: Any) -> None:
        await hass.services.async_call(
            DOMAIN, "list_models", data, blocking=True, return_response=True
        )

    await ask()
    await ask(config_entry_id=preferred.entry_id)
    assert [request.entry.entry_id for request in handled] == [preferred.entry_id] * 2
    third = await add_entry(hass, entry_data(standin, "query"))
    await hass.config_entries.async_unload(preferred.entry_id)
    with raises_key("service_config_entry_not_loaded", ServiceValidationError):
        await ask()
    await hass.config_entries.async_unload(third.entry_id)
    with raises_key("service_config_entry_not_loaded", ServiceValidationError):
        await ask()
    hass.config_entries.async_update_entry(third, options={"is_preferred": True})
    with raises_key("which_host", ServiceValidationError):
        await ask()
    assert len(handled) == 2
