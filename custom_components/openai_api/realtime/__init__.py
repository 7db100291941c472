"""Conversations over the Realtime WebSocket."""
