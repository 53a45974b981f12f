"""Features of frozen encoders, computed once: so heads train in seconds on a CPU."""
