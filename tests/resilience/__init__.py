"""Home Assistant with the integration, while everything around it goes wrong."""
