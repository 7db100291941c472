"""Conversations: what was said, kept at the service from one answer to the next."""

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
from .common_fields import METADATA, PAGING
from .fields import identifier
from .object_fields import items
from .response_fields import INCLUDE as NULLABLE_INCLUDE

CONVERSATION_ID = identifier(
    "conversation_id", "Conversation", "Id of the conversation.", example="conv_123"
)
ITEM_ID = identifier("item_id", "Item", "Id of the item of the conversation.", example="msg_123")
ITEMS = items(
    "items",
    "Items",
    "Messages and other items to add, up to 20 at a time.",
    example=[{"type": "message", "role": "user", "content": "The cat is called Minka."}],
)
INCLUDE = replace(NULLABLE_INCLUDE, nullable=False)

ACTION_GROUP = ActionGroup(
    key="conversations",
    name="Conversations",
    actions=(
        ActionDescription(
            key="create_conversation",
            method="conversations.create",
            name="Create a conversation",
            description="Begins a conversation that model responses can go on with.",
            icon="mdi:comment-plus-outline",
            fields=(replace(ITEMS, nullable=True), METADATA),
        ),
        get_action(
            key="get_conversation",
            method="conversations.retrieve",
            name="Get a conversation",
            description="Returns what the service knows of a conversation, without its items.",
            icon="mdi:comment-question-outline",
            fields=required(CONVERSATION_ID),
        ),
        ActionDescription(
            key="modify_conversation",
            method="conversations.update",
            name="Update a conversation",
            description="Changes the metadata of a conversation.",
            icon="mdi:comment-edit-outline",
            fields=required(CONVERSATION_ID, METADATA),
        ),
        ActionDescription(
            key="delete_conversation",
            method="conversations.delete",
            name="Delete a conversation",
            description="Deletes a conversation. Its items stay at the service.",
            icon="mdi:comment-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(CONVERSATION_ID),
            has_body=False,
        ),
        ActionDescription(
            key="create_conversation_item",
            method="conversations.items.create",
            name="Add items to a conversation",
            description="Adds messages or other items to a conversation.",
            icon="mdi:comment-arrow-right-outline",
            fields=(*required(CONVERSATION_ID, ITEMS), *advanced(INCLUDE)),
        ),
        get_action(
            key="get_conversation_item",
            method="conversations.items.retrieve",
            name="Get an item of a conversation",
            description="Returns one item of a conversation.",
            icon="mdi:comment-eye-outline",
            fields=(*required(CONVERSATION_ID, ITEM_ID), *advanced(INCLUDE)),
        ),
        list_action(
            key="list_conversation_items",
            method="conversations.items.list",
            name="List the items of a conversation",
            description="Returns what was said in a conversation.",
            icon="mdi:comment-multiple-outline",
            fields=(*required(CONVERSATION_ID), *PAGING, *advanced(INCLUDE)),
        ),
        ActionDescription(
            key="delete_conversation_item",
            method="conversations.items.delete",
            name="Delete an item of a conversation",
            description="Removes one item from a conversation, and returns the conversation.",
            icon="mdi:comment-minus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(CONVERSATION_ID, ITEM_ID),
            has_body=False,
        ),
    ),
)
