"""Reads the files that actions send, and keeps those that hosts send back."""
