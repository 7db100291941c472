"""WebSockets of a host that breaks every rule."""
