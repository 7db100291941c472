"""Webhooks: calls from the service, and where it sends them."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    advanced,
    get_action,
    list_action,
    required,
)
from .common_fields import AFTER, LIMIT
from .fields import boolean, choice, choices, identifier, integer, json_object, long_text, text

ENDPOINT_ID = identifier(
    "webhook_endpoint_id", "Webhook", "Id of the webhook.", example="webhook_123"
)
EVENT_TYPES = (
    "response.completed",
    "response.failed",
    "response.cancelled",
    "response.incomplete",
    "batch.completed",
    "batch.failed",
    "batch.expired",
    "batch.cancelled",
    "fine_tuning.job.succeeded",
    "fine_tuning.job.failed",
    "fine_tuning.job.cancelled",
    "eval.run.succeeded",
    "eval.run.failed",
    "eval.run.canceled",
    "realtime.call.incoming",
    "video.completed",
    "video.failed",
    "agent.session.created",
    "agent.session.action_required",
    "agent.session.in_progress",
    "agent.session.idle",
    "agent.session.failed",
    "agent.environment.ready",
    "agent.environment.failed",
    "agent.environment.suspended",
    "agent.environment.expired",
    "safety.alert.created",
)
_TYPES = choices("event_types", "Event types", "What the service shall report.", EVENT_TYPES)
_NAME = text("name", "Name", "A name to know it by.", example="Home Assistant")
_URL = text(
    "url",
    "Target address",
    "Where the service sends the events. It must be reachable from the internet over HTTPS.",
)
_CALL = (
    *required(
        long_text(
            "payload",
            "Payload",
            "The body of the call as text, exactly as it came: a single changed space makes the signature wrong.",
        ),
        json_object(
            "headers",
            "Headers",
            "The headers of the call. Those that begin with webhook- count.",
            example={
                "webhook-id": "wh_123",
                "webhook-timestamp": "1790000000",
                "webhook-signature": "v1,signature",
            },
        ),
    ),
    *advanced(
        integer(
            "tolerance",
            "Tolerance",
            "How old the call may be. Without it, five minutes.",
            unit="s",
        ),
        replace(
            text(
                "secret",
                "Signing secret",
                "Home Assistant keeps a record of what actions are called with. Without it, the secret in the options of the service is used.",
                nullable=True,
            ),
            selector={"text": {"type": "password"}},
        ),
    ),
)

ACTION_GROUP = ActionGroup(
    key="webhooks",
    name="Webhooks",
    actions=(
        ActionDescription(
            key="unwrap_webhook_event",
            method="webhooks.unwrap",
            name="Unwrap a webhook event",
            description="Makes sure that a webhook call is genuine and returns the event in it.",
            icon="mdi:email-open-outline",
            fields=_CALL,
            only_answers=True,
            handler="webhooks.async_unwrap",
            request_options=False,
        ),
        ActionDescription(
            key="verify_webhook_signature",
            method="webhooks.verify_signature",
            name="Verify a webhook signature",
            description="Makes sure that a webhook call is genuine, and fails if it is not.",
            icon="mdi:shield-key-outline",
            fields=_CALL,
            handler="webhooks.async_verify",
            request_options=False,
        ),
        ActionDescription(
            key="create_webhook_endpoint",
            method="webhooks.create",
            name="Create a webhook",
            description="Lets the service report events to an address. Returns the signing secret, this once.",
            icon="mdi:webhook",
            permission=Permission.ADMINISTRATORS,
            fields=required(_NAME, _URL, _TYPES),
        ),
        list_action(
            key="list_webhook_endpoints",
            method="webhooks.list",
            name="List webhooks",
            description="Returns the addresses that the service reports events to.",
            icon="mdi:format-list-checks",
            permission=Permission.ADMINISTRATORS,
            fields=(replace(AFTER, nullable=True), LIMIT),
        ),
        get_action(
            key="retrieve_webhook_endpoint",
            method="webhooks.retrieve",
            name="Get a webhook",
            description="Returns the address and the event types of a webhook.",
            icon="mdi:link-variant",
            permission=Permission.ADMINISTRATORS,
            fields=required(ENDPOINT_ID),
        ),
        ActionDescription(
            key="update_webhook_endpoint",
            method="webhooks.update",
            name="Update a webhook",
            description="Changes the name, the address or the event types of a webhook.",
            icon="mdi:link-edit",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(ENDPOINT_ID), _NAME, _URL, _TYPES),
        ),
        ActionDescription(
            key="delete_webhook_endpoint",
            method="webhooks.delete",
            name="Delete a webhook",
            description="Ends the reports to an address.",
            icon="mdi:link-off",
            permission=Permission.ADMINISTRATORS,
            fields=required(ENDPOINT_ID),
            has_body=False,
        ),
        ActionDescription(
            key="rotate_webhook_secret",
            method="webhooks.rotate_secret",
            name="Renew the secret of a webhook",
            description="Replaces the signing secret of a webhook. Returns the new one, this once.",
            icon="mdi:key-change",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(ENDPOINT_ID),
                boolean(
                    "keep_old_secret_active_for_24_hours",
                    "Keep the old secret for a day",
                    "Let the old secret be valid for 24 hours more.",
                ),
            ),
        ),
        ActionDescription(
            key="test_webhook_endpoint",
            method="webhooks.test",
            name="Test a webhook",
            description="Sends a sample event to the address of a webhook.",
            icon="mdi:lightning-bolt-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(
                ENDPOINT_ID,
                choice("event_type", "Event type", "The kind of event to send.", EVENT_TYPES),
            ),
        ),
        list_action(
            key="list_webhook_event_types",
            method="webhooks.event_types.list",
            name="List webhook event types",
            description="Returns the kinds of events that the service can report.",
            icon="mdi:tag-multiple-outline",
        ),
    ),
)
