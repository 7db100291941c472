"""A used-up account is told from a busy server, in whatever words."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call, add_entry, entry_data, raises_key

ASK = {"model": "m-1", "input": "Hello"}
NO_QUOTA: dict[str, tuple[int, Any]] = {
    "openai": (429, {"code": "insufficient_quota", "message": "You exceeded your quota"}),
    "openai-billing-inactive": (429, {"code": "billing_not_active", "message": "Not active"}),
    "openai-hard-limit": (400, {"code": "billing_hard_limit_reached", "message": "Limit"}),
    "openrouter": (402, {"code": 402, "message": "Insufficient credits. Add more."}),
    "deepseek": (402, {"code": "invalid_request_error", "message": "Insufficient Balance"}),
    "litellm-budget": (
        400,
        {"code": "400", "type": "budget_exceeded", "message": "Budget has been exceeded! Current"},
    ),
    "gemini": (429, {"code": 429, "message": "You exceeded your current quota, please check"}),
    "litellm-user": (429, {"type": "auth_error", "message": "ExceededBudget: User=x over budget"}),
    "gemini-prepaid": (429, {"message": "Your prepayment credits are depleted."}),
    "moonshot": (
        429,
        {"type": "exceeded_current_quota_error", "message": "Your account is suspended"},
    ),
    "xai": (403, {"message": "Your team has either used all available credits or reached its"}),
    "xai-limit": (403, {"message": "Your team has reached its monthly spending limit."}),
    "one-api": (403, {"code": "pre_consume_token_quota_failed", "message": "预扣费额度失败"}),
    "one-api-words": (403, {"type": "one_api_error", "message": "user quota is not enough"}),
    "new-api": (403, {"type": "new_api_error", "message": "用户额度不足, 剩余额度: $0.00"}),
    "alibaba": (400, {"code": "Arrearage", "message": "Access denied"}),
    "siliconflow": (403, {"code": 30001, "message": "Sorry, your account balance is insufficient"}),
    "volcengine": (403, {"code": "AccountOverdueError", "message": "an overdue balance"}),
    "type-beside-code": (429, {"code": "x", "type": "insufficient_quota", "message": "Limit"}),
    "plan": (429, {"code": None, "message": "Please check your plan and billing details"}),
    "zhipu": (429, {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}),
}
BUSY: dict[str, tuple[int, Any, str]] = {
    "rate": (429, {"code": "rate_limit_exceeded", "message": "Rate limit reached"}, "rate_limited"),
    "tier": (
        429,
        {"code": "429", "message": "Requests have exceeded call rate limit of your current tier"},
        "rate_limited",
    ),
    "tokens": (429, {"message": "Request too large for model, limit 6000 tokens"}, "rate_limited"),
    "quota-word-of-input": (400, {"code": "x", "message": "quota is no valid key"}, "refused"),
    "server": (500, {"code": "x", "message": "budget has been exceeded"}, "server_error"),
}


@pytest.mark.parametrize(("status", "error"), NO_QUOTA.values(), ids=NO_QUOTA)
async def test_quota_exceeded_creates_issue_and_is_not_retried(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    call: Call,
    status: int,
    error: dict[str, Any],
) -> None:
    entry = await add_entry(hass, entry_data(standin, max_retries=2))
    standin.fail(Fault(path="/responses", count=None, status=status, body={"error": error}))
    with raises_key("quota_used_up"):
        await call("create_model_response", **ASK)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"quota_used_up_{entry.entry_id}")
    assert issue is not None
    assert len([item for item in standin.requests if item.path.endswith("/responses")]) == 1


@pytest.mark.parametrize(("status", "error", "key"), BUSY.values(), ids=BUSY)
async def test_other_errors_create_no_quota_issue(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    status: int,
    error: dict[str, Any],
    key: str,
) -> None:
    standin.fail(Fault(path="/responses", count=None, status=status, body={"error": error}))
    with raises_key(key):
        await call("create_model_response", **ASK)
    assert not ir.async_get(hass).async_get_issue(DOMAIN, f"quota_used_up_{entry.entry_id}")


@pytest.mark.parametrize(
    ("status", "message", "key", "attempts"),
    [
        (500, "image input is not supported - hint: you may need the mmproj", "refused", 1),
        (500, "input is too large to process. increase the physical batch size", "refused", 1),
        (500, "7 validation errors for CreateChatCompletionRequest", "refused", 1),
        (500, "Missing credentials. Please pass an `api_key`, `workload_identity`", "refused", 1),
        (
            501,
            "This server does not support embeddings. Start it with `--embeddings`",
            "refused",
            1,
        ),
        (500, "CUDA error: out of memory", "server_error", 1),
        (503, "Loading model", "server_error", 3),
    ],
    ids=[
        "picture",
        "too-long",
        "unknown-role",
        "no-upstream-key",
        "not-implemented",
        "crash",
        "loading",
    ],
)
async def test_server_error_caused_by_request(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    call: Call,
    status: int,
    message: str,
    key: str,
    attempts: int,
) -> None:
    entry = await add_entry(hass, entry_data(standin, max_retries=2))
    body = {"error": {"code": status, "message": message, "type": "server_error"}}
    standin.fail(
        Fault(
            path="/responses", count=None, status=status, body=body, headers={"retry-after": "0.01"}
        )
    )
    with raises_key(key) as caught:
        await call("create_model_response", **ASK)
    assert message[:20] in str(caught.value)
    assert len([item for item in standin.requests if item.path.endswith("/responses")]) == attempts
    is_reachable = entry.runtime_data.host.availability.is_reachable
    assert is_reachable is (key == "refused")
