"""Watched jobs: followed to their end, over restarts and failures of the server."""
