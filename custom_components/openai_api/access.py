"""Who may call the actions of a service, by the option `action_access` of its entry."""

from enum import StrEnum


class ActionAccess(StrEnum):
    """The values of the option."""

    BY_ACTION = "by_action"
    """As the row of each action says."""
    ADMINISTRATORS = "administrators"
    EVERYONE = "everyone"
