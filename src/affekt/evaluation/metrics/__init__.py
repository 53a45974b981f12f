"""Metrics as pure functions, a file for each kind of head (see docs/metrics.md).

Every metric takes ``weights`` of shape (..., n), one by default: a bootstrap draw is a vector of
counts, so a stack of draws gives the figures of all of them by the code that gives the figure
itself. What is undefined is NaN, like the recall of a class without rows, never 0.
"""
