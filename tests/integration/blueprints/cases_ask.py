"""Scripts that ask a model for something."""

from .assertions import ANY
from .case import Case, Json

QUESTION = "Say hello in one sentence."
SAID = f"You said: {QUESTION}"


def message(role: str, kind: str, text: str, **more: str) -> Json:
    """Return a message as the API takes it."""
    part = {"type": kind, "text": text}
    return {"type": "message", "role": role, "content": [part], **more}


ASK_CASES = (
    Case(
        blueprint="audio",
        fields={"recording": "<media>/note.wav"},
        sent=[("POST", "/audio/translations", {"file": "note.wav", "model": "whisper-1"})],
        answer={"text": "I translated 0.2 seconds of note.wav."},
    ),
    Case(
        blueprint="chat",
        fields={"question": "What is this?"},
        sent=[
            (
                "POST",
                "/chat/completions",
                {
                    "model": "gpt-5-mini",
                    "max_completion_tokens": 1024,
                    "messages": [
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": "What is this?"},
                                {"type": "image_url", "image_url": {"url": ANY}},
                            ],
                        }
                    ],
                },
            )
        ],
        answer={"text": ANY, "completion": {"object": "chat.completion"}},
    ),
    Case(
        blueprint="embeddings",
        sent=[
            (
                "POST",
                "/embeddings",
                {
                    "model": "text-embedding-3-small",
                    "input": "The food was great, and the service was too!",
                    "dimensions": 768,
                },
            )
        ],
        answer={"data": [{"embedding": ANY}]},
    ),
    Case(
        blueprint="images",
        sent=[
            (
                "POST",
                "/images/generations",
                {
                    "model": "gpt-image-2",
                    "size": "1536x1024",
                    "background": "auto",
                    "output_format": "png",
                },
            )
        ],
        answer={"media": [{"media_content_type": "image/png"}]},
    ),
    Case(
        blueprint="images",
        variant="previews",
        inputs={"previews": 2},
        fields={"prompt": "Clouds"},
        sent=[
            (
                "POST",
                "/images/generations",
                {"prompt": "Clouds", "stream": True, "partial_images": 2},
            )
        ],
        answer={"stream_id": ANY, "media": [ANY]},
    ),
    Case(
        blueprint="images",
        variant="blend",
        fields={"prompt": "Blend", "pictures": ["<media>/one.png", "<media>/two.png"]},
        sent=[("POST", "/images/edits", {"prompt": "Blend", "image[]": ["one.png", "two.png"]})],
        answer={"media": [ANY]},
    ),
    Case(
        blueprint="models",
        sent=[("GET", "/models", {})],
        answer={"models": [{"id": "ft:gpt-4o-mini:acme::standin1"}]},
    ),
    Case(
        blueprint="moderations",
        fields={"text": "Nothing but violence"},
        sent=[
            (
                "POST",
                "/moderations",
                {"model": "omni-moderation-latest", "input": "Nothing but violence"},
            )
        ],
        answer={"results": [{"flagged": True}]},
    ),
    Case(
        blueprint="realtime_client_secret",
        sent=[
            (
                "POST",
                "/realtime/client_secrets",
                {
                    "expires_after": {"anchor": "created_at", "seconds": 600},
                    "session": {
                        "type": "realtime",
                        "model": "gpt-realtime",
                        "output_modalities": ["audio"],
                        "instructions": "Speak clearly and keep responses concise.",
                    },
                },
            )
        ],
        answer={"value": ANY, "expires_at": ANY, "session": {"type": "realtime"}},
    ),
    Case(
        blueprint="responses_computer_use",
        sent=[("POST", "/responses", {"model": "gpt-5.4", "tools": [{"type": "computer"}]})],
        answer={"id": ANY, "output_text": ANY},
    ),
    Case(
        blueprint="responses_computer_use",
        variant="picture from the Internet",
        makes=["response"],
        fields={
            "response_id": "<response>",
            "call_id": "call_1",
            "screenshot": "https://example.com/screen.png",
        },
        sent=[
            (
                "POST",
                "/responses",
                {
                    "previous_response_id": "<response>",
                    "input": [
                        {
                            "type": "computer_call_output",
                            "call_id": "call_1",
                            "output": {
                                "type": "computer_screenshot",
                                "image_url": "https://example.com/screen.png",
                            },
                        }
                    ],
                },
            )
        ],
        answer={"previous_response_id": "<response>"},
    ),
    Case(
        blueprint="responses_computer_use",
        variant="picture of one's own",
        makes=["response"],
        fields={
            "response_id": "<response>",
            "call_id": "call_1",
            "screenshot": "<media>/one.png",
        },
        sent=[
            ("POST", "/files", {"file": "one.png", "purpose": "vision"}),
            ("POST", "/responses", {"input": [{"output": {"file_id": ANY}}]}),
        ],
        answer={"previous_response_id": "<response>"},
    ),
    Case(
        blueprint="responses_mcp",
        fields={"question": QUESTION},
        inputs={"allowed_tools": ["read_wiki"]},
        sent=[
            (
                "POST",
                "/responses",
                {
                    "model": "gpt-5-mini",
                    "input": QUESTION,
                    "tools": [
                        {
                            "type": "mcp",
                            "server_label": "deepwiki",
                            "server_url": "https://mcp.deepwiki.com/mcp",
                            "require_approval": "never",
                            "allowed_tools": ["read_wiki"],
                        }
                    ],
                },
            )
        ],
        answer={"output_text": SAID},
    ),
    Case(
        blueprint="responses_phase",
        fields={"question": QUESTION, "remark": "Let me think."},
        sent=[
            (
                "POST",
                "/responses",
                {
                    "prompt_cache_key": "home-assistant-phase",
                    "input": [
                        message("assistant", "output_text", "Let me think.", phase="commentary"),
                        message("user", "input_text", QUESTION),
                    ],
                },
            )
        ],
        answer={"output_text": SAID},
    ),
    Case(
        blueprint="responses_tool_search",
        fields={"question": QUESTION},
        sent=[
            (
                "POST",
                "/responses",
                {
                    "model": "gpt-5-mini",
                    "prompt_cache_key": "home-assistant-tool-search",
                    "tools": [{"type": "tool_search"}, {"type": "mcp", "defer_loading": True}],
                },
            )
        ],
        answer={"output_text": SAID},
    ),
    Case(
        blueprint="responses_web_search",
        fields={"question": QUESTION},
        sent=[
            (
                "POST",
                "/responses",
                {
                    "include": ["web_search_call.results"],
                    "tools": [{"type": "web_search", "search_context_size": "medium"}],
                },
            )
        ],
        answer={"output_text": SAID},
    ),
    Case(
        blueprint="responses_websocket",
        sent=[("GET", "/responses", {})],
        answer={"output_text": SAID, "response": {"object": "response"}, "error": None},
    ),
)
