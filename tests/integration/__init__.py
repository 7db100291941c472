"""Tests inside Home Assistant: actions called, events watched, bytes seen on the wire."""
