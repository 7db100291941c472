"""Conversations in speech and writing over the Realtime WebSocket."""
