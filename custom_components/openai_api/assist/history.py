"""Chooses the contents of a chat log that are sent to the model."""

from collections.abc import Sequence
from typing import Final

from homeassistant.components.conversation import (
    AssistantContent,
    Content,
    SystemContent,
    ToolResultContent,
    UserContent,
)

from .chat_log import function_calls, is_empty

_UNFINISHED: Final = "Sorry, an error occurred before I could finish that request."
"""The answer that ends a failed turn: without it, the model might act on its question later.

Many templates of models also reject two user messages in a row.
"""
_EMPTY_ANSWER: Final = "Done."
"""The answer that ends a turn after whose tools the model said nothing."""
_EARLIER_ANSWER: Final = 'You have just said to me: "{}"\n\n{}'
"""The first question, with what the assistant has said before it."""


def sendable_contents(contents: Sequence[Content], max_turns: int) -> list[Content]:
    """Return the contents of a chat log for the model: of the last turns, 0 for all.

    Left out are system prompts, calls without a result, and results without a call. A turn that
    failed, or after whose tools nothing was said, ends with a sentence. More is dropped at once
    than needed, so that the beginning stays the same for some turns and the service can use its
    prompt cache.
    """
    contents = _trimmed(contents, max_turns)
    results = {item.tool_call_id for item in contents if isinstance(item, ToolResultContent)}
    calls: set[str] = set()
    history: list[Content] = []
    is_unanswered = has_failed = False
    for item in contents:
        if isinstance(item, UserContent):
            if is_unanswered:
                text = _UNFINISHED if has_failed else _EMPTY_ANSWER
                history.append(AssistantContent(agent_id="", content=text))
            is_unanswered = has_failed = True
        elif isinstance(item, AssistantContent):
            sent_calls = [call.id for call in function_calls(item) if call.id in results]
            calls.update(sent_calls)
            says_nothing = is_empty(item.content)
            is_unanswered = bool(sent_calls) or (is_unanswered and says_nothing)
            has_failed = bool(sent_calls) or (says_nothing and bool(item.content))
            if not sent_calls and not item.native and says_nothing:
                continue
        elif isinstance(item, SystemContent) or (
            isinstance(item, ToolResultContent) and item.tool_call_id not in calls
        ):
            continue
        history.append(item)
    return history


def last_turns(contents: list[Content], max_turns: int) -> list[Content]:
    """Return the contents of the last turns, at most so many, 0 for all."""
    starts = _turn_starts(contents)
    return contents[starts[-max_turns:][0] :] if max_turns and starts else contents


def count_turns(contents: Sequence[Content]) -> int:
    """Return the number of user messages."""
    return len(_turn_starts(contents))


def start_with_user(contents: list[Content]) -> list[Content]:
    """Return contents that begin with a user message, as templates of many models require.

    A satellite may have begun the conversation: the first user message then quotes that.
    """
    starts = _turn_starts(contents)
    earlier = [
        item.content
        for item in contents[: starts[0] if starts else 0]
        if isinstance(item, AssistantContent) and item.content
    ]
    if not earlier:
        return contents
    first = contents[starts[0]]
    assert isinstance(first, UserContent)
    text = _EARLIER_ANSWER.format("\n".join(earlier), first.content)
    return [UserContent(text, attachments=first.attachments), *contents[starts[0] + 1 :]]


def _turn_starts(contents: Sequence[Content]) -> list[int]:
    """Return the indexes of the user messages."""
    return [index for index, item in enumerate(contents) if isinstance(item, UserContent)]


def _trimmed(contents: Sequence[Content], max_turns: int) -> Sequence[Content]:
    """Return the contents of the current turn and of at least so many before it."""
    if max_turns < 1:
        return contents
    starts = _turn_starts(contents)
    # The current turn does not count.
    if (surplus := len(starts) - 1 - max_turns) <= 0:
        return contents
    step = max(1, max_turns // 2)
    dropped = min(-(-surplus // step) * step, len(starts) - 1)
    return contents[starts[dropped] :]
