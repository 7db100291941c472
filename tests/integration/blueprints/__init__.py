"""Blueprints, filled in and run inside Home Assistant."""
