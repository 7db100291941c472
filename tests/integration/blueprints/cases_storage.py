"""Scripts that manage what is kept at a host."""

from .assertions import ANY
from .case import Case

STORAGE_CASES = (
    Case(
        blueprint="assistants",
        sent=[
            (
                "POST",
                "/assistants",
                {
                    "name": "House assistant",
                    "model": "gpt-4o-mini",
                    "description": "My helpful assistant.",
                    "tools": [{"type": "code_interpreter"}],
                },
            )
        ],
        answer={"id": ANY, "object": "assistant"},
    ),
    Case(
        blueprint="assistants",
        variant="with files",
        fields={"name": "Plumber", "files": ["<media>/boiler.txt"]},
        sent=[
            ("POST", "/files", {"file": "boiler.txt", "purpose": "assistants"}),
            ("POST", "/vector_stores", {"name": "Plumber", "file_ids": [ANY]}),
            (
                "POST",
                "/assistants",
                {
                    "name": "Plumber",
                    "tools": [{"type": "file_search"}],
                    "tool_resources": {"file_search": {"vector_store_ids": [ANY]}},
                },
            ),
        ],
        answer={"name": "Plumber", "tool_resources": {"file_search": ANY}},
    ),
    Case(
        blueprint="batch",
        fields={"requests_file": "<media>/requests.jsonl"},
        sent=[
            ("POST", "/files", {"file": "requests.jsonl", "purpose": "batch"}),
            ("POST", "/batches", {"endpoint": "/v1/responses", "completion_window": "24h"}),
        ],
        answer={"id": ANY, "object": "batch"},
    ),
    Case(
        blueprint="chatkit_sessions_and_threads",
        variant="create_session",
        inputs={"workflow_id": "wf_1", "workflow_version": "3", "state_variables": {"room": "den"}},
        fields={"step": "create_session"},
        sent=[
            (
                "POST",
                "/chatkit/sessions",
                {
                    "user": "home",
                    "workflow": {"id": "wf_1", "version": "3", "state_variables": {"room": "den"}},
                    "expires_after": {"anchor": "created_at", "seconds": 600},
                },
            )
        ],
        answer={"object": "chatkit.session", "status": "active"},
    ),
    Case(
        blueprint="chatkit_sessions_and_threads",
        variant="cancel_session",
        makes=["session"],
        fields={"step": "cancel_session", "session_id": "<session>"},
        sent=[("POST", "/chatkit/sessions/<session>/cancel", {})],
        answer={"id": "<session>", "status": "cancelled"},
    ),
    Case(
        blueprint="chatkit_sessions_and_threads",
        variant="list_threads",
        makes=["session"],
        sent=[("GET", "/chatkit/threads", {"user": "home", "limit": "10", "order": "desc"})],
        answer={"data": [{"id": "<chat>"}]},
    ),
    Case(
        blueprint="chatkit_sessions_and_threads",
        variant="get_thread",
        makes=["session"],
        fields={"step": "get_thread", "thread_id": "<chat>"},
        sent=[("GET", "/chatkit/threads/<chat>", {})],
        answer={"id": "<chat>"},
    ),
    Case(
        blueprint="chatkit_sessions_and_threads",
        variant="list_items",
        makes=["session"],
        fields={"step": "list_items", "thread_id": "<chat>"},
        sent=[("GET", "/chatkit/threads/<chat>/items", {"limit": "10", "order": "desc"})],
        answer={"data": [ANY, ANY]},
    ),
    Case(
        blueprint="chatkit_sessions_and_threads",
        variant="delete_thread",
        makes=["session"],
        fields={"step": "delete_thread", "thread_id": "<chat>"},
        sent=[("DELETE", "/chatkit/threads/<chat>", {})],
        answer={"id": "<chat>", "deleted": True},
    ),
    Case(
        blueprint="collect_documents",
        fields={"documents": ["<media>/boiler.txt"]},
        sent=[
            ("POST", "/vector_stores", {"name": "Manuals"}),
            ("POST", "/files", {"file": "boiler.txt", "purpose": "assistants"}),
        ],
        answer={"vector_store_id": ANY, "file_counts": {"completed": 1, "total": 1}},
    ),
    Case(
        blueprint="collect_documents",
        variant="more",
        makes=["store"],
        fields={"documents": ["<media>/boiler.txt"], "vector_store_id": "<store>"},
        sent=[("POST", "/vector_stores/<store>/file_batches", {"file_ids": [ANY]})],
        answer={"vector_store_id": "<store>"},
    ),
    Case(
        blueprint="conversations",
        sent=[("POST", "/conversations", {})],
        answer={"conversation_id": ANY, "items": [ANY, ANY, ANY]},
    ),
    Case(
        blueprint="conversations",
        variant="existing",
        makes=["conversation"],
        inputs={"tools": [{"type": "function", "name": "look_up", "parameters": None}]},
        fields={"conversation_id": "<conversation>", "reply": "It's 5 o'clock"},
        sent=[
            (
                "POST",
                "/conversations/<conversation>/items",
                {
                    "items": [
                        {"type": "additional_tools", "role": "developer", "tools": [ANY]},
                        {"role": "assistant", "phase": "commentary"},
                        {"role": "assistant", "phase": "final_answer"},
                        {"role": "user", "content": [{"text": "It's 5 o'clock"}]},
                    ]
                },
            )
        ],
        answer={"conversation_id": "<conversation>"},
    ),
    Case(
        blueprint="files",
        fields={"purpose": "batch"},
        sent=[("GET", "/files", {"purpose": "batch"})],
        answer={"data": [], "has_more": False},
    ),
    Case(
        blueprint="fine_tuning",
        sent=[("GET", "/fine_tuning/jobs", {"limit": "20"})],
        answer={"data": [], "has_more": False},
    ),
    Case(
        blueprint="messages",
        makes=["thread"],
        fields={"thread_id": "<thread>"},
        sent=[("GET", "/threads/<thread>/messages", {"order": "desc", "limit": "20"})],
        answer={"data": [{"role": "user"}]},
    ),
    Case(
        blueprint="runs",
        makes=["assistant", "thread", "run"],
        fields={"thread_id": "<thread>"},
        sent=[("GET", "/threads/<thread>/runs", {"order": "desc", "limit": "20"})],
        answer={"data": [{"id": "<run>"}]},
    ),
    Case(
        blueprint="threads",
        makes=["thread"],
        fields={"thread_id": "<thread>"},
        sent=[("GET", "/threads/<thread>", {})],
        answer={"id": "<thread>", "object": "thread"},
    ),
    Case(
        blueprint="vector_store_search",
        makes=["store"],
        inputs={"vector_store_id": "<store>", "filters": {"type": "eq", "key": "a", "value": 1}},
        fields={"query": "filter"},
        sent=[
            (
                "POST",
                "/vector_stores/<store>/search",
                {
                    "query": "filter",
                    "max_num_results": 5,
                    "filters": {"type": "eq", "key": "a", "value": 1},
                    "rewrite_query": False,
                },
            )
        ],
        answer={"data": []},
    ),
    Case(
        blueprint="videos",
        sent=[
            ("POST", "/videos", {"model": "sora-2", "seconds": "8", "size": "1280x720"}),
        ],
        answer={"video": {"status": "completed"}, "file": {"media_content_type": "video/mp4"}},
    ),
    Case(
        blueprint="videos",
        variant="edit",
        makes=["video"],
        fields={"step": "edit", "prompt": "Snow", "video_id": "<video>"},
        sent=[("POST", "/videos/edits", {"prompt": "Snow", "video[id]": "<video>"})],
        answer={"video": {"remixed_from_video_id": "<video>"}, "file": {"size": ANY}},
    ),
    Case(
        blueprint="videos",
        variant="extend",
        makes=["video"],
        fields={"step": "extend", "prompt": "Go on", "video_id": "<video>"},
        sent=[("POST", "/videos/extensions", {"seconds": "8", "video[id]": "<video>"})],
        answer={"video": {"seconds": "12"}, "file": {"size": ANY}},
    ),
    Case(
        blueprint="videos",
        variant="remix",
        makes=["video"],
        fields={"step": "remix", "prompt": "Warmer", "video_id": "<video>"},
        sent=[("POST", "/videos/<video>/remix", {"prompt": "Warmer"})],
        answer={"video": {"remixed_from_video_id": "<video>"}},
    ),
    Case(
        blueprint="videos",
        variant="download",
        makes=["video"],
        inputs={"variant": "thumbnail"},
        fields={"step": "download", "video_id": "<video>"},
        sent=[("GET", "/videos/<video>/content", {"variant": "thumbnail"})],
        answer={"file": {"media_content_type": "image/png"}},
    ),
    Case(
        blueprint="videos",
        variant="create_character",
        fields={"step": "create_character", "character": "Rex", "clip": "<media>/rex.mp4"},
        sent=[("POST", "/videos/characters", {"name": "Rex", "video": "rex.mp4"})],
        answer={"id": ANY, "name": "Rex"},
    ),
)
