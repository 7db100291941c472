"""Live: conversations by voice with a model that passes work on to others."""

from ..action import ActionDescription, ActionGroup, ResponseKind, required
from .fields import identifier
from .object_fields_voice import live_call, live_changes, live_session, live_transport
from .realtime import STATUS_CODE, TARGET_URI

_SESSION_ID = identifier(
    "session_id", "Live session", "Id of the live session.", example="live_123"
)
_SETTINGS = ("session", "Settings", "The settings of the conversation: model, instructions, voice.")
_SESSION = live_session(
    *_SETTINGS,
    example={"model": "gpt-live-1", "instructions": "Be brief."},
)
_TRANSPORT = live_transport(
    "transport",
    "Connection",
    "The offer of the browser or phone that takes part, as SDP.",
)

ACTION_GROUP = ActionGroup(
    key="live",
    name="Live",
    actions=(
        ActionDescription(
            key="create_live_session",
            method="live.create",
            name="Create a live session",
            description="Begins a conversation by voice, and returns the answer to a WebRTC offer.",
            icon="mdi:access-point",
            fields=required(_SESSION, _TRANSPORT),
        ),
        ActionDescription(
            key="fork_live_session",
            method="live.sessions.fork",
            name="Continue a live session elsewhere",
            description="Goes on with a stored conversation over a new WebRTC connection.",
            icon="mdi:access-point-plus",
            fields=(
                *required(_SESSION_ID, _TRANSPORT),
                live_changes(
                    "session",
                    "Settings",
                    "What should be different from the stored conversation.",
                    example={"store": True},
                ),
            ),
        ),
        ActionDescription(
            key="accept_live_session",
            method="live.sessions.accept",
            name="Accept a phone call in a live session",
            description="Takes an incoming phone call and lets the live model talk.",
            icon="mdi:phone-in-talk-outline",
            fields=required(
                _SESSION_ID,
                live_call(*_SETTINGS, example={"type": "live", "model": "gpt-live-1"}),
            ),
            response=ResponseKind.NONE,
            empty_response={"status": "accepted"},
        ),
        ActionDescription(
            key="hangup_live_session",
            method="live.sessions.hangup",
            name="Hang up a live session",
            description="Ends the phone call of a live session.",
            icon="mdi:phone-off-outline",
            fields=required(_SESSION_ID),
            response=ResponseKind.NONE,
            empty_response={"status": "hung_up"},
        ),
        ActionDescription(
            key="refer_live_session",
            method="live.sessions.refer",
            name="Transfer a live session",
            description="Passes the phone call of a live session on to another number or address.",
            icon="mdi:phone-outgoing-outline",
            fields=required(
                _SESSION_ID,
                TARGET_URI,
            ),
            response=ResponseKind.NONE,
            empty_response={"status": "referred"},
        ),
        ActionDescription(
            key="reject_live_session",
            method="live.sessions.reject",
            name="Reject a phone call for a live session",
            description="Turns an incoming phone call away.",
            icon="mdi:phone-remove-outline",
            fields=required(
                _SESSION_ID,
                STATUS_CODE,
            ),
            response=ResponseKind.NONE,
            empty_response={"status": "rejected"},
        ),
        ActionDescription(
            key="download_live_session",
            method="live.sessions.download_recording",
            name="Download the recording of a live session",
            description="Saves the recording of a stored conversation in the media folder.",
            icon="mdi:record-rec",
            fields=required(_SESSION_ID),
            response=ResponseKind.FILE,
            has_body=False,
        ),
    ),
)
