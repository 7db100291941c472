"""The integration in a real Home Assistant, tested through its APIs alone."""
