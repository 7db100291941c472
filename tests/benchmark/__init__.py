"""How fast the integration is, beside the limits of its tools and beside its peer."""
