"""Accounts with a file each in, what became of each of them out; no row leaves its account."""
