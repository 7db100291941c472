"""Threads: conversations that assistants work on."""

from ..action import ActionDescription, ActionGroup, Permission, get_action, required
from .common_fields import METADATA, THREAD_ID, TOOL_RESOURCES
from .object_fields import thread_messages

ACTION_GROUP = ActionGroup(
    key="threads",
    name="Threads",
    actions=(
        ActionDescription(
            key="create_thread",
            method="beta.threads.create",
            name="Create a thread (retired)",
            description="Begins a conversation for assistants to work on.",
            icon="mdi:notebook-plus-outline",
            fields=(
                thread_messages(
                    "messages",
                    "Messages",
                    "The messages that the thread begins with.",
                    example=[{"role": "user", "content": "When do I prune the roses?"}],
                ),
                TOOL_RESOURCES,
                METADATA,
            ),
        ),
        get_action(
            key="get_thread",
            method="beta.threads.retrieve",
            name="Get a thread (retired)",
            description="Returns what the service knows of a thread, without its messages.",
            icon="mdi:notebook-outline",
            fields=required(THREAD_ID),
        ),
        ActionDescription(
            key="modify_thread",
            method="beta.threads.update",
            name="Update a thread (retired)",
            description="Changes the metadata of a thread, or what its tools work on.",
            icon="mdi:notebook-edit-outline",
            fields=(*required(THREAD_ID), METADATA, TOOL_RESOURCES),
        ),
        ActionDescription(
            key="delete_thread",
            method="beta.threads.delete",
            name="Delete a thread (retired)",
            description="Deletes a thread with its messages.",
            icon="mdi:notebook-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(THREAD_ID),
            has_body=False,
        ),
    ),
)
