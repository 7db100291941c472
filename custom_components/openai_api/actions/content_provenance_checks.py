"""Content provenance checks: whether a model of OpenAI made this."""

from dataclasses import replace

from ..model import Action, Family, required
from .shared import LOCAL_FILE

FAMILY = Family(
    key="content_provenance_checks",
    name="Content provenance checks",
    actions=(
        Action(
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
