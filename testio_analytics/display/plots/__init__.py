"""Report frames in, matplotlib axes out, in one palette."""
