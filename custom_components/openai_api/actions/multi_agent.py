"""Model responses on which several agents work together at the service."""

from ..action import ActionDescription, ActionGroup, advanced
from ..handlers.response_helpers import add_output_text
from ..streaming.accumulators import ResponseAccumulator
from ..types import ModelKind
from .agents import MULTI_AGENT
from .common_fields import STREAM
from .fields import choices
from .response_fields import ADVANCED_FIELDS, COMMON_FIELDS, has_model

_BETA = "responses_multi_agent=v1"

ACTION_GROUP = ActionGroup(
    key="multi_agent",
    name="Responses of several agents",
    actions=(
        ActionDescription(
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
                *COMMON_FIELDS,
                MULTI_AGENT,
                STREAM,
                *ADVANCED_FIELDS,
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
            postprocess=add_output_text,
            accumulator=ResponseAccumulator,
        ),
    ),
)
