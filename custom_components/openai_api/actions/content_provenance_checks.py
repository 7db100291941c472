"""Content provenance checks: whether a model of OpenAI made this."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, required
from .common_fields import LOCAL_FILE

ACTION_GROUP = ActionGroup(
    key="content_provenance_checks",
    name="Content provenance checks",
    actions=(
        ActionDescription(
            key="create_content_provenance_check",
            method="content_provenance_checks.create",
            name="Check where a picture or recording comes from",
            description=(
                "Looks for the marks that OpenAI's models leave in pictures and recordings. "
                "Finding none proves nothing."
            ),
            icon="mdi:fingerprint",
            fields=required(replace(LOCAL_FILE, example="/media/picture.png")),
            only_answers=True,
        ),
    ),
)
