"""A seed in, the payloads of a fictional account out."""
