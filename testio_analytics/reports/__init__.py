"""DataFrames → answers: the typed frames in, one frame or sentence per question out; no I/O."""
