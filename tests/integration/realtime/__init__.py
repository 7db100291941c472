"""Realtime conversations against a host that says what a test tells it to."""
