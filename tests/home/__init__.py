"""A real Home Assistant in a process of its own, and the hands to drive it from outside."""

from .home import Home
from .service import Service
from .websocket import CommandError, Events

__all__ = ["CommandError", "Events", "Home", "Service"]
