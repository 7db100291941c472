"""What each action is called with to see its requests: derived from the row itself."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from custom_components.openai_api.action import ActionDescription, FieldDescription, ResponseKind
from custom_components.openai_api.services import effective_fields

SOCKET_ACTIONS = {
    "add_realtime_image",
    "close_realtime_websocket",
    "connect_realtime_websocket",
    "get_realtime_status",
    "interrupt_realtime_response",
    "manage_model_response_websocket",
    "reset_realtime_history",
    "send_realtime_audio",
    "send_realtime_event",
    "send_realtime_function_call_output",
    "send_realtime_mcp_response",
    "send_realtime_message",
    "update_realtime_session_config",
}
"""Actions that send frames over a WebSocket instead of requests."""

LOCAL_ACTIONS = {
    "list_watched_jobs",
    "stop_watching_job",
    "tidy_up_saved_files",
    "unwrap_webhook_event",
    "verify_webhook_signature",
    "watch_job",
}
"""Actions that ask nobody, or go on asking after they have answered."""

CONTENTS = {
    "note.txt": b"Once upon a time",
    "list.txt": b"Milk, eggs, flour",
    "picture.png": b"\x89PNG\r\n\x1a\nnot really",
    "mask.png": b"\x89PNG\r\n\x1a\nnot",
    "sound.wav": b"RIFF but silent",
    "film.mp4": b"ftypmp42 and dark",
    "skill/SKILL.md": b"# Butler",
    "skill/tools/serve.py": b"print('Dinner is served')",
}
_BY_TYPE = {
    "image/*": ("picture.png", "mask.png"),
    "audio/*": ("sound.wav",),
    "video/*": ("film.mp4",),
}

# What the least call needs besides the fields that the row requires.
_LEAST: dict[str, dict[str, Any]] = {
    "add_agent_environment_file": {"file_id": "file-123"},
    "create_agent_automation": {"expression": "0 7 * * *", "timezone": "Europe/Oslo"},
    "create_voice": {"name": "Butler", "type": "prompt", "prompt": "An old man, amused"},
    "stream_model_response": {"model": "gpt-5-mini", "input": "Say hello"},
    # One after the other, so that the order is always the same.
    "upload_and_poll_vector_store_file_batch": {"max_concurrency": 1},
}
# Fields that every action of a kind has; nobody is to wait for the ones about patience.
_COMMON: dict[str, Any] = {
    "timeout": 30,
    "max_wait_seconds": 30,
    "poll_interval_ms": 100,
    "max_concurrency": 1,
    "extra_query": {"trial": "yes"},
    "extra_body": {"brand_new": {"deep": 1}},
}
# Values of which only one kind makes sense.
_FIXED: dict[str, dict[str, Any]] = {
    "create_realtime_call": {"sdp": "sdp"},
    "delete_model": {"model": "gpt-5-mini"},
    "edit_video": {"video": {"id": "video_123"}},
    "extend_video": {"video": {"id": "video_123"}},
    "upload_file_chunked": {"part_size": 10},
}
_RESPONSE = {"background_options", "image"}
_IMAGE = {"complexity", "frame_count", "frame_duration_ms", "safety_identifier", "svg"}
NEWER: dict[str, set[str]] = {
    "create_model_response": _RESPONSE,
    "parse_model_response": _RESPONSE,
    "stream_model_response": _RESPONSE,
    "create_multi_agent_response": _RESPONSE,
    "compact_model_response": {"image"},
    "create_image": _IMAGE,
    "create_image_edit": _IMAGE | {"markup"},
    "create_decision": {"prompt_cache_key", "prompt_cache_options"},
    "create_agent": {"compaction", "experimental"},
    "modify_agent": {"compaction", "experimental"},
    "create_agent_session": {"review", "prompt_cache_options", "stream_options"},
    "modify_agent_session": {"review", "prompt_cache_options"},
    "stream_agent_session": {"include_obfuscation"},
    "list_agent_sessions": {"metadata"},
    "list_vaults": {"metadata"},
    "list_vault_credentials": {"metadata"},
}
"""Fields that came after the requests were put on record; they have tests of their own."""
# Fields that exclude others, left out of the rich call; further calls make up for them.
_NOT_TOGETHER = {
    "add_agent_environment_file": {"data"},
    "add_container_file": {"file_id"},
    "create_vector_store_file_batch": {"files"},
    "create_and_poll_vector_store_file_batch": {"files"},
    # What the model does with the home, or is told again, takes further requests.
    "create_chat_completion": {"llm_hass_api", "conversation_id"},
    "create_model_response": {"llm_hass_api", "conversation_id"},
    "stream_model_response": {"response_id", "starting_after"},
}
_FILES = {
    "vector_store_id": "vs_123",
    "files": [{"file_id": "file-123", "attributes": {"room": "kitchen"}}],
}
_MORE: dict[str, dict[str, dict[str, Any]]] = {
    "add_container_file": {"known file": {"container_id": "cntr_123", "file_id": "file-123"}},
    "create_and_poll_vector_store_file_batch": {"files": _FILES},
    "create_vector_store": {"nothing, and null": {"name": None, "metadata": None}},
    "create_vector_store_file_batch": {"files": _FILES},
    "create_video": {
        "known file": {"prompt": "A paper boat", "input_reference": {"file_id": "file-123"}}
    },
    "stream_model_response": {"follow": {"response_id": "resp_123", "starting_after": 7}},
}


def cases(action: ActionDescription, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names and the data of the calls that show what an action sends."""
    fields = {
        field.key: field for field in effective_fields(action) if field.key != "config_entry_id"
    }
    fixed = _COMMON | _FIXED.get(action.key, {})

    def filled(keys: Iterator[str]) -> dict[str, Any]:
        return {
            key: fixed[key] if key in fixed else _value(action, fields[key], folder) for key in keys
        }

    # A default of the entry may stand in for the model; the hosts here have none.
    needed = {field.key for field in action.fields if field.required}
    least = filled(key for key, field in fields.items() if field.required or key in needed)
    yield "required fields", least | _LEAST.get(action.key, {})
    apart = _NOT_TOGETHER.get(action.key, set()) | NEWER.get(action.key, set())
    rich = filled(key for key in fields if key not in apart)
    if rich != least:
        yield "every field", rich
    yield from _MORE.get(action.key, {}).items()


def _value(action: ActionDescription, field: FieldDescription, folder: Path) -> Any:
    """Return a value that a field takes: its example, or what its widget would give."""
    kind, config = next(iter(field.selector.items()))
    multiple = bool(config.get("multiple"))
    if field.file:
        found = [str(folder / name) for name in _files(action, field, config)]
        return found if multiple else found[0]
    if field.example is not None:
        return field.example
    match kind:
        case "boolean":
            return True
        case "number":
            return _number(config)
        case "select":
            return list(config["options"][:2]) if multiple else config["options"][0]
        case "object":
            return [{"key": field.key}] if multiple else {"key": field.key}
        case "text":
            return [f"{field.key} 1", f"{field.key} 2"] if multiple else field.key
    raise NotImplementedError(f"a value for {action.key}.{field.key}")


def _number(config: Mapping[str, Any]) -> float:
    """Return a number within the limits, and none that a default might be."""
    lowest, step = config["min"], config["step"]
    if isinstance(step, float):
        return float(round(lowest + 3 * step, 3))
    return int(max(lowest, 3 if config.get("max", 3) >= 3 else 1))


def _files(
    action: ActionDescription, field: FieldDescription, config: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the names of files that suit a field."""
    if action.key in {"create_skill", "create_skill_version"}:
        return ("skill",)
    if field.key == "mask":
        return ("mask.png",)
    accepted = config.get("accept", ("*",))[0]
    return _BY_TYPE.get(accepted, ("note.txt", "list.txt"))


def streams(action: ActionDescription, data: Mapping[str, Any]) -> bool:
    """Tell whether the answer to these data comes as a stream."""
    if action.accumulator is None:
        return False
    if action.response is ResponseKind.FILE:
        return data.get("stream_format") == "sse"
    # These stand for a stream themselves.
    named = "stream" not in {field.key for field in action.fields}
    return named or bool(data.get("stream"))
