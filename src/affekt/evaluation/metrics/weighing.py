"""What every metric does with the weights of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray, IntArray
from affekt.errors import DataError

ECE_BINS = 15
"""Equal-width bins of the expected calibration error."""


def checked_weights(weights: npt.ArrayLike | None, n: int) -> FloatArray:
    """Weights of n rows as an array of shape (..., n); ones where none are given.

    Raises:
        DataError: another number of rows, or a weight that is negative or not a number.
    """
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape[-1:] != (n,) or not (w >= 0).all():
        raise DataError(f"weights of shape {w.shape} for {n} rows: give (..., {n}), at least 0")
    return w


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Part over whole; NaN where the whole is 0.

    >>> ratio([1, 1], [2, 0]).tolist()
    [0.5, nan]
    """
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    undefined = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    return np.asarray(np.divide(part, whole, out=undefined, where=whole > 0))


def weighted_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The mean over rows of values (n, k) for weights (..., n), shape (..., k)."""
    return ratio(weights @ values, weights.sum(axis=-1)[..., None])


def sums_by_index(
    index: IntArray, size: int, weights: FloatArray, values: npt.ArrayLike = 1.0
) -> FloatArray:
    """The sum of values of equal index, for weights of shape (..., n): shape (..., size).

    >>> sums_by_index(np.array([1, 1, 0]), 3, np.array([[1.0, 1.0, 2.0]])).tolist()
    [[2.0, 2.0, 0.0]]
    """
    draws = weights.reshape(-1, len(index)) * np.asarray(values)
    sums = [np.bincount(index, weights=draw, minlength=size) for draw in draws]
    return np.reshape(sums, (*weights.shape[:-1], size))


def mean_over_labels(figures: npt.ArrayLike) -> FloatArray:
    """The mean of figures (..., k) over the labels where they are defined; NaN if nowhere.

    >>> mean_over_labels([0.2, 0.4, np.nan]).round(2).item()
    0.3
    """
    values = np.asarray(figures, dtype=np.float64)
    return ratio(np.nansum(values, axis=-1), np.isfinite(values).sum(axis=-1))


def bins_of(probabilities: npt.ArrayLike, bins: int = ECE_BINS) -> IntArray:
    """Which equal-width bin each probability lies in, ``((m - 1) / bins, m / bins]``.

    >>> bins_of([0.0, 0.5, 0.51, 1.0], 2).tolist()
    [0, 0, 1, 1]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    return np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)
