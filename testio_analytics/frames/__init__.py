"""SQLite → DataFrames: the file in, one typed frame per table out."""
