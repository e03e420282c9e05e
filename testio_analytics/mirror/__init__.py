"""API → SQLite: payloads in, rows of one SQLite file and its ledger out."""
