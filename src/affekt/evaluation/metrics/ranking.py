"""Scores ranked once, from which every draw of a bootstrap takes its average precision.

The public functions, with definitions and sources, are in `affekt.evaluation.metrics.multi_label`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import BoolArray, FloatArray, IntArray
from affekt.evaluation.metrics.weighing import ratio

RECALL_STEPS = 10
"""Steps between the recall levels 0, 0.1, ... 1 of the official code's average precision."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Scores sorted once, after which a draw costs one cumulative sum.

    The p positives of all labels stand label after label, best score first.

    Attributes:
        order: shape (k, n), rows from the highest score to the lowest.
        row: shape (p,), of each positive.
        label: shape (p,), of each positive.
        end: shape (p,), where in the flat ``order`` the rows of its score end.
        last: shape (p,), the last positive of its label and score.
        start: shape (k,), how many positives stand before the label's first.
    """

    order: IntArray
    row: IntArray
    label: IntArray
    end: IntArray
    last: IntArray
    start: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Precisions:
    """What lies at or above the score of each positive, in one draw.

    Attributes:
        label: shape (p,).
        weight: shape (p,), of the positive itself.
        positives: shape (p,), weight of the positives so far, those of equal score included.
        precision: shape (p,).
        total: shape (k,), weight of all positives.
    """

    label: IntArray
    weight: FloatArray
    positives: FloatArray
    precision: FloatArray
    total: FloatArray


def rank(truth: BoolArray, scores: FloatArray) -> Ranking:
    """Sorts scores of shape (n, k) for truth of the same shape."""
    n, k = truth.shape
    order = np.argsort(-scores.T, axis=1, kind="stable")
    ranked = np.take_along_axis(scores.T, order, axis=1)
    label, place = np.nonzero(np.take_along_axis(truth.T, order, axis=1))
    last_of_score = np.append(ranked[:, 1:] != ranked[:, :-1], np.ones((k, min(n, 1)), bool), 1)
    places = np.where(last_of_score, np.arange(n), n)
    ends = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    end = label * n + ends[label, place]
    return Ranking(
        order=order,
        row=order[label, place],
        label=label,
        end=end,
        last=np.searchsorted(end, end, side="right") - 1,
        start=np.searchsorted(label, np.arange(k)),
    )


def as_counts(weights: FloatArray) -> npt.NDArray[Any]:
    """Whole numbers as 32-bit integers, which sum exactly and several times as fast."""
    counts = weights.astype(np.int32)
    return counts if np.array_equal(counts, weights) else weights


def precisions(ranking: Ranking, weights: npt.NDArray[Any]) -> Precisions:
    """Precision at each positive in one draw, its weights of shape (n,)."""
    seen = np.cumsum(np.take(weights, ranking.order), axis=1, dtype=weights.dtype)
    seen = np.take(seen, ranking.end).astype(np.float64)
    weight = np.take(weights, ranking.row).astype(np.float64)
    running = np.concatenate([[0.0], np.cumsum(weight)])
    positives = running[ranking.last + 1] - running[ranking.start][ranking.label]
    return Precisions(
        label=ranking.label,
        weight=weight,
        positives=positives,
        precision=np.divide(positives, seen, out=np.zeros_like(seen), where=seen > 0),
        total=np.bincount(ranking.label, weight, len(ranking.start)).astype(np.float64),
    )


def uninterpolated(at: Precisions) -> FloatArray:
    """Average precision of shape (k,) without interpolation; NaN without a positive."""
    gained = at.weight * at.precision
    return ratio(np.bincount(at.label, gained, len(at.total)), at.total)


def eleven_points(at: Precisions) -> FloatArray:
    """Average precision of shape (k,) over eleven recall levels; NaN without a positive."""
    total = at.total[at.label]
    level = np.floor(ratio(RECALL_STEPS * at.positives, total))
    best = np.zeros((len(at.total), RECALL_STEPS + 1))
    drawn = total > 0
    places = (at.label[drawn], level[drawn].astype(np.int64))
    np.maximum.at(best, places, at.precision[drawn])
    reached = np.maximum.accumulate(best[:, ::-1], axis=1)
    return np.where(at.total > 0, reached.mean(axis=1), np.nan)
