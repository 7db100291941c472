"""Models: what a host has to offer."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, Permission, get_action, list_action, required
from .common_fields import MODEL

_MODEL = replace(MODEL, description="Id of the model.")

ACTION_GROUP = ActionGroup(
    key="models",
    name="Models",
    actions=(
        list_action(
            key="list_models",
            method="models.list",
            name="List models",
            description="Returns the models that OpenAI, or another service, offers.",
            icon="mdi:format-list-bulleted",
        ),
        get_action(
            key="retrieve_model",
            method="models.retrieve",
            name="Get model details",
            description="Returns what the service tells of one model.",
            icon="mdi:brain",
            fields=required(_MODEL),
        ),
        ActionDescription(
            key="delete_model",
            method="models.delete",
            name="Delete a model",
            description="Deletes a model that you have trained further.",
            icon="mdi:delete-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(replace(_MODEL, example="ft:gpt-4.1-mini:home::abc123")),
            has_body=False,
        ),
    ),
)
