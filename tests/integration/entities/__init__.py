"""What a service shows on its device."""
