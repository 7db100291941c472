"""The HTTP API of one service: requests, routes and bodies. Knows no action, file or entity."""
