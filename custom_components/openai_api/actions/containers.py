"""Containers: closed-off computers at the host, in which models run code."""

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
from .common_fields import FILE_IDS, PAGING
from .fields import choice, identifier, text
from .object_fields_storage import expiry_in_minutes, network_policy, skill_references

CONTAINER_ID = identifier("container_id", "Container", "Id of the container.", example="cntr_123")

ACTION_GROUP = ActionGroup(
    key="containers",
    name="Containers",
    actions=(
        ActionDescription(
            key="create_container",
            method="containers.create",
            name="Create a container",
            description="Makes a closed-off computer at the service, in which a model can run code.",
            icon="mdi:package-variant-plus",
            fields=(
                *required(identifier("name", "Name", "What to call it.", example="Energy report")),
                FILE_IDS,
                *advanced(
                    choice(
                        "memory_limit",
                        "Memory",
                        "How much memory it has.",
                        ("1g", "4g", "16g", "64g"),
                    ),
                    expiry_in_minutes(
                        "expires_after",
                        "Expires after",
                        "After how many minutes without use the service deletes it.",
                        example={"anchor": "last_active_at", "minutes": 20},
                    ),
                    network_policy(
                        "network_policy",
                        "Network",
                        "Whether it may reach the internet, and which sites.",
                        example={"type": "allowlist", "allowed_domains": ["example.com"]},
                    ),
                    skill_references(
                        "skills",
                        "Skills",
                        "Skills that can be used in it.",
                        example=[{"type": "skill_reference", "skill_id": "skill_123"}],
                    ),
                ),
            ),
        ),
        list_action(
            key="list_containers",
            method="containers.list",
            name="List containers",
            description="Returns the containers of this service.",
            icon="mdi:package-variant",
            fields=(*PAGING, text("name", "Name", "List only containers with this name.")),
        ),
        get_action(
            key="retrieve_container",
            method="containers.retrieve",
            name="Get a container",
            description="Returns what the service tells of a container.",
            icon="mdi:package-variant-closed",
            fields=required(CONTAINER_ID),
        ),
        ActionDescription(
            key="delete_container",
            method="containers.delete",
            name="Delete a container",
            description="Deletes a container with all that is in it.",
            icon="mdi:package-variant-remove",
            permission=Permission.ADMINISTRATORS,
            fields=required(CONTAINER_ID),
            response=ResponseKind.NONE,
            empty_response={"deleted": True},
            has_body=False,
        ),
    ),
)
