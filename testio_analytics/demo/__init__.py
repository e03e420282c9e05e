"""A fictional customer account and an HTTP server for it that behaves like the documented API."""
