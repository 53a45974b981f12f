"""Metrics of people who may have several categories at once, and of continuous dimensions.

Rows are persons, columns categories (k) or dimensions (d). Every function takes ``weights`` of
shape (..., n), one by default: a bootstrap draw is a vector of counts, so a stack of draws gives
the figures of all of them by the code that gives the figure itself. What is undefined is NaN,
like the average precision of a category that nobody has.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from affekt.errors import DataError
from affekt.evaluation.metrics import ECE_BINS, FloatArray, IntArray, ratio
from affekt.evaluation.ranking import (
    Found,
    as_counts,
    eleven_points,
    find,
    rank,
    uninterpolated,
)


def average_precision(
    truth: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Average precision of every category by scikit-learn's definition, 0 to 1.

    The sum over thresholds of (recall gained) x precision, without interpolation. Rows of equal
    score come in together, so that no order among them can help.

    Args:
        truth: shape (n, k), true where the person has the category.
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
    """Average precision of every category as EMOTIC's official code computes it, 0 to 1.

    The mean, over the recall levels 0, 0.1, ... 1, of the best precision at that recall or more:
    the eleven-point interpolation of PASCAL VOC 2007 (``precisionrecallvector`` of rkosti/emotic,
    ``src/funcs.lua``, which is called with its default step of 0.1). Two things differ: equal
    scores come in together, where that code leaves their order to its sort; and a category
    without positives is NaN, where that code gives it 0. Arguments are as in
    `average_precision`.

    >>> official_average_precision([[1], [0], [1]], [[0.9], [0.8], [0.7]]).round(4).tolist()
    [0.8485]
    """
    return _averaged(eleven_points, truth, scores, weights)


def mean_over_categories(figures: npt.ArrayLike) -> FloatArray:
    """The mean of figures (..., k) over the categories where they are defined; NaN if nowhere.

    >>> mean_over_categories([0.2, 0.4, np.nan]).round(2).item()
    0.3
    """
    values = np.asarray(figures, dtype=np.float64)
    return ratio(np.nansum(values, axis=-1), np.isfinite(values).sum(axis=-1))


def prevalence(truth: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> FloatArray:
    """Share of persons with each category, shape (..., k).

    >>> prevalence([[1, 0], [0, 0]]).tolist()
    [0.5, 0.0]
    """
    y = np.asarray(truth, dtype=np.float64)
    return _weighted_mean(y, _weights(weights, len(y)))


def chance_average_precision(truth: npt.ArrayLike) -> FloatArray:
    """Expected average precision of every category when persons stand in random order.

    Of n persons with m positives it is (m - 1) / (n - 1) + H(n) / n * (n - m) / (n - 1), with
    H(n) = 1 + 1/2 + ... + 1/n (Bestgen 2015): more than the share of positives, and much more
    among few persons. NaN for a category that nobody has.

    Args:
        truth: shape (n, k).

    Returns:
        Shape (k,).

    >>> chance_average_precision([[1], [0]]).tolist()  # (1 + 1/2) / 2
    [0.75]
    """
    y = np.asarray(truth, dtype=bool)
    n, m = len(y), y.sum(axis=0)
    if n < 2:
        return np.where(m > 0, 1.0, np.nan)
    harmonic = (1 / np.arange(1, n + 1)).sum()
    expected = ((m - 1) + harmonic / n * (n - m)) / (n - 1)
    return np.where(m > 0, expected, np.nan)


def jaccard_indices(truth: npt.ArrayLike, labelled: npt.ArrayLike) -> FloatArray:
    """Of each person, the categories both true and given over those true or given, 0 to 1.

    A person who has none and is given none counts as 1: the two sets are equal.

    Args:
        truth: shape (n, k).
        labelled: shape (n, k), true where the probability reaches the category's threshold.

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
    """Mean of `jaccard_indices` over persons, shape (...).

    >>> jaccard([[1, 0], [0, 1]], [[1, 0], [1, 0]]).item()
    0.5
    """
    indices = jaccard_indices(truth, labelled)
    return _weighted_mean(indices[:, None], _weights(weights, len(indices)))[..., 0]


def f1_scores(
    truth: npt.ArrayLike, labelled: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """F1 of every category, 2 TP / (2 TP + FP + FN), shape (..., k).

    NaN for a category that nobody has, given to somebody or not.

    >>> f1_scores([[1, 0], [1, 0]], [[1, 0], [0, 1]]).round(4).tolist()
    [0.6667, nan]
    """
    y, given = np.asarray(truth, dtype=np.float64), np.asarray(labelled, dtype=np.float64)
    w = _weights(weights, len(y))
    hits, positives, guesses = w @ (y * given), w @ y, w @ given
    return np.where(positives > 0, ratio(2 * hits, positives + guesses), np.nan)


def mean_absolute_error(
    truth: npt.ArrayLike, values: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Mean absolute error of every dimension, in its unit, over persons where truth is known.

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
    w = _weights(weights, len(error))
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
    centre = np.nanmean(x, axis=0) if known.any() else 0.0
    x, y = np.where(known, x - centre, 0.0), np.where(known, y - centre, 0.0)
    w = _weights(weights, len(x))
    total = w @ known
    mean_x, mean_y = ratio(w @ x, total), ratio(w @ y, total)
    second = (ratio(w @ product, total) for product in (x * y, x * x, y * y))
    cov, var_x, var_y = (m - c for m, c in zip(
        second, (mean_x * mean_y, mean_x**2, mean_y**2), strict=True))  # fmt: skip
    return ratio(2 * cov, var_x + var_y + (mean_x - mean_y) ** 2)


def calibration_errors(
    truth: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    bins: int = ECE_BINS,
) -> FloatArray:
    """Expected calibration error of every category's probability, 0 to 1, shape (..., k).

    The mean over equal-width bins of probability, weighted by the persons in each, of
    |share with the category - mean probability|: the error of the probability itself
    (classwise, Nixon 2019), not of the most confident label. Bins are closed on the right.

    >>> calibration_errors([[1], [0]], [[0.75], [0.75]]).tolist()
    [0.25]
    """
    y, p = np.asarray(truth, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    w = _weights(weights, len(p))
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
    """Expected calibration error of all categories' probabilities in one set of bins, shape (...).

    What a user asks who is told 30%, of whatever category: how often is it so. As
    `calibration_errors` otherwise, of which it is never more than the mean.

    >>> pooled_calibration_error([[1, 0], [0, 0]], [[0.4, 0.4], [0.4, 0.4]]).round(2).item()
    0.15
    """
    y, p = np.asarray(truth, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    w = _weights(weights, len(p))
    gaps = np.abs(w @ _excess(y, p, bins)).sum(axis=-1)
    return ratio(gaps, p.shape[1] * w.sum(axis=-1))


def _excess(y: FloatArray, p: FloatArray, bins: int) -> FloatArray:
    """By how much the truth of each person exceeds what was said in each bin, shape (n, bins)."""
    bin_of, rows = bins_of(p, bins), np.arange(len(p))
    spread = np.zeros((len(p), bins))
    for j in range(p.shape[1]):
        spread[rows, bin_of[:, j]] += y[:, j] - p[:, j]
    return spread


def bins_of(probabilities: npt.ArrayLike, bins: int = ECE_BINS) -> IntArray:
    """Which of the equal-width bins, closed on the right, each probability lies in.

    >>> bins_of([0.0, 0.5, 0.51, 1.0], 2).tolist()
    [0, 0, 1, 1]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    return np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)


def _averaged(
    rule: Callable[[Found], FloatArray],
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
    w = _weights(weights, len(y))
    draws = as_counts(w).reshape(-1, len(y))
    rows = [rule(find(ranking, draw)) for draw in draws]
    return np.reshape(rows, (*w.shape[:-1], y.shape[1]))


def _weighted_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    return ratio(weights @ values, weights.sum(axis=-1)[..., None])


def _weights(weights: npt.ArrayLike | None, n: int) -> FloatArray:
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape[-1:] != (n,) or not (w >= 0).all():
        raise DataError(f"weights of shape {w.shape} for {n} persons: give (..., {n}), at least 0")
    return w
