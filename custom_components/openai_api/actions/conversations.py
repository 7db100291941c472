"""Conversations: what was said, kept at the service host from one answer to the next."""

from dataclasses import replace

from ..model import Action, Answer, Family, Permission, advanced, required
from .fields import identifier
from .response_fields import INCLUDE as NULLABLE_INCLUDE
from .shared import METADATA, PAGING
from .structures import items

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

FAMILY = Family(
    key="conversations",
    name="Conversations",
    actions=(
        Action(
            key="create_conversation",
            method="conversations.create",
            name="Create a conversation",
            description="Begins a conversation that model responses can go on with.",
            icon="mdi:comment-plus-outline",
            fields=(replace(ITEMS, nullable=True), METADATA),
        ),
        Action(
            key="get_conversation",
            method="conversations.retrieve",
            name="Get a conversation",
            description="Returns what the host knows of a conversation, without its items.",
            icon="mdi:comment-question-outline",
            fields=required(CONVERSATION_ID),
            body=False,
            only_answers=True,
        ),
        Action(
            key="modify_conversation",
            method="conversations.update",
            name="Update a conversation",
            description="Changes the metadata of a conversation.",
            icon="mdi:comment-edit-outline",
            fields=required(CONVERSATION_ID, METADATA),
        ),
        Action(
            key="delete_conversation",
            method="conversations.delete",
            name="Delete a conversation",
            description="Deletes a conversation. Its items stay at the host.",
            icon="mdi:comment-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(CONVERSATION_ID),
            body=False,
        ),
        Action(
            key="create_conversation_item",
            method="conversations.items.create",
            name="Add items to a conversation",
            description="Adds messages or other items to a conversation.",
            icon="mdi:comment-arrow-right-outline",
            fields=(*required(CONVERSATION_ID, ITEMS), *advanced(INCLUDE)),
        ),
        Action(
            key="get_conversation_item",
            method="conversations.items.retrieve",
            name="Get an item of a conversation",
            description="Returns one item of a conversation.",
            icon="mdi:comment-eye-outline",
            fields=(*required(CONVERSATION_ID, ITEM_ID), *advanced(INCLUDE)),
            body=False,
            only_answers=True,
        ),
        Action(
            key="list_conversation_items",
            method="conversations.items.list",
            name="List the items of a conversation",
            description="Returns what was said in a conversation.",
            icon="mdi:comment-multiple-outline",
            fields=(*required(CONVERSATION_ID), *PAGING, *advanced(INCLUDE)),
            answer=Answer.PAGE,
            body=False,
            only_answers=True,
        ),
        Action(
            key="delete_conversation_item",
            method="conversations.items.delete",
            name="Delete an item of a conversation",
            description="Removes one item from a conversation, and returns the conversation.",
            icon="mdi:comment-minus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(CONVERSATION_ID, ITEM_ID),
            body=False,
        ),
    ),
)
