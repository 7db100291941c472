"""Safety: what the service holds against a request."""

from ..action import ActionGroup, get_action, required
from .fields import identifier

ACTION_GROUP = ActionGroup(
    key="safety",
    name="Safety",
    actions=(
        get_action(
            key="get_safety_alert",
            method="safety.alerts.retrieve",
            name="Get a safety alert",
            description="Returns why the service warned about a request, as a webhook reported it.",
            icon="mdi:shield-alert-outline",
            fields=required(
                identifier("id", "Alert", "Id of the safety alert.", example="alert_123")
            ),
        ),
        get_action(
            key="get_safety_case",
            method="safety.cases.retrieve",
            name="Get a safety case",
            description="Returns what the service holds against somebody who uses your key.",
            icon="mdi:shield-account-outline",
            fields=required(identifier("id", "Case", "Id of the safety case.", example="case_123")),
        ),
    ),
)
