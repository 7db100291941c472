"""Persistent WebSocket connections to a service."""
