"""What the plots of an evaluation show, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.evaluation.metrics.single_label import calibration_gaps
from affekt.evaluation.metrics.weighing import ECE_BINS, bins_of, ratio


class Curve(NamedTuple):
    """Points of a line, each of shape (m,)."""

    x: FloatArray
    y: FloatArray


def precision_recall(
    truth: npt.ArrayLike, scores: npt.ArrayLike, most_points: int = 200
) -> Curve | None:
    """Recall and precision of one label as its threshold falls; None without a positive.

    Args:
        truth: shape (n,).
        scores: shape (n,), higher for more likely.
        most_points: beyond this many, the line is thinned evenly.

    >>> curve = precision_recall([1, 0, 1], [0.9, 0.8, 0.7])
    >>> curve.x.tolist(), curve.y.round(2).tolist()
    ([0.5, 0.5, 1.0], [1.0, 0.5, 0.67])
    """
    y, s = np.asarray(truth, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if not y.any():
        return None
    order = np.argsort(-s, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(s[order]) != 0, True))
    hits = np.cumsum(y[order])[ends]
    kept = np.unique(np.linspace(0, len(ends) - 1, min(len(ends), most_points)).round().astype(int))
    return Curve((hits / y.sum())[kept], (hits / (ends + 1))[kept])


def reliability_curve(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, bins: int = ECE_BINS
) -> Curve:
    """Mean probability and share of positives in every equal-width bin that holds a row.

    >>> curve = reliability_curve([1, 0], [0.9, 0.8], bins=2)
    >>> curve.x.round(2).tolist(), curve.y.tolist()
    ([0.85], [0.5])
    """
    y, p = np.ravel(truth).astype(np.float64), np.ravel(probabilities).astype(np.float64)
    bin_of = bins_of(p, bins)
    count = np.bincount(bin_of, minlength=bins)
    held = count > 0
    mean, share = (ratio(np.bincount(bin_of, weights=w, minlength=bins), count) for w in (p, y))
    return Curve(mean[held], share[held])


def confidence_bins(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = ECE_BINS
) -> dict[str, FloatArray]:
    """What a reliability diagram shows: count, mean confidence and accuracy of every bin.

    Args:
        probabilities: shape (n, k), rows summing to 1.
        labels: shape (n,), integers in [0, k).
        bins: of equal width.

    Returns:
        ``count``, ``confidence``, ``accuracy``, each of shape (bins,); the last two are NaN in
        an empty bin.

    >>> confidence_bins([[0.75, 0.25], [1.0, 0.0]], [0, 1], bins=2)["accuracy"].tolist()
    [nan, 0.5]
    """
    bin_of, gap = calibration_gaps(probabilities, labels, bins)
    confidence = np.asarray(probabilities, dtype=np.float64).max(axis=1)
    count = np.bincount(bin_of, minlength=bins).astype(np.float64)
    sums = (np.bincount(bin_of, weights=w, minlength=bins) for w in (confidence, confidence + gap))
    mean_confidence, hit_rate = (ratio(total, count) for total in sums)
    return {"count": count, "confidence": mean_confidence, "accuracy": hit_rate}


def cooccurrence(labelled: npt.ArrayLike) -> FloatArray:
    """Of the rows with the row's label, the share with the column's, shape (k, k).

    NaN in the row of a label that no row has.

    Args:
        labelled: shape (n, k).

    >>> cooccurrence([[1, 1], [1, 0]]).tolist()
    [[1.0, 0.5], [1.0, 1.0]]
    """
    y = np.asarray(labelled, dtype=np.float64)
    both = y.T @ y
    return ratio(both, np.diagonal(both)[:, None])
