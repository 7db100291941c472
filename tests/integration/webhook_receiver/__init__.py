"""Webhooks that the service sends: what is taken, and what is turned away."""
