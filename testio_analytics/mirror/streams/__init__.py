"""One module a stream: payloads read and flattened in, rows and gaps out."""
