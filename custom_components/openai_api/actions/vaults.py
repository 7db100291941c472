"""Vaults: credentials that agents may use and nobody can read.

What goes into a vault is no action: Home Assistant keeps a record of what actions are called with.
"""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, Permission, get_action, list_action, required
from .agents import PAGING
from .common_fields import METADATA, METADATA_FILTER
from .fields import choices, identifier, text

_VAULT_ID = identifier("vault_id", "Vault", "Id of the vault.", example="vault_123")
_CREDENTIAL_ID = identifier(
    "credential_id", "Credential", "Id of the credential.", example="cred_123"
)
_STATUS = choices("status", "Status", "Only list what has this status.", ("active", "archived"))

ACTION_GROUP = ActionGroup(
    key="vaults",
    name="Vaults",
    actions=(
        ActionDescription(
            key="create_vault",
            method="beta.agents.vaults.create",
            name="Create a vault",
            description=(
                "Makes a vault for credentials of agents. "
                "What goes into it is entered at the service, not here."
            ),
            icon="mdi:safe-square-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(text("name", "Name", "A name to know it by.", example="Home"), METADATA),
        ),
        list_action(
            key="list_vaults",
            method="beta.agents.vaults.list",
            name="List vaults",
            description="Returns the vaults that are kept at the service.",
            icon="mdi:safe",
            permission=Permission.ADMINISTRATORS,
            fields=(*PAGING, _STATUS, METADATA_FILTER),
        ),
        get_action(
            key="get_vault",
            method="beta.agents.vaults.retrieve",
            name="Get a vault",
            description="Returns what a vault is called.",
            icon="mdi:safe-square",
            permission=Permission.ADMINISTRATORS,
            fields=required(_VAULT_ID),
        ),
        ActionDescription(
            key="modify_vault",
            method="beta.agents.vaults.update",
            name="Update a vault",
            description="Changes what a vault is called, or its metadata.",
            icon="mdi:archive-edit-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(_VAULT_ID),
                text("name", "Name", "A name to know it by.", example="Home", nullable=True),
                replace(METADATA, nullable=False),
            ),
        ),
        ActionDescription(
            key="delete_vault",
            method="beta.agents.vaults.delete",
            name="Delete a vault",
            description="Deletes a vault with all that is in it.",
            icon="mdi:lock-open-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_VAULT_ID),
            has_body=False,
        ),
        list_action(
            key="list_vault_credentials",
            method="beta.agents.vaults.credentials.list",
            name="List the credentials of a vault",
            description="Returns what is in a vault, without the secrets themselves.",
            icon="mdi:key-chain",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(_VAULT_ID), *PAGING, _STATUS, METADATA_FILTER),
        ),
        get_action(
            key="get_vault_credential",
            method="beta.agents.vaults.credentials.retrieve",
            name="Get a credential of a vault",
            description="Returns what a credential is for, without the secret itself.",
            icon="mdi:key-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_VAULT_ID, _CREDENTIAL_ID),
        ),
        ActionDescription(
            key="delete_vault_credential",
            method="beta.agents.vaults.credentials.delete",
            name="Delete a credential of a vault",
            description="Deletes a credential, so that no agent can use it any more.",
            icon="mdi:key-remove",
            permission=Permission.ADMINISTRATORS,
            fields=required(_VAULT_ID, _CREDENTIAL_ID),
            has_body=False,
        ),
    ),
)
