"""Reads the files that actions send, and saves those that servers return."""
