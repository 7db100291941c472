"""The states of a WebSocket connection, as events, entities and triggers name them."""

from enum import StrEnum


class State(StrEnum):
    """What a connection is at."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"
