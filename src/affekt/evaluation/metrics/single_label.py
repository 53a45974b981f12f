"""Metrics of classes that exclude each other, one definition each.

Each takes ``probabilities`` of shape (n, k), rows summing to 1, and ``labels`` of shape (n,),
integers in [0, k). Those that depend on the predicted class alone are functions of the confusion
matrix, or of a stack of them: of one matrix for each bootstrap draw.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray, IntArray
from affekt.errors import DataError
from affekt.evaluation.metrics.weighing import (
    ECE_BINS,
    bins_of,
    checked_weights,
    mean_over_labels,
    ratio,
    sums_by_index,
    weighted_mean,
)

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may sum from 1: float16 outputs stay within it."""


class PerClass(NamedTuple):
    """Figures of every class, each of shape (..., k); NaN where undefined."""

    recall: FloatArray
    precision: FloatArray
    f1: FloatArray
    support: FloatArray


def checked(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    """The inputs of a metric as arrays, refused where no metric would mean anything.

    Raises:
        DataError: a shape that does not fit, no row, a NaN or infinite probability, a row that
            does not sum to 1, a label outside the k classes.

    >>> checked([[0.5, float("nan")]], [0])
    Traceback (most recent call last):
    affekt.errors.DataError: row 0 has a probability that is not in [0, 1]: [0.5 nan]
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if p.ndim != 2 or y.shape != p.shape[:1] or p.size == 0:
        raise DataError(
            f"probabilities of shape {p.shape} and labels of shape {y.shape}: "
            "give (n, k) and (n,) with n and k at least 1"
        )
    outside = ~((p >= 0) & (p <= 1 + SUM_TOLERANCE)).all(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(f"row {row} has a probability that is not in [0, 1]: {p[row]}")
    off = np.abs(p.sum(axis=1) - 1) > SUM_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise DataError(f"row {row} of the probabilities sums to {p[row].sum():.4g}, not to 1")
    return p, _checked_labels(y, p.shape[1])


def predicted(probabilities: npt.ArrayLike) -> IntArray:
    """The most probable class of every row; the first of them on a tie. Shape (n,).

    >>> predicted([[0.2, 0.8], [0.5, 0.5]]).tolist()
    [1, 0]
    """
    return np.asarray(np.argmax(np.asarray(probabilities), axis=1), dtype=np.int64)


def confusion_matrix(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Counts of shape (..., k, k): the row is the true class, the column the predicted one.

    >>> confusion_matrix([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], [0, 1, 1]).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    p, y = checked(probabilities, labels)
    k, w = p.shape[1], checked_weights(weights, len(y))
    return sums_by_index(y * k + predicted(p), k * k, w).reshape(*w.shape[:-1], k, k)


def accuracy(confusion: npt.ArrayLike) -> FloatArray:
    """Share of rows whose predicted class is the true one, from counts (..., k, k).

    >>> accuracy([[3, 1], [0, 4]]).item()
    0.875
    """
    counts = np.asarray(confusion)
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def balanced_accuracy(confusion: npt.ArrayLike) -> FloatArray:
    """Mean recall over the classes present, from counts (..., k, k) (Brodersen 2010).

    >>> balanced_accuracy([[3, 1, 0], [0, 4, 0], [0, 0, 0]]).item()  # the third class is absent
    0.875
    """
    return mean_over_labels(per_class(confusion).recall)


def per_class(confusion: npt.ArrayLike) -> PerClass:
    """Recall, precision, F1 and support of every class, from counts (..., k, k).

    Recall is NaN for a class without rows, precision for one never predicted, F1 for one that
    is neither.

    >>> figures = per_class([[3, 1], [0, 4]])
    >>> figures.recall.tolist(), figures.precision.tolist(), figures.f1.round(3).tolist()
    ([0.75, 1.0], [1.0, 0.8], [0.857, 0.889])
    """
    counts = np.asarray(confusion)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    support, guesses = counts.sum(axis=-1), counts.sum(axis=-2)
    return PerClass(
        recall=ratio(hits, support),
        precision=ratio(hits, guesses),
        f1=ratio(2 * hits, support + guesses),
        support=support,
    )


def calibration_gaps(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = ECE_BINS
) -> tuple[IntArray, FloatArray]:
    """Each row's confidence bin, and by how much its hit (0 or 1) exceeds its confidence.

    Bins are those of `affekt.evaluation.metrics.weighing.bins_of`.

    >>> bin_of, gap = calibration_gaps([[0.75, 0.25], [1.0, 0.0]], [0, 1], bins=2)
    >>> bin_of.tolist(), gap.tolist()
    ([1, 1], [0.25, -1.0])
    """
    p, y = checked(probabilities, labels)
    confidence = p.max(axis=1)
    return bins_of(confidence, bins), (predicted(p) == y) - confidence


def expected_calibration_error(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    bins: int = ECE_BINS,
) -> FloatArray:
    """Top-label expected calibration error over equal-width bins (Guo 2017, eq. 3), 0 to 1.

    The mean over bins of |accuracy - confidence|, weighted by the rows in each bin. Shape (...)
    for weights of shape (..., n).

    >>> expected_calibration_error([[0.75, 0.25], [0.8, 0.2]], [0, 1]).round(4).item()
    0.275
    """
    bin_of, gap = calibration_gaps(probabilities, labels, bins)
    w = checked_weights(weights, len(gap))
    return ratio(np.abs(sums_by_index(bin_of, bins, w, gap)).sum(axis=-1), w.sum(axis=-1))


def negative_log_likelihoods(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Minus the natural log of each row's probability of its true class, in nats. Shape (n,).

    A probability of 0 counts as the smallest float32, so that one row cannot make it infinite.

    >>> negative_log_likelihoods([[0.5, 0.5]], [1]).round(4).tolist()
    [0.6931]
    """
    p, y = checked(probabilities, labels)
    of_truth = p[np.arange(len(y)), y]
    return -np.log(np.clip(of_truth, np.finfo(np.float32).tiny, 1.0))


def negative_log_likelihood(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Mean of `negative_log_likelihoods`, in nats: the cross-entropy, or log loss. Shape (...).

    >>> negative_log_likelihood([[0.5, 0.5], [1.0, 0.0]], [1, 0]).round(4).item()
    0.3466
    """
    each = negative_log_likelihoods(probabilities, labels)
    return weighted_mean(each[:, None], checked_weights(weights, len(each)))[..., 0]


def _checked_labels(labels: npt.NDArray[Any], k: int) -> IntArray:
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"labels of type {labels.dtype}: give integers from 0 to {k - 1}")
    unknown = (labels < 0) | (labels >= k)
    if unknown.any():
        row = int(np.argmax(unknown))
        raise DataError(f"row {row} has the unknown label {labels[row]}: give 0 to {k - 1}")
    return labels.astype(np.int64)
