"""Environments: the computers that agents work on, and templates for them."""

from ..action import (
    ActionDescription,
    ActionGroup,
    FieldDescription,
    Permission,
    advanced,
    get_action,
    list_action,
    required,
)
from .agents import NAME, NULLABLE_LIMIT
from .common_fields import ORDER, PAGING
from .fields import choice, identifier, json_object, objects, text, texts
from .object_fields_agents import (
    environment_desktop,
    environment_files,
    environment_network,
    environment_packages,
    setup_commands,
)
from .object_fields_storage import skill_references

_ENVIRONMENT_ID = identifier(
    "environment_id", "Environment", "Id of the environment.", example="env_123"
)
_TEMPLATE_ID = identifier(
    "environment_template_id", "Template", "Id of the template.", example="envtmpl_123"
)
_TEMPLATE: tuple[FieldDescription, ...] = (
    NAME,
    environment_packages(
        "packages",
        "Packages",
        "What to install, by kind: python, npm, system.",
        example={"python": ["pandas"]},
        nullable=True,
    ),
    environment_network(
        "network",
        "Network",
        "What can be reached from there: all, nothing, or certain domains.",
        example={"access": "restricted", "allowed_domains": ["example.com"]},
        nullable=True,
    ),
    environment_files(
        "files",
        "Files",
        "Files that are there from the beginning.",
        example=[{"type": "file_id", "file_id": "file-123", "path": "/workspace/plan.csv"}],
        nullable=True,
    ),
    skill_references(
        "skills",
        "Skills",
        "Skills that the agent can use.",
        example=[{"type": "skill_reference", "skill_id": "skill_123"}],
        nullable=True,
    ),
    *advanced(
        setup_commands(
            "setup_commands",
            "Setup commands",
            "What to run first. Home Assistant keeps a record of it, so leave out passwords.",
            nullable=True,
        ),
        json_object(
            "env",
            "Environment variables",
            "Names and values. Home Assistant keeps a record of them, so leave out passwords.",
            example={"TZ": "Europe/Oslo"},
            nullable=True,
        ),
        objects("plugins", "Plugins", "Plugins as zip archives in base64.", nullable=True),
        texts(
            "capability_directories",
            "Capability folders",
            "Folders that hold skills and plugins.",
            nullable=True,
        ),
        environment_desktop(
            "desktop",
            "Desktop",
            "Whether there is a desktop with a browser.",
            example={"enabled": True},
            nullable=True,
        ),
    ),
)

ACTION_GROUP = ActionGroup(
    key="agent_environments",
    name="Environments of agents",
    actions=(
        ActionDescription(
            key="create_agent_environment",
            method="beta.agents.environments.create",
            name="Create an environment of an agent",
            description="Sets up an environment at the service, in which sessions of agents can work.",
            icon="mdi:server-plus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    json_object(
                        "environment",
                        "Environment",
                        "The type, always openai_hosted, and a template, packages, files or commands.",
                        example={"type": "openai_hosted", "packages": {"python": ["pandas"]}},
                    )
                ),
                texts(
                    "vault_ids",
                    "Vaults",
                    "Ids of the vaults whose credentials the agent may use.",
                    example=["vault_123"],
                    nullable=True,
                ),
                *advanced(
                    text(
                        "idempotency_key",
                        "Idempotency key",
                        "The service takes what comes with the same key only once.",
                    )
                ),
            ),
        ),
        list_action(
            key="list_agent_environments",
            method="beta.agents.environments.list",
            name="List environments of agents",
            description="Returns the environments that are kept at the service.",
            icon="mdi:server-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *PAGING,
                choice("type", "Type", "Only list this type.", ("openai_hosted",)),
            ),
        ),
        get_action(
            key="get_agent_environment",
            method="beta.agents.environments.retrieve",
            name="Get an environment of an agent",
            description="Returns whether an environment is ready, and what is installed there.",
            icon="mdi:desktop-tower",
            permission=Permission.ADMINISTRATORS,
            fields=required(_ENVIRONMENT_ID),
        ),
        list_action(
            key="list_agent_environment_files",
            method="beta.agents.environments.files.list",
            name="List the files of an environment",
            description="Returns the files that lie in an environment right now.",
            icon="mdi:folder-network-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(_ENVIRONMENT_ID),
                text("path", "Folder", "Only list what lies in this folder.", nullable=True),
                NULLABLE_LIMIT,
                ORDER,
                text("page", "Page", "The value that the page before named as the next one."),
            ),
        ),
        ActionDescription(
            key="add_agent_environment_file",
            method="beta.agents.environments.files.create",
            name="Add a file to an environment",
            description="Copies a file that the service keeps, or one in base64, to an environment.",
            icon="mdi:folder-arrow-up-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    _ENVIRONMENT_ID,
                    choice(
                        "type",
                        "Type",
                        "Whether the file is kept at the service (file_id) or sent along (inline).",
                        ("file_id", "inline"),
                    ),
                    text(
                        "path",
                        "Path",
                        "Where to put the file, below the workspace.",
                        example="/workspace/plan.csv",
                    ),
                ),
                text("file_id", "File", "Id of the file at the service.", example="file-123"),
                text("data", "Data", "The content of the file in base64."),
            ),
        ),
        ActionDescription(
            key="create_agent_environment_template",
            method="beta.agents.environments.templates.create",
            name="Create an environment template",
            description="Describes an environment that sessions of agents can begin with.",
            icon="mdi:monitor-edit",
            permission=Permission.ADMINISTRATORS,
            fields=_TEMPLATE,
        ),
        list_action(
            key="list_agent_environment_templates",
            method="beta.agents.environments.templates.list",
            name="List environment templates",
            description="Returns the templates that are kept at the service.",
            icon="mdi:monitor-multiple",
            permission=Permission.ADMINISTRATORS,
            fields=PAGING,
        ),
        get_action(
            key="get_agent_environment_template",
            method="beta.agents.environments.templates.retrieve",
            name="Get an environment template",
            description="Returns a template, without its commands and variables.",
            icon="mdi:monitor-eye",
            permission=Permission.ADMINISTRATORS,
            fields=required(_TEMPLATE_ID),
        ),
        ActionDescription(
            key="modify_agent_environment_template",
            method="beta.agents.environments.templates.update",
            name="Update an environment template",
            description="Changes a template. Environments that exist keep what they have.",
            icon="mdi:monitor-shimmer",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(_TEMPLATE_ID), *_TEMPLATE),
        ),
        ActionDescription(
            key="delete_agent_environment_template",
            method="beta.agents.environments.templates.delete",
            name="Delete an environment template",
            description="Deletes a template.",
            icon="mdi:monitor-off",
            permission=Permission.ADMINISTRATORS,
            fields=required(_TEMPLATE_ID),
            has_body=False,
        ),
    ),
)
