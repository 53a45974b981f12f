"""Percentile bootstrap intervals (Efron 1979): how far a figure moves with the faces drawn.

Rows are resampled with replacement. Every metric here is a function of a few sums over rows: the
confusion counts, the calibration gap per bin, the sum of negative log-likelihoods. So a resample
is one draw of n indices and a bincount for each kind of sum, all metrics share the same
resamples, and the metrics themselves are computed once on the stack of sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray, IntArray
from affekt.evaluation.metrics.single_label import (
    calibration_gaps,
    checked,
    negative_log_likelihoods,
    predicted,
)
from affekt.evaluation.metrics.weighing import ECE_BINS

N_RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Resamples:
    """Figures of every resample, ready for `percentile_interval`.

    Attributes:
        confusion: shape (n_resamples, k, k), counts.
        ece: shape (n_resamples,).
        nll: shape (n_resamples,), nats.
    """

    confusion: IntArray
    ece: FloatArray
    nll: FloatArray


def resample(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Resamples:
    """Confusion counts, calibration error and NLL of ``n_resamples`` draws of n rows from n.

    Args:
        probabilities: shape (n, k), rows summing to 1.
        labels: shape (n,), integers in [0, k).
        n_resamples: how many draws.
        seed: the same seed gives the same draws.

    >>> draws = resample([[0.9, 0.1], [0.2, 0.8]], [0, 1], n_resamples=3)
    >>> draws.confusion.sum(axis=(1, 2)).tolist()
    [2, 2, 2]
    """
    p, y = checked(probabilities, labels)
    n, k = p.shape
    cell = y * k + predicted(p)
    bin_of, gap = calibration_gaps(p, y)
    nll = negative_log_likelihoods(p, y)
    sums = Resamples(
        np.empty((n_resamples, k, k), np.int64), np.empty(n_resamples), np.empty(n_resamples)
    )
    rng = np.random.default_rng(seed)
    for i in range(n_resamples):
        rows = rng.integers(n, size=n)
        sums.confusion[i] = np.bincount(cell[rows], minlength=k * k).reshape(k, k)
        gaps = np.bincount(bin_of[rows], weights=gap[rows], minlength=ECE_BINS)
        sums.ece[i] = np.abs(gaps).sum() / n
        sums.nll[i] = nll[rows].mean()
    return sums


def percentile_interval(samples: npt.ArrayLike, level: float = LEVEL) -> FloatArray:
    """The middle ``level`` of the samples along the first axis: shape (2, ...), low and high.

    Samples where a figure is undefined (NaN) do not count; where all are, the interval is NaN.

    >>> percentile_interval(range(101), level=0.9).round(6).tolist()
    [5.0, 95.0]
    """
    values = np.asarray(samples, dtype=np.float64)
    columns = values.reshape(len(values), -1)
    tail = 100 * (1 - level) / 2
    interval = np.full((2, columns.shape[1]), np.nan)
    for j, column in enumerate(columns.T):
        defined = column[np.isfinite(column)]
        if defined.size:
            interval[:, j] = np.percentile(defined, [tail, 100 - tail])
    return interval.reshape(2, *values.shape[1:])
