"""Server-sent events: decoding, firing and accumulating."""
