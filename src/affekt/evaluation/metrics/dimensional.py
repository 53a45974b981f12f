"""Metrics of values on continuous dimensions, such as valence, arousal and dominance.

Each takes ``truth`` of shape (n, d), NaN where unknown, and ``values`` of the same shape.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.evaluation.metrics.weighing import checked_weights, ratio


def mean_absolute_error(
    truth: npt.ArrayLike, values: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Mean absolute error of every dimension, in its unit, over rows where truth is known.

    Args:
        truth: shape (n, d), NaN where unknown.
        values: shape (n, d).
        weights: shape (..., n).

    Returns:
        Shape (..., d).

    >>> mean_absolute_error([[5.0], [7.0], [np.nan]], [[6.0], [5.0], [1.0]]).tolist()
    [1.5]
    """
    error = np.abs(np.asarray(values, dtype=np.float64) - np.asarray(truth, dtype=np.float64))
    known = np.isfinite(error)
    w = checked_weights(weights, len(error))
    return ratio(w @ np.where(known, error, 0), w @ known)


def concordance(
    truth: npt.ArrayLike, values: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Concordance correlation coefficient of every dimension, -1 to 1 (Lin 1989, eq. 1).

    2 cov(x, y) / (var x + var y + (mean x - mean y)^2), with moments over n rather than n - 1:
    1 where values equal truth, 0 for a constant. Arguments are as in `mean_absolute_error`.

    >>> concordance([[1.0], [2.0], [3.0]], [[2.0], [3.0], [4.0]]).round(4).tolist()
    [0.5714]
    """
    x, y = np.asarray(truth, dtype=np.float64), np.asarray(values, dtype=np.float64)
    known = np.isfinite(x)
    centre = np.nan_to_num(ratio(np.nansum(x, axis=0), known.sum(axis=0)))
    x, y = np.where(known, x - centre, 0.0), np.where(known, y - centre, 0.0)
    w = checked_weights(weights, len(x))
    total = w @ known
    mean_x, mean_y = ratio(w @ x, total), ratio(w @ y, total)
    second = (ratio(w @ product, total) for product in (x * y, x * x, y * y))
    cov, var_x, var_y = (m - c for m, c in zip(
        second, (mean_x * mean_y, mean_x**2, mean_y**2), strict=True))  # fmt: skip
    return ratio(2 * cov, var_x + var_y + (mean_x - mean_y) ** 2)
