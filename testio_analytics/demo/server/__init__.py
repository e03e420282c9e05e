"""An account in, a Test IO API over ASGI out, faults included."""
