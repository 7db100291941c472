"""Models: what a host has to offer."""

from dataclasses import replace

from ..model import Action, Answer, Family, Permission, required
from .shared import MODEL

_MODEL = replace(MODEL, description="Id of the model.")

FAMILY = Family(
    key="models",
    name="Models",
    actions=(
        Action(
            key="list_models",
            method="models.list",
            name="List models",
            description="Returns the models that OpenAI, or another service, offers.",
            icon="mdi:format-list-bulleted",
            answer=Answer.PAGE,
            body=False,
            only_answers=True,
        ),
        Action(
            key="retrieve_model",
            method="models.retrieve",
            name="Get model details",
            description="Returns what the service host tells of one model.",
            icon="mdi:brain",
            fields=required(_MODEL),
            body=False,
            only_answers=True,
        ),
        Action(
            key="delete_model",
            method="models.delete",
            name="Delete a model",
            description="Deletes a model that you have trained further.",
            icon="mdi:delete-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_MODEL),
            body=False,
        ),
    ),
)
