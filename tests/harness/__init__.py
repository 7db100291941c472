"""A real Home Assistant in a process of its own, and the hands to drive it from outside."""

from .home_assistant import HomeAssistantProcess
from .service import Service
from .websocket import CommandError, Events

__all__ = ["CommandError", "Events", "HomeAssistantProcess", "Service"]
