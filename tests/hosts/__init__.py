"""Real servers, driven through a real Home Assistant; see scripts/hosts."""
