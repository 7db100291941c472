"""What single methods need beyond a request: several steps, or a better answer."""
