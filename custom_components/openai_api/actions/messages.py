"""Messages: what people and assistants say in a thread."""

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
from .common_fields import BEFORE, METADATA, PAGING, THREAD_ID
from .fields import choice, identifier, string_or_list
from .object_fields_agents import message_attachments

MESSAGE_ID = identifier("message_id", "Message", "Id of the message.", example="msg_123")
RUN_ID = identifier("run_id", "Run", "Id of the run.", example="run_123")

ACTION_GROUP = ActionGroup(
    key="messages",
    name="Messages",
    actions=(
        list_action(
            key="list_messages",
            method="beta.threads.messages.list",
            name="List the messages of a thread (retired)",
            description="Returns what was said in a thread.",
            icon="mdi:message-bulleted",
            fields=(
                *required(THREAD_ID),
                replace(RUN_ID, description="Return only the messages that this run made."),
                *PAGING,
                *advanced(BEFORE),
            ),
        ),
        ActionDescription(
            key="create_message",
            method="beta.threads.messages.create",
            name="Add a message to a thread (retired)",
            description="Says something in a thread.",
            icon="mdi:message-plus-outline",
            fields=(
                *required(
                    THREAD_ID,
                    choice("role", "Role", "Who says it.", ("user", "assistant")),
                    replace(
                        string_or_list(
                            "content",
                            "Content",
                            "What to say: a text, or a list of texts and pictures.",
                            example="When do I prune the roses?",
                        ),
                        selector={"text": {"multiline": True}},
                    ),
                ),
                message_attachments(
                    "attachments",
                    "Attachments",
                    "Files that belong to the message, each with the tools that read it.",
                    example=[{"file_id": "file-123", "tools": [{"type": "file_search"}]}],
                    nullable=True,
                ),
                METADATA,
            ),
        ),
        get_action(
            key="get_message",
            method="beta.threads.messages.retrieve",
            name="Get a message of a thread (retired)",
            description="Returns one message of a thread.",
            icon="mdi:message-badge-outline",
            fields=required(THREAD_ID, MESSAGE_ID),
        ),
        ActionDescription(
            key="modify_message",
            method="beta.threads.messages.update",
            name="Update a message of a thread (retired)",
            description="Changes the metadata of a message.",
            icon="mdi:message-settings-outline",
            fields=(*required(THREAD_ID, MESSAGE_ID), METADATA),
        ),
        ActionDescription(
            key="delete_message",
            method="beta.threads.messages.delete",
            name="Delete a message of a thread (retired)",
            description="Deletes one message of a thread.",
            icon="mdi:message-bulleted-off",
            permission=Permission.ADMINISTRATORS,
            fields=required(THREAD_ID, MESSAGE_ID),
            has_body=False,
        ),
    ),
)
