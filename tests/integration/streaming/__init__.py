"""Streams in the dialects of compatible hosts."""
