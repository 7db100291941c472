"""Realtime notices: the values of `type` in `openai_api_realtime_event`."""

from enum import StrEnum


class RealtimeNotice(StrEnum):
    """The notices, in the order in which the trigger offers them."""

    AUDIO = "audio"
    AUDIO_DONE = "audio_done"
    AUDIO_INTERRUPTED = "audio_interrupted"
    AUDIO_STARTED = "audio_started"
    AUDIO_TRANSCRIPT_DELTA = "audio_transcript_delta"
    CONNECTION_CHANGE = "connection_change"
    ERROR = "error"
    FUNCTION_CALL = "function_call"
    ITEM_DELETED = "item_deleted"
    ITEM_UPDATE = "item_update"
    MCP_APPROVAL_REQUEST = "mcp_approval_request"
    MCP_TOOL_CALL_COMPLETED = "mcp_tool_call_completed"
    MCP_TOOLS_LISTED = "mcp_tools_listed"
    OUTPUT_TEXT_DELTA = "output_text_delta"
    EVENTS_DROPPED = "events_dropped"
    TOOL_APPROVAL_REQUEST = "tool_approval_request"
    TOOL_LIMIT_REACHED = "tool_limit_reached"
    TOOL_RESULT = "tool_result"
    TURN_DONE = "turn_done"
    TURN_STARTED = "turn_started"
    USAGE_LIMIT_REACHED = "usage_limit_reached"
    USAGE_UPDATE = "usage_update"
