"""Metrics of labels of which a row may have several at once, or none.

Each takes ``truth`` of shape (n, k) and scores, probabilities or given labels of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.errors import DataError
from affekt.evaluation.metrics.ranking import (
    Precisions,
    as_counts,
    eleven_points,
    precisions,
    rank,
    uninterpolated,
)
from affekt.evaluation.metrics.weighing import (
    ECE_BINS,
    bins_of,
    checked_weights,
    ratio,
    weighted_mean,
)


def average_precision(
    truth: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Average precision of every label by scikit-learn's definition, 0 to 1.

    The sum over thresholds of (recall gained) x precision, without interpolation. Rows of equal
    score come in together, so that no order among them can help.

    Args:
        truth: shape (n, k), true where the row has the label.
        scores: shape (n, k), higher for more likely; only their order counts.
        weights: shape (..., n), at least 0.

    Returns:
        Shape (..., k).

    Raises:
        DataError: shapes that do not fit, or a score that is not a number.

    >>> average_precision([[1], [0], [1]], [[0.9], [0.8], [0.7]]).round(4).tolist()  # (1 + 2/3) / 2
    [0.8333]
    """
    return _averaged(uninterpolated, truth, scores, weights)


def official_average_precision(
    truth: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Average precision of every label as EMOTIC's official code computes it, 0 to 1.

    The mean, over the recall levels 0, 0.1, ... 1, of the best precision at that recall or more:
    the eleven-point interpolation of PASCAL VOC 2007 (``precisionrecallvector`` of rkosti/emotic,
    ``src/funcs.lua``, which is called with its default step of 0.1). Two things differ: equal
    scores come in together, where that code leaves their order to its sort; and a label
    without positives is NaN, where that code gives it 0. Arguments are as in
    `average_precision`.

    >>> official_average_precision([[1], [0], [1]], [[0.9], [0.8], [0.7]]).round(4).tolist()
    [0.8485]
    """
    return _averaged(eleven_points, truth, scores, weights)


def prevalence(truth: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> FloatArray:
    """Share of rows with each label, shape (..., k).

    >>> prevalence([[1, 0], [0, 0]]).tolist()
    [0.5, 0.0]
    """
    y = np.asarray(truth, dtype=np.float64)
    return weighted_mean(y, checked_weights(weights, len(y)))


def chance_average_precision(
    truth: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Expected average precision of every label when rows stand in random order.

    Of n rows with m positives it is (m - 1) / (n - 1) + H(n) / n * (n - m) / (n - 1), with
    H(n) = 1 + 1/2 + ... + 1/n (Bestgen 2015): more than the share of positives, and much more
    among few rows. In a draw the share of positives is the draw's, what lies above it stays.
    NaN for a label that no row has.

    Args:
        truth: shape (n, k).
        weights: shape (..., n).

    Returns:
        Shape (..., k).

    >>> chance_average_precision([[1], [0]]).tolist()  # (1 + 1/2) / 2
    [0.75]
    """
    y = np.asarray(truth, dtype=bool)
    n, m = len(y), y.sum(axis=0)
    harmonic = (1 / np.arange(1, n + 1)).sum()
    expected = ((m - 1) + harmonic / n * (n - m)) / (n - 1) if n > 1 else np.ones(y.shape[1])
    drawn = 0 if weights is None else prevalence(y, weights) - prevalence(y)
    return np.where(m > 0, expected + drawn, np.nan)


def jaccard_indices(truth: npt.ArrayLike, labelled: npt.ArrayLike) -> FloatArray:
    """Of each row, the labels both true and given over those true or given, 0 to 1.

    A row that has none and is given none counts as 1: the two sets are equal.

    Args:
        truth: shape (n, k).
        labelled: shape (n, k), true where the probability reaches the label's threshold.

    Returns:
        Shape (n,).

    >>> jaccard_indices([[1, 1, 0], [0, 0, 0]], [[1, 0, 1], [0, 0, 0]]).round(4).tolist()
    [0.3333, 1.0]
    """
    y, given = np.asarray(truth, dtype=bool), np.asarray(labelled, dtype=bool)
    union = (y | given).sum(axis=1)
    return np.where(union > 0, (y & given).sum(axis=1) / np.maximum(union, 1), 1.0)


def jaccard(
    truth: npt.ArrayLike, labelled: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Mean of `jaccard_indices` over rows, shape (...).

    >>> jaccard([[1, 0], [0, 1]], [[1, 0], [1, 0]]).item()
    0.5
    """
    indices = jaccard_indices(truth, labelled)
    return weighted_mean(indices[:, None], checked_weights(weights, len(indices)))[..., 0]


def f1_scores(
    truth: npt.ArrayLike, labelled: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """F1 of every label, 2 TP / (2 TP + FP + FN), shape (..., k).

    NaN for a label that no row has, given to somebody or not.

    >>> f1_scores([[1, 0], [1, 0]], [[1, 0], [0, 1]]).round(4).tolist()
    [0.6667, nan]
    """
    y, given = np.asarray(truth, dtype=np.float64), np.asarray(labelled, dtype=np.float64)
    w = checked_weights(weights, len(y))
    hits, positives, guesses = w @ (y * given), w @ y, w @ given
    return np.where(positives > 0, ratio(2 * hits, positives + guesses), np.nan)


def calibration_errors(
    truth: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    bins: int = ECE_BINS,
) -> FloatArray:
    """Expected calibration error of every label's probability, 0 to 1, shape (..., k).

    The mean over equal-width bins of probability, weighted by the rows in each, of
    |share with the label - mean probability|: the error of the probability itself
    (classwise, Nixon 2019), not of the most confident label. Bins are closed on the right.

    >>> calibration_errors([[1], [0]], [[0.75], [0.75]]).tolist()
    [0.25]
    """
    y, p = np.asarray(truth, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    w = checked_weights(weights, len(p))
    gaps = np.empty((*w.shape[:-1], p.shape[1]))
    for j in range(p.shape[1]):
        gaps[..., j] = np.abs(w @ _excess(y[:, [j]], p[:, [j]], bins)).sum(axis=-1)
    return ratio(gaps, w.sum(axis=-1)[..., None])


def pooled_calibration_error(
    truth: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    bins: int = ECE_BINS,
) -> FloatArray:
    """Expected calibration error of all labels' probabilities in one set of bins, shape (...).

    What a user asks who is told 30%, of whatever label: how often is it so. As
    `calibration_errors` otherwise, of which it is never more than the mean.

    >>> pooled_calibration_error([[1, 0], [0, 0]], [[0.4, 0.4], [0.4, 0.4]]).round(2).item()
    0.15
    """
    y, p = np.asarray(truth, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    w = checked_weights(weights, len(p))
    gaps = np.abs(w @ _excess(y, p, bins)).sum(axis=-1)
    return ratio(gaps, p.shape[1] * w.sum(axis=-1))


def _excess(y: FloatArray, p: FloatArray, bins: int) -> FloatArray:
    """By how much the truth of each row exceeds what was said in each bin, shape (n, bins)."""
    bin_of, rows = bins_of(p, bins), np.arange(len(p))
    spread = np.zeros((len(p), bins))
    for j in range(p.shape[1]):
        spread[rows, bin_of[:, j]] += y[:, j] - p[:, j]
    return spread


def _averaged(
    rule: Callable[[Precisions], FloatArray],
    truth: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None,
) -> FloatArray:
    y, s = np.asarray(truth, dtype=bool), np.asarray(scores, dtype=np.float64)
    if y.ndim != 2 or y.shape != s.shape or not np.isfinite(s).all():
        raise DataError(
            f"truth of shape {y.shape} and scores of shape {s.shape}: give (n, k) for both, "
            "with scores that are numbers"
        )
    ranking = rank(y, s)
    w = checked_weights(weights, len(y))
    draws = as_counts(w).reshape(-1, len(y))
    rows = [rule(precisions(ranking, draw)) for draw in draws]
    return np.reshape(rows, (*w.shape[:-1], y.shape[1]))
