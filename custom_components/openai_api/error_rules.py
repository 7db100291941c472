"""What the status, the code and the message of an error say about its cause."""

from http import HTTPStatus
import re

# As OpenAI, OpenRouter, LiteLLM, DeepSeek, Zhipu, Gemini, Moonshot, one-api, new-api, Alibaba and
# Volcengine name a used-up account.
QUOTA_CODES = frozenset(
    {
        "1113",
        "account_overdue",
        "accountoverdueerror",
        "arrearage",
        "billing_hard_limit_reached",
        "billing_not_active",
        "budget_exceeded",
        "credit_limit",
        "credits_exhausted",
        "exceeded_current_quota",
        "exceeded_current_quota_error",
        "insufficient_balance",
        "insufficient_credit",
        "insufficient_credits",
        "insufficient_funds",
        "insufficient_quota",
        "insufficient_user_quota",
        "out_of_credits",
        "payment_required",
        "pre_consume_token_quota_failed",
        "spend_limit_exceeded",
    }
)
_REQUEST_FAULT = re.compile(
    r"\bnot supported?\b|\bunsupported\b|does not support|not implemented|mmproj"
    r"|too (?:large|long|many tokens)|exceeds? the (?:available |maximum )?context"
    r"|validation errors?\b|unknown role|invalid role|must (?:be|have|contain)\b"
    r"|failed to (?:decode|load|open|read) (?:the )?(?:audio|image)"
    r"|^missing credentials\b",
    re.IGNORECASE,
)
_QUOTA_WORDS = re.compile(
    r"exceeded your current quota|insufficient (?:account )?(?:balance|credit|funds|quota)"
    r"|budget has been exceeded|exceeded budget|billing hard limit|account is not active"
    r"|over (?:its |their |the |your )?(?:max )?budget|exceededbudget"
    r"|credit balance is too low|out of credits|no (?:more )?credits? (?:left|remaining|available)"
    r"|(?:used|exhausted|spent) all (?:of )?(?:(?:your|the|its|available|included) )*credits"
    r"|credits? (?:is|are|has been|have been|was|were) (?:all )?(?:depleted|exhausted|used up)"
    r"|exceeded your monthly included credits|credit limit exceeded"
    r"|check your plan and billing|reached (?:its|your|the|their) (?:\w+ )?(?:spending|spend) limit"
    r"|(?:spending|spend) (?:limit|cap) (?:has been |was )?(?:reached|exceeded)"
    r"|balance (?:is )?(?:insufficient|too low|not enough)|quota is not enough"
    r"|overdue (?:balance|bill|payment)|in arrears|account is in good standing"
    r"|余额不足|额度不足|欠费|预扣费额度失败|额度已用尽",
    re.IGNORECASE,
)


def is_server_error(status: int) -> bool:
    """Return whether a status says that the server, and not the request, is at fault."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED


def is_request_fault(status: int, message: object) -> bool:
    """Return whether a server blames the request, though its status says it failed itself.

    llama.cpp, llama-cpp-python and OGX answer 500, and llama.cpp 501, to input that the loaded
    model does not support, and LiteLLM 500 where it has no key for the service behind it. Trying
    again cannot help, and the server is at work.
    """
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return True
    return (
        status == HTTPStatus.INTERNAL_SERVER_ERROR
        and isinstance(message, str)
        and _REQUEST_FAULT.search(message) is not None
    )


def is_quota_exceeded(status: int | None, code: object, message: object = None) -> bool:
    """Return whether an error says that there is no quota or credit left.

    OpenAI, Azure and most gateways have a code for it; others only use status 402 or words. A
    word counts with a status that refuses (400 to 429) or none, so that a model's prose does not.
    """
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return True
    if isinstance(code, str) and code.lower() in QUOTA_CODES:
        return True
    if isinstance(code, str) and "insufficient_quota" in code:
        return True
    if status is not None and not HTTPStatus.BAD_REQUEST <= status <= HTTPStatus.TOO_MANY_REQUESTS:
        return False
    return isinstance(message, str) and _QUOTA_WORDS.search(message) is not None
