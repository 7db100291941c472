"""What the actions of assistants, conversations, ChatKit and completions are called with."""

from typing import Any

from .case import ANY, MESSAGE, MODEL, PAGE, Case, From

DELETED = {"id": ANY, "deleted": True}
KITCHEN = {"metadata": {"room": "kitchen"}}
ASSISTANT = From("create_assistant")
THREAD = From("create_thread")
ITEM = {"type": "message", "role": "user", "content": "Hello"}
FUNCTION = {"type": "function", "function": {"name": "set_light", "parameters": {}}}
RUN = {"object": "thread.run", "id": ANY, "thread_id": ANY}
COMPLETED = {**RUN, "status": "completed", "usage": ANY}
STREAMED = {**COMPLETED, "stream_id": ANY}
STEP = {"object": "thread.run.step", "type": "message_creation"}
NEW_THREAD = {"assistant_id": ASSISTANT, "thread": {"messages": MESSAGE}}
OLD_THREAD = {"assistant_id": ASSISTANT, "thread_id": THREAD}
SOON = {"poll_interval_ms": 100}
CONVERSATION = From("create_conversation")
CHAT = From("list_chatkit_threads", "first_id")


def of(maker: str, name: str, parent: str = "thread_id", **changes: Any) -> dict[str, Any]:
    """Return the ids of something and of what it belongs to, both out of one answer."""
    return {
        parent: From(maker, parent, changes),
        name: From(maker, "id", changes),
    }


# A run that waits for what a function returns.
_WAITING: dict[str, Any] = {
    "assistant_id": From("create_assistant", changes={"tools": [FUNCTION]}),
    "thread": {"messages": [{"role": "user", "content": "Use set_light"}]},
}
OUTPUTS = {
    **of("create_thread_and_poll_run", "run_id", **_WAITING),
    "tool_outputs": [
        {
            "tool_call_id": From(
                "create_thread_and_poll_run",
                "required_action.submit_tool_outputs.tool_calls.0.id",
                _WAITING,
            ),
            "output": "bright",
        }
    ],
}

PAYLOADS: dict[str, Case] = {
    # Assistants
    "list_assistants": Case(answer={"object": "list", "has_more": False}),
    "create_assistant": Case(
        data={"model": MODEL, "name": "Gardener", "instructions": "Be brief"},
        answer={"object": "assistant", "id": ANY, "model": MODEL, "name": "Gardener"},
    ),
    "get_assistant": Case(data={"assistant_id": ASSISTANT}, answer={"object": "assistant"}),
    "modify_assistant": Case(
        data={"assistant_id": ASSISTANT, "name": "Cook"}, answer={"id": ANY, "name": "Cook"}
    ),
    "delete_assistant": Case(data={"assistant_id": ASSISTANT}, answer=DELETED),
    # Threads and their messages
    "create_thread": Case(data={"messages": MESSAGE}, answer={"object": "thread", "id": ANY}),
    "get_thread": Case(data={"thread_id": THREAD}, answer={"object": "thread", "id": ANY}),
    "modify_thread": Case(data={"thread_id": THREAD, **KITCHEN}, answer={"id": ANY, **KITCHEN}),
    "delete_thread": Case(data={"thread_id": THREAD}, answer=DELETED),
    "list_messages": Case(data={"thread_id": THREAD}, answer=PAGE),
    "create_message": Case(
        data={"thread_id": THREAD, "role": "user", "content": "Hello"},
        answer={"object": "thread.message", "id": ANY, "content": ANY},
    ),
    "get_message": Case(data=of("create_message", "message_id"), answer={"content": ANY}),
    "modify_message": Case(
        data={**of("create_message", "message_id"), **KITCHEN}, answer={"id": ANY, **KITCHEN}
    ),
    "delete_message": Case(data=of("create_message", "message_id"), answer=DELETED),
    # Runs
    "create_run": Case(data=OLD_THREAD, answer={**RUN, "status": "queued"}),
    "create_and_poll_run": Case(data={**OLD_THREAD, **SOON}, answer=COMPLETED),
    "stream_run": Case(data=OLD_THREAD, answer=STREAMED),
    "create_thread_and_run": Case(data=NEW_THREAD, answer={**RUN, "status": "queued"}),
    "create_thread_and_poll_run": Case(data={**NEW_THREAD, **SOON}, answer=COMPLETED),
    "create_thread_and_stream_run": Case(data=NEW_THREAD, answer=STREAMED),
    "get_run": Case(data=of("create_run", "run_id"), answer=RUN),
    "list_runs": Case(data={"thread_id": From("create_run", "thread_id")}, answer=PAGE),
    "poll_run": Case(data={**of("create_run", "run_id"), **SOON}, answer=COMPLETED),
    "modify_run": Case(
        data={**of("create_run", "run_id"), **KITCHEN}, answer={"id": ANY, **KITCHEN}
    ),
    "cancel_run": Case(data=of("create_run", "run_id"), answer={**RUN, "status": "cancelling"}),
    "submit_tool_outputs_to_run": Case(data=OUTPUTS, answer={**RUN, "status": "queued"}),
    "submit_tool_outputs_and_poll_run": Case(data={**OUTPUTS, **SOON}, answer=COMPLETED),
    "submit_tool_outputs_and_stream_run": Case(data=OUTPUTS, answer=STREAMED),
    "list_run_steps": Case(data=of("create_and_poll_run", "run_id"), answer=PAGE),
    "get_run_step": Case(
        data={
            **of("create_and_poll_run", "run_id"),
            "step_id": From("list_run_steps", "first_id"),
        },
        answer=STEP,
    ),
    # Conversations
    "create_conversation": Case(
        data={"items": [ITEM], **KITCHEN}, answer={"object": "conversation", "id": ANY, **KITCHEN}
    ),
    "get_conversation": Case(
        data={"conversation_id": CONVERSATION}, answer={"object": "conversation", **KITCHEN}
    ),
    "modify_conversation": Case(
        data={"conversation_id": CONVERSATION, "metadata": {"room": "hall"}},
        answer={"id": ANY, "metadata": {"room": "hall"}},
    ),
    "delete_conversation": Case(data={"conversation_id": CONVERSATION}, answer=DELETED),
    "create_conversation_item": Case(
        data={"conversation_id": CONVERSATION, "items": [ITEM]},
        answer={"object": "list", "data": ANY, "first_id": ANY},
    ),
    "get_conversation_item": Case(
        data={
            "conversation_id": CONVERSATION,
            "item_id": From("create_conversation_item", "first_id"),
        },
        answer={"id": ANY, "type": "message"},
    ),
    "list_conversation_items": Case(data={"conversation_id": CONVERSATION}, answer=PAGE),
    "delete_conversation_item": Case(
        data={
            "conversation_id": CONVERSATION,
            "item_id": From("create_conversation_item", "first_id"),
        },
        answer={"object": "conversation", "id": ANY},
    ),
    # ChatKit
    "create_chatkit_session": Case(
        data={"user": "anna", "workflow": {"id": "wf_table"}},
        answer={"object": "chatkit.session", "id": ANY, "client_secret": ANY, "status": "active"},
    ),
    "cancel_chatkit_session": Case(
        data={"session_id": From("create_chatkit_session")}, answer={"status": "cancelled"}
    ),
    "list_chatkit_threads": Case(
        data={"user": From("create_chatkit_session", "user")}, answer=PAGE
    ),
    "get_chatkit_thread": Case(data={"thread_id": CHAT}, answer={"object": "chatkit.thread"}),
    "delete_chatkit_thread": Case(data={"thread_id": CHAT}, answer=DELETED),
    "list_chatkit_thread_items": Case(data={"thread_id": CHAT}, answer=PAGE),
    # Completions
    "create_completion": Case(
        data={"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time"},
        answer={"object": "text_completion", "choices": ANY, "usage": ANY},
    ),
}
