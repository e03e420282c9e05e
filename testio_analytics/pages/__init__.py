"""Notebooks → HTML: notebooks and a database in, self-contained pages out."""
