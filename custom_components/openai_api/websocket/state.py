"""The states and kinds of WebSocket connections, as events, entities and triggers name them."""

from enum import StrEnum


class State(StrEnum):
    """What a connection is at."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"


class Transport(StrEnum):
    """What a connection that actions open is for."""

    RESPONSES = "responses.websocket"
    REALTIME = "realtime.websocket"
