"""What the status, the code and the message of an error say about its cause."""

from http import HTTPStatus
import re

# As OpenAI, OpenRouter, LiteLLM, DeepSeek, Zhipu and Gemini name a used-up account.
_QUOTA_CODES = frozenset(
    {
        "1113",
        "billing_hard_limit_reached",
        "billing_not_active",
        "budget_exceeded",
        "exceeded_current_quota",
        "insufficient_balance",
        "insufficient_credits",
        "insufficient_funds",
        "insufficient_quota",
        "insufficient_user_quota",
        "payment_required",
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
    r"|credit balance is too low|out of credits|余额不足",
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
    if isinstance(code, str) and code.lower() in _QUOTA_CODES:
        return True
    if isinstance(code, str) and "insufficient_quota" in code:
        return True
    if status is not None and not HTTPStatus.BAD_REQUEST <= status <= HTTPStatus.TOO_MANY_REQUESTS:
        return False
    return isinstance(message, str) and _QUOTA_WORDS.search(message) is not None
