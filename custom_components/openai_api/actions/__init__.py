"""The catalogue of actions: one row for each method of the API."""

from .catalogue import ACTION_GROUPS, ACTIONS

__all__ = ["ACTIONS", "ACTION_GROUPS"]
