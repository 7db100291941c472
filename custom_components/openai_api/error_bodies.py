"""Reads the error bodies of servers: whether a body is an error, and what it says."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice, takewhile
import re
from typing import Any

import orjson

from .error_keys import (
    ANY_WORDS,
    CODES,
    NAMES,
    SAYING,
    WORDS,
    code_in,
    delay_in,
    first_of,
    title_in,
)
from .error_rules import QUOTA_CODES

_HOLDERS = frozenset({"response", "status_details"})
"""The keys of objects in an event that may hold its error."""
_MAX_DEPTH = 8
"""The most wrappings around an error that are taken off."""
_MAX_LITERAL_LENGTH = 4000
_MAX_BYTES = 20_000
"""Of a text that is shown in part."""
_MAX_ITEMS = 100
"""Items of a list or an object that are looked at: enough for what is shown."""
_MAX_VALUES = 1000
"""Values in all that is written as a text, which is cut further."""
_MAX_LEVELS = 50
_VALUE_LENGTH = 50
"""Characters of a text that count as one value."""
_MAX_CHOICES = 5000
_MAX_WRAPPED_LENGTH = 256 * 1024
"""Characters of a text that may be an object itself, such as the error of another server."""
_OBJECT_AT_END = re.compile(r"\s*({.*})[\s'\"]*\Z", re.DOTALL)
# A host that was asked for a stream may say its error in an event, whatever the status.
_FIELD = re.compile(r"\s*(?:event|data|id|retry)?:")
_DATA = re.compile(r"^data: ?+(?!\[DONE\])(.*)", re.MULTILINE)
_BLANK_LINE = re.compile(r"\r?\n\r?\n")
_TELLS_DELAY = re.compile(r"\b(?:again|retry) (?:in|after)\b", re.IGNORECASE)
_OPENING_QUOTE = re.compile(r"\bb?['\"]\Z|['\"]\Z")
_ERROR_KEYS = frozenset(
    {
        *(SAYING - {"status_msg", "html-message"}),
        *("status", "status_code", "statusCode", "type", "request_id", "requestId"),
        *("timestamp", "path", "instance", "success"),
    }
)
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_GOOD_CODES = frozenset({"", "0", "200", "201", "202", "204", "none", "ok", "success"})
_BAD_STATUSES = frozenset({"error", "fail", "failed", "failure"})
_NO_JOBS = frozenset(
    {"error", "list", "chat.completion", "chat.completion.chunk", "text_completion"}
)
"""Objects that have no `status` and no `error` of their own."""
_JOB_STATUSES = frozenset(
    {"completed", "succeeded", "failed", "cancelled", "canceled", "expired", "incomplete"}
)


def details_in(body: object) -> dict[str, Any]:
    """Return the code, the parameter and the message of an error.

    Returns `{"code": …, "param": …, "message": …}`, None where there is none. Wrappings are
    removed: lists, `error`, `detail` and `errors`, the event of a stream, JSON or a Python dict in
    a text. What the other items of a list say is part of the message.
    """
    error: Any = body
    outer: dict[str, Any] = {}
    prefix = ""
    items: list[Any] = []
    for _ in range(_MAX_DEPTH):
        if isinstance(error, dict) and isinstance(errors := error.get("errors"), list):
            items = errors
        if isinstance(error, list) and error and not _are_words(error):
            items, error = error, error[0]
        elif isinstance(error, str):
            before, inner = _split(error)
            if inner is None:
                error = before
                break
            prefix, error = f"{prefix}{before}", inner
        elif isinstance(error, dict) and (inner := _inner(error)) is not None:
            outer = {
                "code": code_in(error) or outer.get("code"),
                "param": error.get("param") or outer.get("param"),
            }
            error = inner
        else:
            break
    if not isinstance(error, dict):
        error = {"message": _words(error)}
    message = _words(first_of(error, ANY_WORDS))
    # What has no name that is known is better shown as it is than not at all.
    message = (
        message
        or {k: v for k, v in islice(error.items(), _MAX_ITEMS) if v and k not in NAMES}
        or error.get("error")
    )
    if isinstance(message, str):
        message, within = _split(message)
        if within is not None:
            message = f"{message}{details_in(within)['message']}"
        message = _with_items(message[:_MAX_BYTES], items)
    if raw := _raw(error):
        message = f"{message}: {raw}"
    if isinstance(message, str) and (delay := delay_in(error)) and not _TELLS_DELAY.search(message):
        message = f"{message.rstrip('.')} (retry in {delay})"
    code, error_type = code_in(error) or outer.get("code"), error.get("type")
    if isinstance(error_type, str) and error_type.lower() in QUOTA_CODES:
        # The code of it is often but the status once more.
        code = error_type
    return {
        "code": code or error_type or title_in(error),
        "param": error.get("param") or outer.get("param"),
        "message": f"{prefix}{message}" if prefix and message else message or prefix,
    }


def condense_error(body: bytes) -> bytes:
    """Return the body of an error with no more than what `details_in` reads of it; blocks."""
    try:
        error = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[:_MAX_BYTES]
    details = {key: short(value) for key, value in details_in(error).items()}
    return orjson.dumps({"error": details})


def short(value: object) -> object:
    """Return a value, or the beginning of its text if that is long."""
    if isinstance(value, str):
        return value[:_MAX_BYTES]
    if isinstance(value, dict | list):
        left = [_MAX_VALUES]
        value = _pruned(value, left)
        with suppress(orjson.JSONEncodeError):
            if len(words := orjson.dumps(value)) > _MAX_BYTES or left[0] <= 0:
                return words[:_MAX_BYTES].decode(errors="replace")
    return value


def as_text(value: object) -> str:
    """Return a value as a server has written it, objects as JSON, or the beginning of that."""
    value = short(value)
    if isinstance(value, dict | list):
        with suppress(orjson.JSONEncodeError):
            return orjson.dumps(value).decode()
    return str(value)


def redact_error(event: Mapping[str, Any], redact: Callable[[str], str]) -> dict[str, Any]:
    """Return an event or an object of a server with the secrets in its error redacted.

    Returns the object with its own keys, such as `{"type": "error", "error": {…}}`. `redact`
    replaces the secrets in a text. Where a server tells an error, it may repeat the key that it
    refuses. What an error says beyond its first 1,000 values is left out.
    """
    redacted = dict(event)
    for key in SAYING & redacted.keys():
        if redacted[key]:
            redacted[key] = _redacted(_pruned(redacted[key], [_MAX_VALUES]), redact)
    for key in _HOLDERS & redacted.keys():
        if isinstance(redacted[key], dict):
            redacted[key] = redact_error(redacted[key], redact)
    return redacted


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """Return a value with the secrets in its texts redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): _redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, redact) for item in value]
    return value


def _pruned(value: Any, left: list[int], level: int = 0) -> Any:
    """Return a value with no more than its first values; `left` has how many may still come.

    To write all of a large one would block the event loop, also from another thread.
    """
    left[0] -= 1
    if level > _MAX_LEVELS and isinstance(value, dict | list):
        return "…"
    if isinstance(value, str):
        left[0] -= min(len(value), _MAX_BYTES) // _VALUE_LENGTH
        return value[:_MAX_BYTES]
    if isinstance(value, dict):
        return {k: _pruned(v, left, level + 1) for k, v in _while_left(value.items(), left)}
    if isinstance(value, list):
        return [_pruned(item, left, level + 1) for item in _while_left(value, left)]
    return value


def _while_left[T](items: Iterable[T], left: list[int]) -> Iterator[T]:
    """Yield items while more values may come."""
    return takewhile(lambda _: left[0] > 0, items)


def _inner(outer: dict[str, Any]) -> object | None:
    """Return what an object wraps that says more than the object itself."""
    error = outer.get("error")
    if isinstance(error, dict | list | str) and error:
        if isinstance(error, str) and isinstance(first_of(outer, WORDS), str):
            # `error` is but a title here.
            return None
        return error
    for key in ("detail", "message", "errors"):
        value = outer.get(key)
        if isinstance(value, dict) and value:
            return value
        if isinstance(value, list) and value and not _names_fields(value):
            return value if isinstance(value[0], dict) else None
        if isinstance(value, str) and key != "errors" and value.strip():
            before, inner = _split(value)
            return inner if inner is not None and not before else None
    return None


def _split(text: str) -> tuple[str, Any]:
    """Return the words before an object in a text, and the object, None if there is none.

    Of the text of a stream, these are the words of its first event.
    """
    if len(text) <= _MAX_WRAPPED_LENGTH and _FIELD.match(text) is not None:
        events = ("\n".join(_DATA.findall(event)).strip() for event in _BLANK_LINE.split(text))
        text = next(filter(None, events), text)
    if "{" not in text[:_MAX_LITERAL_LENGTH] or len(text) > _MAX_WRAPPED_LENGTH:
        return text, None
    before, brace, rest = text.partition("{")
    if (match := _OBJECT_AT_END.match(f"{brace}{rest}")) is None:
        return text, None
    inner: Any = None
    with suppress(orjson.JSONDecodeError):
        inner = orjson.loads(match[1])
    if inner is None and len(match[1]) <= _MAX_LITERAL_LENGTH:
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            inner = ast.literal_eval(match[1])
    if not isinstance(inner, dict) or not inner:
        return text, None
    return _OPENING_QUOTE.sub("", before), inner


def _names_fields(value: object) -> bool:
    """Return whether a list names fields and what is wrong with them, as FastAPI does."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and ("loc" in item or "msg" in item)
        for item in islice(value, _MAX_ITEMS)
    )


def _are_words(items: list[Any]) -> bool:
    """Return whether each item of a list says something else: fields, or several texts."""
    are_texts = len(items) > 1 and all(isinstance(item, str) for item in islice(items, _MAX_ITEMS))
    return are_texts or _names_fields(items)


def _words(message: Any) -> Any:
    """Return a message; of a list that names fields, its words."""
    if not isinstance(message, list) or not message:
        return message
    items = message[:_MAX_ITEMS]
    if all(isinstance(item, dict | str) for item in items):
        return "; ".join(_item_words(item) or as_text(item) for item in items)
    return message


def _item_words(item: Any) -> str:
    """Return what an item of a list says, with the field that it names; "" for nothing."""
    if isinstance(item, str):
        return item[:_MAX_BYTES]
    words = first_of(item, ANY_WORDS) if isinstance(item, dict) else None
    if not words:
        return ""
    place = item.get("loc", "")
    if isinstance(place, list) and all(isinstance(part, str | int) for part in place[:_MAX_ITEMS]):
        place = ".".join(str(part) for part in place[:_MAX_ITEMS])
    return f"{as_text(place)} {as_text(words)}".strip()


def _with_items(message: str, items: list[Any]) -> str:
    """Return a message with what the items of its list say beyond it."""
    messages = [words for item in items[:_MAX_ITEMS] if (words := _item_words(item))]
    new = [words for words in messages if words not in message]
    if not new:
        return message
    # The message may be one of them.
    joint = ": " if new == messages else "; "
    return f"{message.rstrip('.:')}{joint}{'; '.join(new)}"


def _raw(error: Mapping[str, Any]) -> str:
    """Return the message of the provider in the error of a gateway."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    inner: Any = raw
    if isinstance(raw, str):
        raw, inner = _split(raw)
        if inner is None:
            return raw[:_MAX_BYTES].strip()
    if not isinstance(inner, dict | list) or not inner:
        return ""
    # It may nest such errors without end.
    return as_text(details_in(_pruned(inner, [_MAX_VALUES]))["message"] or raw)


def answer_error(
    answer: object, *, is_of_model: bool = False, is_item: bool = False
) -> object | None:
    """Return the error in a response with status 200, None if there is none.

    With `is_of_model`, for a request to a model, an object that has only the keys of errors is one.
    With `is_item`, an object with an `id` and a `type` is an item, and its `error` its own.
    An object with a `status` of its own, such as a response or a video that failed, is no error:
    the API documents its `error`.
    """
    if isinstance(answer, list) and len(answer) == 1:
        # As Gemini sends them.
        answer = answer[0] if isinstance(answer[0], dict) and "error" in answer[0] else None
    if not isinstance(answer, dict):
        return None
    if is_item and "id" in answer and answer.get("type") not in (None, "error"):
        return None
    if "error" in answer and _says_something(answer["error"]) and not _is_job(answer):
        return answer
    if answer.get("object") == "error" or answer.get("type") == "error":
        return answer
    if "success" in answer and str(answer["success"]).lower() == "false":
        return answer
    outcome = answer.get("base_resp")
    if isinstance(outcome, dict) and outcome.get("status_code"):
        # MiniMax reports every outcome like this.
        return {"code": outcome["status_code"], **outcome}
    choices = answer.get("choices")
    for choice in choices[:_MAX_CHOICES] if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        message = choice.get("message")
        for place in (choice, message):
            if isinstance(place, dict) and _says_something(place.get("error")):
                return place
        if choice.get("finish_reason") == "error":
            return error_of_message(message)
    return answer if _is_bare_error(answer, is_of_model=is_of_model) else None


def error_of_message(message: object) -> dict[str, str]:
    """Return the error of a choice that ends with one: what its message says, `{"message": …}`."""
    said = message.get("content") if isinstance(message, dict) else None
    words = said.strip()[:_MAX_BYTES] if isinstance(said, str) else ""
    return {"message": f"{words} (finish_reason: error)" if words else "finish_reason: error"}


def _says_something(error: object) -> bool:
    """Return whether an error is one: fine-tuning jobs that go well have one of nothing but nulls."""
    if isinstance(error, dict):
        values = islice(error.values(), _MAX_ITEMS)
        return any(value not in (None, "", False) for value in values)
    return bool(error)


def _is_job(answer: Mapping[str, Any]) -> bool:
    """Return whether an object is work at the host, which may have failed."""
    status, object_type = answer.get("status"), answer.get("object")
    if not isinstance(status, str):
        return False
    if isinstance(object_type, str) and object_type:
        return object_type not in _NO_JOBS
    return "id" in answer and status.lower() in _JOB_STATUSES


def _is_bare_error(answer: Mapping[str, Any], *, is_of_model: bool) -> bool:
    """Return whether an object holds nothing but what errors are made of."""
    if len(answer) > _MAX_ITEMS:
        return False
    for key, value in answer.items():
        if key not in _ERROR_KEYS and value not in _EMPTY:
            return False
    if not _has_any(answer, ANY_WORDS):
        return False
    if is_of_model or _has_any(answer, ("detail", "errors")):
        return True
    if str(answer.get("status")).lower() in _BAD_STATUSES:
        return True
    codes = [answer.get(key) for key in (*CODES, "status_code", "statusCode")]
    if isinstance(status := answer.get("status"), int) and not isinstance(status, bool):
        codes.append(status)
    return any(code is not None and str(code).lower() not in _GOOD_CODES for code in codes)


def _has_any(values: Mapping[str, Any], keys: Iterable[str]) -> bool:
    """Return whether one of the keys has a value that says something."""
    return any(values.get(key) for key in keys)
