"""One module for each real server."""
