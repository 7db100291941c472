"""ChatKit: chats with a workflow of yours on a web page."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    advanced,
    get_action,
    list_action,
    required,
)
from .common_fields import BEFORE, PAGING, THREAD_ID
from .fields import identifier, text
from .object_fields_agents import chatkit_configuration, rate_limits, workflow
from .object_fields_storage import session_expiry

_THREAD_ID = replace(THREAD_ID, description="Id of the chat.", example="cthr_123")

ACTION_GROUP = ActionGroup(
    key="chatkit",
    name="ChatKit",
    actions=(
        ActionDescription(
            key="create_chatkit_session",
            method="beta.chatkit.sessions.create",
            name="Create a ChatKit session",
            description=(
                "Lets a person chat with a workflow for a while, "
                "and returns the secret that the web page needs."
            ),
            icon="mdi:forum-plus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    identifier(
                        "user",
                        "User",
                        "A name that stands for the person who chats.",
                        example="anna",
                    ),
                    workflow(
                        "workflow",
                        "Workflow",
                        "The workflow that answers, with its version and variables.",
                        example={"id": "wf_123", "state_variables": {"city": "Oslo"}},
                    ),
                ),
                chatkit_configuration(
                    "chatkit_configuration",
                    "Configuration",
                    "Whether there are titles, earlier chats and file uploads.",
                    example={"file_upload": {"enabled": True, "max_files": 3}},
                ),
                *advanced(
                    session_expiry(
                        "expires_after",
                        "Expires after",
                        "When the session ends by itself; without it after 10 minutes.",
                        example={"anchor": "created_at", "seconds": 600},
                    ),
                    rate_limits(
                        "rate_limits",
                        "Rate limits",
                        "How many messages a minute the person may send.",
                        example={"max_requests_per_1_minute": 10},
                    ),
                ),
            ),
        ),
        ActionDescription(
            key="cancel_chatkit_session",
            method="beta.chatkit.sessions.cancel",
            name="Cancel a ChatKit session",
            description="Ends a session at once; its secret is of no use any more.",
            icon="mdi:forum-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(
                identifier("session_id", "Session", "Id of the session.", example="cksess_123")
            ),
        ),
        get_action(
            key="get_chatkit_thread",
            method="beta.chatkit.threads.retrieve",
            name="Get a ChatKit thread",
            description="Returns the title and the state of a chat.",
            icon="mdi:face-agent",
            fields=required(_THREAD_ID),
        ),
        list_action(
            key="list_chatkit_threads",
            method="beta.chatkit.threads.list",
            name="List ChatKit threads",
            description="Returns the chats that people had.",
            icon="mdi:account-multiple-outline",
            fields=(
                text("user", "User", "Return only the chats of this person.", example="anna"),
                *PAGING,
                *advanced(BEFORE),
            ),
        ),
        ActionDescription(
            key="delete_chatkit_thread",
            method="beta.chatkit.threads.delete",
            name="Delete a ChatKit thread",
            description="Deletes a chat with all that was said in it.",
            icon="mdi:forum-minus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_THREAD_ID),
            has_body=False,
        ),
        list_action(
            key="list_chatkit_thread_items",
            method="beta.chatkit.threads.list_items",
            name="List the items of a ChatKit thread",
            description="Returns what was said and done in a chat.",
            icon="mdi:comment-text-multiple-outline",
            fields=(*required(_THREAD_ID), *PAGING, *advanced(BEFORE)),
        ),
    ),
)
