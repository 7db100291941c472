"""What a service host shows on its device."""
