"""Watched jobs: polling of long work at a server until it is done."""
