"""Model responses on which several agents work together at the service host."""

from ..handlers.outputs import add_output_text
from ..model import Action, Family, ModelKind, advanced
from ..streams.assemblers import ResponseAccumulator
from .agents import MULTI_AGENT
from .fields import choices
from .response_fields import COMMON, RARE, has_model
from .shared import STREAM

_BETA = "responses_multi_agent=v1"

FAMILY = Family(
    key="multi_agent",
    name="Responses of several agents",
    actions=(
        Action(
            key="create_multi_agent_response",
            method="beta.responses.create",
            name="Create a response of several agents",
            description=(
                "Asks a model that may share the work out among several agents. "
                "What it answers is kept and read like any other response."
            ),
            icon="mdi:account-group-outline",
            model_kind=ModelKind.CHAT,
            has_model=has_model,
            fields=(
                *COMMON,
                MULTI_AGENT,
                STREAM,
                *RARE,
                *advanced(
                    choices(
                        "betas",
                        "Trial features",
                        "Which features on trial to switch on, instead of several agents.",
                        (_BETA,),
                    )
                ),
            ),
            defaults={"multi_agent": {"enabled": True}, "betas": [_BETA]},
            finish=add_output_text,
            assemble=ResponseAccumulator,
        ),
    ),
)
