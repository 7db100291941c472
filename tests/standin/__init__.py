"""A stand-in for an OpenAI-compatible service, for tests and for trying things out."""

from .faults import Fault
from .records import Garbled, Log, Part, RecordedRequest, SocketSession
from .server import StandIn

__all__ = [
    "Fault",
    "Garbled",
    "Log",
    "Part",
    "RecordedRequest",
    "SocketSession",
    "StandIn",
]
