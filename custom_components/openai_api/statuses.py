"""Which statuses of an object at a server are final, and which finish reasons mean a cut."""

from collections.abc import Mapping, Set as AbstractSet
from typing import Any

_ENDS = frozenset(
    {
        # OpenAI's own: of responses, runs, batches, files, fine-tuning jobs, evals and videos.
        "cancelled",
        "canceled",
        "completed",
        "deleted",
        "error",
        "expired",
        "failed",
        "idle",
        "incomplete",
        "processed",
        "requires_action",
        "succeeded",
        # Those of compatible hosts.
        "aborted",
        "blocked",
        "complete",
        "content_filtered",
        "done",
        "errored",
        "failure",
        "finished",
        "interrupted",
        "moderated",
        "ok",
        "ready",
        "rejected",
        "stopped",
        "success",
        "successful",
        "terminated",
        "timed_out",
        "timeout",
    }
)

_KEYS = ("status", "task_status", "state")
"""The keys of the status: that of the API, and those of other servers."""
_LENGTH = frozenset(
    {
        *("length", "context_length_exceeded", "max_length", "max_new_tokens", "max_output_tokens"),
        *("max_tokens", "model_context_window_exceeded", "model_length", "token_limit"),
        "truncated",
    }
)
_FILTER = frozenset(
    {
        *("blocklist", "content_filter", "content_filtered", "guardrail_intervened"),
        *("image_safety", "moderated", "moderation", "prohibited_content", "recitation", "safety"),
        *("sensitive", "spii"),
    }
)
_INTERRUPTION = frozenset(
    {
        *("abort", "aborted", "cancelled", "canceled", "insufficient_system_resource"),
        *("interrupted", "network_error", "repetition", "repetition_truncation", "time_limit"),
        *("timed_out", "timeout"),
    }
)
"""Finish reasons of DeepSeek, Gemini, Mistral, SGLang, TGI, vLLM, Zhipu and others."""


def cut_reason(finish_reason: object) -> str | None:
    """Return why a message is not whole, None if it is, or if the server does not say.

    Returns a reason of the Responses API, `max_output_tokens` or `content_filter`, or the word of
    the server for an interruption.
    """
    reason = _word(finish_reason) if isinstance(finish_reason, str) else ""
    if reason in _LENGTH:
        return "max_output_tokens"
    if reason in _FILTER:
        return "content_filter"
    return reason if reason in _INTERRUPTION else None


def status_of(answer: Mapping[str, Any]) -> object:
    """Return the status of an object, None if it has none."""
    return next((answer[key] for key in _KEYS if answer.get(key) is not None), None)


def is_known_end(status: str) -> bool:
    """Return whether a status is known to be final: `completed`, or `Failed` in any spelling."""
    return _word(status) in _ENDS


def _word(text: str) -> str:
    """Return a word in the spelling of the API."""
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def is_ended(status: object, pending: AbstractSet[str] = frozenset()) -> bool:
    """Return whether the work is over; `pending` are statuses known to be in progress.

    An object without a status is done. An unknown status is not final: servers have their own words
    for work in progress, such as `processing` or `preparing`.
    """
    if not isinstance(status, str):
        return True
    return status not in pending and is_known_end(status)
