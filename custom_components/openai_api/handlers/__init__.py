"""Handlers of single actions: several requests, or more than the API returns."""
