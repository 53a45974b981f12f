"""The threshold of every label over which a row is given it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from affekt.arrays import BoolArray, FloatArray
from affekt.errors import DataError

NEVER = 1.0
"""The threshold of a label that no row has: no probability short of certainty reaches it."""


def break_even_thresholds(probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> FloatArray:
    """Thresholds where precision and recall are closest, as EMOTIC's evaluation sets them.

    Of the thresholds that find at least one positive, the one with the least
    |precision - recall|, and among equals the one that finds most: without that condition, a
    threshold that finds nothing would win with 0 = 0. A row is given the label when its
    probability is at least the threshold. Fit them on validation data: on the data they are
    measured on they are biased.

    Args:
        probabilities: shape (n, k).
        truth: shape (n, k).

    Returns:
        Shape (k,); `NEVER` for a label without positives.

    Raises:
        DataError: shapes that do not fit, or a probability that is not a number.

    >>> break_even_thresholds([[0.9], [0.6], [0.4], [0.2]], [[1], [0], [1], [0]]).tolist()
    [0.6]
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=bool)
    if p.ndim != 2 or p.shape != y.shape or not np.isfinite(p).all():
        raise DataError(
            f"probabilities of shape {p.shape} and truth of shape {y.shape}: give (n, k) for "
            "both, with probabilities that are numbers"
        )
    return np.array([_break_even(p[:, j], y[:, j]) for j in range(p.shape[1])])


def expected_thresholds(probabilities: npt.ArrayLike) -> FloatArray:
    """Thresholds where calibrated probabilities expect precision to equal recall; no labels needed.

    Of the rows over a threshold the sum of their probabilities is expected to be right. This is
    the same share of those given the label and of those who have it where as many are given it
    as have it: the threshold is passed by the expected number of rows. Unlike
    `break_even_thresholds` it does not hang on the rank of a rare label's few positives.

    Args:
        probabilities: calibrated, of rows like those it will be used on, shape (n, k).

    Returns:
        Shape (k,); `NEVER` for a label that no row is expected to have.

    Raises:
        DataError: no row, or a probability that is not a number.

    >>> expected_thresholds([[0.9], [0.6], [0.4], [0.1]]).tolist()
    [0.5]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or not len(p) or not np.isfinite(p).all():
        raise DataError(f"probabilities of shape {p.shape}: give (n, k) numbers with n at least 1")
    ranked = -np.sort(-p, axis=0)
    given = np.rint(p.sum(axis=0)).astype(int)
    last = ranked[np.maximum(given - 1, 0), np.arange(p.shape[1])]
    following = ranked[np.minimum(given, len(p) - 1), np.arange(p.shape[1])]
    return np.where(given > 0, np.where(given < len(p), (last + following) / 2, last), NEVER)


def _break_even(p: FloatArray, y: BoolArray) -> float:
    order = np.argsort(-p, kind="stable")
    ranked = p[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    hits, given = np.cumsum(y[order].astype(np.float64))[ends], ends + 1
    finding = hits > 0
    if not finding.any():
        return NEVER
    hits, given, ends = hits[finding], given[finding], ends[finding]
    gap = np.abs(hits / given - hits / int(y.sum()))
    best = np.lexsort((-hits, gap.round(12)))[0]
    return float(ranked[ends[best]])
