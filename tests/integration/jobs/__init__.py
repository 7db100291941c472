"""Watched jobs: followed to their end, whatever happens to the house or the host meanwhile."""
