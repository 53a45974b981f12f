"""Scores ranked once, from which every draw of a bootstrap takes its average precision.

The public functions, with definitions and sources, are in `affekt.evaluation.multilabel`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.evaluation.metrics import BoolArray, FloatArray, IntArray, ratio

RECALL_STEPS = 10
"""Steps between the recall levels 0, 0.1, ... 1 of the official code's average precision."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Scores sorted once, after which a draw costs one cumulative sum.

    The p positives of all categories stand category after category, best score first.

    Attributes:
        order: shape (k, n), rows from the highest score to the lowest.
        row: shape (p,), of each positive.
        category: shape (p,), of each positive.
        end: shape (p,), where in the flat ``order`` the rows of its score end.
        last: shape (p,), the last positive of its category and score.
        start: shape (k,), how many positives stand before the category's first.
    """

    order: IntArray
    row: IntArray
    category: IntArray
    end: IntArray
    last: IntArray
    start: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What lies at or above the score of each positive, in one draw.

    Attributes:
        category: shape (p,).
        weight: shape (p,), of the positive itself.
        positives: shape (p,), weight of the positives so far, those of equal score included.
        precision: shape (p,).
        total: shape (k,), weight of all positives.
    """

    category: IntArray
    weight: FloatArray
    positives: FloatArray
    precision: FloatArray
    total: FloatArray


def rank(truth: BoolArray, scores: FloatArray) -> Ranking:
    """Sorts scores of shape (n, k) for truth of the same shape."""
    n, k = truth.shape
    order = np.argsort(-scores.T, axis=1, kind="stable")
    ranked = np.take_along_axis(scores.T, order, axis=1)
    category, place = np.nonzero(np.take_along_axis(truth.T, order, axis=1))
    last_of_score = np.append(ranked[:, 1:] != ranked[:, :-1], np.ones((k, min(n, 1)), bool), 1)
    places = np.where(last_of_score, np.arange(n), n)
    ends = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    end = category * n + ends[category, place]
    return Ranking(
        order=order,
        row=order[category, place],
        category=category,
        end=end,
        last=np.searchsorted(end, end, side="right") - 1,
        start=np.searchsorted(category, np.arange(k)),
    )


def as_counts(weights: FloatArray) -> npt.NDArray[Any]:
    """Whole numbers as 32-bit integers, which sum exactly and several times as fast."""
    counts = weights.astype(np.int32)
    return counts if np.array_equal(counts, weights) else weights


def find(ranking: Ranking, weights: npt.NDArray[Any]) -> Found:
    """What one draw of the ranked rows finds, its weights of shape (n,)."""
    seen = np.cumsum(np.take(weights, ranking.order), axis=1, dtype=weights.dtype)
    seen = np.take(seen, ranking.end).astype(np.float64)
    weight = np.take(weights, ranking.row).astype(np.float64)
    running = np.concatenate([[0.0], np.cumsum(weight)])
    positives = running[ranking.last + 1] - running[ranking.start][ranking.category]
    return Found(
        category=ranking.category,
        weight=weight,
        positives=positives,
        precision=np.divide(positives, seen, out=np.zeros_like(seen), where=seen > 0),
        total=np.bincount(ranking.category, weight, len(ranking.start)).astype(np.float64),
    )


def uninterpolated(found: Found) -> FloatArray:
    """Average precision of shape (k,) without interpolation; NaN without a positive."""
    gained = found.weight * found.precision
    return ratio(np.bincount(found.category, gained, len(found.total)), found.total)


def eleven_points(found: Found) -> FloatArray:
    """Average precision of shape (k,) over eleven recall levels; NaN without a positive."""
    total = found.total[found.category]
    level = np.floor(ratio(RECALL_STEPS * found.positives, total))
    best = np.zeros((len(found.total), RECALL_STEPS + 1))
    drawn = total > 0
    places = (found.category[drawn], level[drawn].astype(np.int64))
    np.maximum.at(best, places, found.precision[drawn])
    reached = np.maximum.accumulate(best[:, ::-1], axis=1)
    return np.where(found.total > 0, reached.mean(axis=1), np.nan)
