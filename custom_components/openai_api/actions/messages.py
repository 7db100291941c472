"""Messages: what people and assistants say in a thread."""

from dataclasses import replace

from ..model import Action, Answer, Family, Permission, advanced, required
from .fields import choice, identifier, text_or_items
from .shared import BEFORE, METADATA, PAGING, THREAD_ID
from .structures_agents import message_attachments

MESSAGE_ID = identifier("message_id", "Message", "Id of the message.", example="msg_123")
RUN_ID = identifier("run_id", "Run", "Id of the run.", example="run_123")

FAMILY = Family(
    key="messages",
    name="Messages",
    actions=(
        Action(
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
            answer=Answer.PAGE,
            body=False,
            only_answers=True,
        ),
        Action(
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
                        text_or_items(
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
        Action(
            key="get_message",
            method="beta.threads.messages.retrieve",
            name="Get a message of a thread (retired)",
            description="Returns one message of a thread.",
            icon="mdi:message-badge-outline",
            fields=required(THREAD_ID, MESSAGE_ID),
            body=False,
            only_answers=True,
        ),
        Action(
            key="modify_message",
            method="beta.threads.messages.update",
            name="Update a message of a thread (retired)",
            description="Changes the metadata of a message.",
            icon="mdi:message-settings-outline",
            fields=(*required(THREAD_ID, MESSAGE_ID), METADATA),
        ),
        Action(
            key="delete_message",
            method="beta.threads.messages.delete",
            name="Delete a message of a thread (retired)",
            description="Deletes one message of a thread.",
            icon="mdi:message-bulleted-off",
            permission=Permission.ADMINISTRATORS,
            fields=required(THREAD_ID, MESSAGE_ID),
            body=False,
        ),
    ),
)
