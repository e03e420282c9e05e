"""What Test IO says: HTTP in, checked and scrubbed payloads out."""
