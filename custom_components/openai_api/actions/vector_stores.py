"""Vector stores: collections of files that can be searched by what they mean."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    ResponseKind,
    advanced,
    get_action,
    list_action,
    required,
)
from ..object_types import VECTOR_STORE
from .common_fields import (
    BEFORE,
    CHUNKING_STRATEGY,
    FILE_IDS,
    METADATA,
    PAGING,
    VECTOR_STORE_ID,
)
from .fields import boolean, integer, json_object, text, text_or_texts
from .object_fields_storage import expiry_in_days, ranking

_NAME = text("name", "Name", "What to call it.", example="House manuals")
_EXPIRES_AFTER = expiry_in_days(
    "expires_after",
    "Expires after",
    "After how many days without use the service deletes it.",
    example={"anchor": "last_active_at", "days": 30},
)

ACTION_GROUP = ActionGroup(
    key="vector_stores",
    name="Vector stores",
    actions=(
        ActionDescription(
            key="create_vector_store",
            method="vector_stores.create",
            name="Create a vector store",
            description="Makes a collection of files that a model, or you, can search.",
            icon="mdi:database-plus-outline",
            fields=(
                _NAME,
                text("description", "Description", "What the files in it are about."),
                FILE_IDS,
                *advanced(CHUNKING_STRATEGY, _EXPIRES_AFTER, METADATA),
            ),
        ),
        list_action(
            key="list_vector_stores",
            method="vector_stores.list",
            name="List vector stores",
            description="Returns the vector stores that are kept at the service.",
            icon="mdi:database-outline",
            fields=(*PAGING, *advanced(BEFORE)),
        ),
        ActionDescription(
            key="search_vector_store",
            method="vector_stores.search",
            name="Search documents",
            description="Searches the documents in a vector store at OpenAI, and returns the passages that come closest in meaning to a question.",
            icon="mdi:database-search-outline",
            fields=(
                *required(
                    VECTOR_STORE_ID,
                    replace(
                        text_or_texts(
                            "query",
                            "Question",
                            "What to look for: a text, or a list of texts.",
                            example="How do I descale the coffee machine?",
                        ),
                        selector={"text": {}},
                    ),
                ),
                integer(
                    "max_num_results",
                    "Most results",
                    "How many passages to return at most.",
                    low=1,
                    high=50,
                ),
                json_object(
                    "filters",
                    "Filters",
                    "Search only files with these attributes.",
                    example={"type": "eq", "key": "room", "value": "kitchen"},
                ),
                *advanced(
                    ranking(
                        "ranking_options",
                        "Ranking",
                        "How the passages are ranked, and how close they must come.",
                        example={"ranker": "auto", "score_threshold": 0.5},
                    ),
                    boolean(
                        "rewrite_query",
                        "Rewrite the question",
                        "Let the service word the question in the way that finds most.",
                    ),
                ),
            ),
            response=ResponseKind.LIST,
            only_answers=True,
        ),
        get_action(
            key="retrieve_vector_store",
            method="vector_stores.retrieve",
            name="Get a vector store",
            description="Returns what the service tells of a vector store.",
            icon="mdi:database-eye-outline",
            fields=required(VECTOR_STORE_ID),
            watch_as=VECTOR_STORE,
        ),
        ActionDescription(
            key="modify_vector_store",
            method="vector_stores.update",
            name="Update a vector store",
            description="Changes the name, the expiry or the metadata of a vector store.",
            icon="mdi:database-edit-outline",
            fields=(
                *required(VECTOR_STORE_ID),
                replace(_NAME, nullable=True),
                replace(_EXPIRES_AFTER, nullable=True),
                METADATA,
            ),
        ),
        ActionDescription(
            key="delete_vector_store",
            method="vector_stores.delete",
            name="Delete a vector store",
            description="Deletes a vector store. The files that were in it stay.",
            icon="mdi:database-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(VECTOR_STORE_ID),
            has_body=False,
        ),
    ),
)
