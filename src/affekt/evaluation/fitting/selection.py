"""Which models to average, and how much each adds: greedy forward selection, with repeats.

Starting from nothing, the model whose addition to the mean helps most is added, again and again;
one may be added more than once, which is what makes weights (Caruana et al. 2004, "Ensemble
selection from libraries of models", ICML, sections 2 and 2.1). What counts is any metric of truth
and prediction, higher for better. Of all steps the best one is kept, so the result is never below
the best single model on the rows it was chosen on; on others it may be. `held_out_score` says how
much of the gain is real.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray, IntArray
from affekt.errors import DataError

Metric = Callable[[npt.NDArray[Any], FloatArray], float]
"""The score of predictions (n, k) against the truth of the same n rows; NaN where undefined."""

STEPS = 20
"""How many additions are tried; so no weight is under 1 / this. More follow noise, not skill."""

FOLDS = 5
DIGITS = 12
"""Scores that are equal to so many digits are equal: rounding must not decide."""


@dataclass(frozen=True, slots=True)
class Step:
    """One addition.

    Attributes:
        candidate: the place of the model that was added.
        score: of the mean so far.
    """

    candidate: int
    score: float


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen.

    Attributes:
        weights: of each of the m candidates, 0 where it was left out; they sum to 1.
        steps: up to the best score, the first that reaches it.
    """

    weights: tuple[float, ...]
    steps: tuple[Step, ...]

    @property
    def score(self) -> float:
        """That of the weighted mean, on the rows that it was chosen on."""
        return self.steps[-1].score


def select_members(
    predicted: npt.ArrayLike, truth: npt.ArrayLike, metric: Metric, steps: int = STEPS
) -> Selection:
    """Weights found by greedy forward selection with repeats; among equals the first wins.

    Args:
        predicted: by m candidates, shape (m, n, k).
        truth: of the n rows, as the metric takes it.
        metric: what the mean should be good at.
        steps: how many additions to try, 1 or more.

    Raises:
        DataError: shapes that do not fit, no candidate, or rows on which the metric is undefined.

    >>> def nearness(truth, predicted):
    ...     return -float(abs(predicted - truth).mean())
    >>> chosen = select_members([[[0.0]], [[4.0]], [[9.0]]], [[2.0]], nearness)
    >>> chosen.weights, chosen.score
    ((0.5, 0.5, 0.0), -0.0)
    """
    p, y = _checked(predicted, truth)
    total, path = np.zeros(p.shape[1:]), list[Step]()
    for count in range(1, steps + 1):
        scores = np.array([metric(y, (total + one) / count) for one in p]).round(DIGITS)
        if np.isnan(scores).any():
            raise DataError(f"of the {len(y)} rows none has a label: nothing to select by")
        best = int(scores.argmax())
        total += p[best]
        path.append(Step(best, float(scores[best])))
    kept = path[: int(np.argmax([step.score for step in path])) + 1]
    times = np.bincount([step.candidate for step in kept], minlength=len(p))
    return Selection(tuple((times / len(kept)).tolist()), tuple(kept))


def mean_of_members(predicted: npt.ArrayLike, weights: Sequence[float]) -> FloatArray:
    """The weighted mean over m candidates of predictions of shape (m, ...).

    >>> mean_of_members([[1.0], [5.0]], [3, 1]).tolist()
    [2.0]
    """
    return np.asarray(np.average(np.asarray(predicted, np.float64), axis=0, weights=weights))


def scores_alone(
    predicted: npt.ArrayLike, truth: npt.ArrayLike, metric: Metric
) -> tuple[float, ...]:
    """The score of each of the m candidates by itself; arguments as in `select_members`."""
    p, y = _checked(predicted, truth)
    return tuple(metric(y, one) for one in p)


def scores_without(
    predicted: npt.ArrayLike, truth: npt.ArrayLike, metric: Metric, weights: Sequence[float]
) -> tuple[float, ...]:
    """The score of the weighted mean without each of its members, the others' weights kept.

    Args:
        predicted: shape (m, n, k).
        truth: of the n rows.
        metric: see `select_members`.
        weights: of the m candidates.

    Returns:
        One per candidate; NaN where it is the only member, the full mean's where it is none.
    """
    p, y = _checked(predicted, truth)
    found = []
    for place in range(len(p)):
        rest = [0.0 if i == place else weight for i, weight in enumerate(weights)]
        found.append(metric(y, mean_of_members(p, rest)) if sum(rest) > 0 else float("nan"))
    return tuple(found)


def held_out_score(
    predicted: npt.ArrayLike,
    truth: npt.ArrayLike,
    metric: Metric,
    units: Sequence[Any],
    *,
    steps: int = STEPS,
    folds: int = FOLDS,
    seed: int = 0,
) -> float:
    """The score when each row is read with weights chosen without any row of its unit.

    The units (pictures, subjects) are dealt into folds; for each, members are selected on all
    others. The rows are then scored together, so the figure compares with that of any one model,
    and what it lacks of `Selection.score` is what selection makes too good.

    Args:
        predicted: shape (m, n, k).
        truth: of the n rows.
        metric: see `select_members`.
        units: of each of the n rows, the unit it belongs to.
        steps: see `select_members`.
        folds: as many as there are units at most.
        seed: of the deal.

    Returns:
        NaN where there is one unit only, or where the metric is undefined outside of a fold.
    """
    p, y = _checked(predicted, truth)
    fold = _folds(units, folds, seed)
    mean = np.zeros(p.shape[1:])
    for number in range(int(fold.max()) + 1):
        held = fold == number
        if held.all() or np.isnan(metric(y[~held], p[0, ~held])):
            return float("nan")
        chosen = select_members(p[:, ~held], y[~held], metric, steps)
        mean[held] = mean_of_members(p[:, held], chosen.weights)
    return metric(y, mean)


def _folds(units: Sequence[Any], folds: int, seed: int) -> IntArray:
    names, place = np.unique(np.asarray(units), return_inverse=True)
    dealt = np.arange(len(names)) % min(folds, len(names))
    return np.asarray(np.random.default_rng(seed).permutation(dealt)[place], dtype=np.int64)


def _checked(predicted: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[Any]]:
    p, y = np.asarray(predicted, dtype=np.float64), np.asarray(truth)
    if p.ndim != 3 or p.shape[1:2] != y.shape[:1] or not len(p):
        raise DataError(
            f"predictions of shape {p.shape} and truth of shape {y.shape}: give (m, n, k) and "
            "n rows, m at least 1"
        )
    return p, y
