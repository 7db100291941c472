"""Webhooks: signature, receiver and endpoint."""
