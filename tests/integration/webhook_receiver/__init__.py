"""Webhooks that the service host sends: what is taken, and what is turned away."""
