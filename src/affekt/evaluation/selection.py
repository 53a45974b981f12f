"""Which models to average, and how much each adds: greedy forward selection, with repeats.

Starting from nothing, the model whose addition to the mean helps most is added, again and again;
one may be added more than once, which is what makes weights (Caruana et al. 2004, "Ensemble
selection from libraries of models", ICML, sections 2 and 2.1). What counts is mAP. Of all steps
the best one is kept, so the result is never below the best single model on the persons it was
chosen on; on others it may be. `held_out_score` says how much of the gain is real.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.errors import DataError
from affekt.evaluation.metrics import FloatArray
from affekt.evaluation.multilabel import average_precision, mean_over_categories

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
        """MAP of the weighted mean, on the persons that it was chosen on."""
        return self.steps[-1].score


def select_members(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike, steps: int = STEPS
) -> Selection:
    """Weights found by greedy forward selection with repeats; among equals the first wins.

    Args:
        probabilities: of m candidates, shape (m, n, k).
        truth: shape (n, k).
        steps: how many additions to try, 1 or more.

    Raises:
        DataError: shapes that do not fit, no candidate, or nobody with any category.

    >>> truth = [[1, 0], [0, 1], [0, 0]]
    >>> first = [[0.9, 0.1], [0.1, 0.2], [0.2, 0.3]]  # right about the first category
    >>> second = [[0.2, 0.1], [0.3, 0.9], [0.1, 0.2]]  # right about the second
    >>> chosen = select_members([first, second], truth)
    >>> chosen.weights, chosen.score
    ((0.5, 0.5), 1.0)
    """
    p, y = _checked(probabilities, truth)
    total, path = np.zeros(p.shape[1:]), list[Step]()
    for count in range(1, steps + 1):
        scores = np.array([mean_ap(y, (total + one) / count) for one in p]).round(DIGITS)
        best = int(scores.argmax())
        total += p[best]
        path.append(Step(best, float(scores[best])))
    kept = path[: int(np.argmax([step.score for step in path])) + 1]
    times = np.bincount([step.candidate for step in kept], minlength=len(p))
    return Selection(tuple((times / len(kept)).tolist()), tuple(kept))


def weighted_mean(values: npt.ArrayLike, weights: Sequence[float]) -> FloatArray:
    """The mean over m candidates of values of shape (m, ...).

    >>> weighted_mean([[1.0], [5.0]], [3, 1]).tolist()
    [2.0]
    """
    return np.asarray(np.average(np.asarray(values, dtype=np.float64), axis=0, weights=weights))


def mean_ap(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """MAP over the categories that somebody has, by scikit-learn's definition.

    >>> mean_ap([[1, 0], [0, 0]], [[0.9, 0.5], [0.1, 0.5]])
    1.0
    """
    return float(mean_over_categories(average_precision(truth, scores)))


def scores_alone(probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[float, ...]:
    """MAP of each of the m candidates by itself; arguments as in `select_members`."""
    p, y = _checked(probabilities, truth)
    return tuple(mean_ap(y, one) for one in p)


def scores_without(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike, weights: Sequence[float]
) -> tuple[float, ...]:
    """MAP of the weighted mean without each of its members, the others' weights kept.

    Args:
        probabilities: shape (m, n, k).
        truth: shape (n, k).
        weights: of the m candidates.

    Returns:
        One per candidate; NaN where it is the only member, the full mean's where it is none.

    >>> scores_without([[[0.9], [0.1]], [[0.2], [0.4]]], [[1], [0]], [0.5, 0.5])
    (0.5, 1.0)
    """
    p, y = _checked(probabilities, truth)
    found = []
    for place in range(len(p)):
        rest = [0.0 if i == place else weight for i, weight in enumerate(weights)]
        found.append(mean_ap(y, weighted_mean(p, rest)) if sum(rest) > 0 else float("nan"))
    return tuple(found)


def held_out_score(
    probabilities: npt.ArrayLike,
    truth: npt.ArrayLike,
    pictures: Sequence[Any],
    *,
    steps: int = STEPS,
    folds: int = FOLDS,
    seed: int = 0,
) -> float:
    """MAP when each person is read with weights chosen without anybody of their picture.

    The pictures are dealt into folds; for each, members are selected on all others. The persons
    are then ranked together, so the figure compares with that of any one model, and what it lacks
    of `Selection.score` is what selection makes too good.

    Args:
        probabilities: shape (m, n, k).
        truth: shape (n, k).
        pictures: of each of the n persons, which picture they are in.
        steps: see `select_members`.
        folds: as many as there are pictures at most.
        seed: of the deal.

    Returns:
        NaN where there is one picture only, or where the persons outside of a fold have no
        category.
    """
    p, y = _checked(probabilities, truth)
    fold = _folds(pictures, folds, seed)
    mean = np.zeros(y.shape)
    for number in range(int(fold.max()) + 1):
        held = fold == number
        if not y[~held].any():
            return float("nan")
        chosen = select_members(p[:, ~held], y[~held], steps)
        mean[held] = weighted_mean(p[:, held], chosen.weights)
    return mean_ap(y, mean)


def _folds(pictures: Sequence[Any], folds: int, seed: int) -> npt.NDArray[np.int64]:
    names, place = np.unique(np.asarray(pictures), return_inverse=True)
    dealt = np.arange(len(names)) % min(folds, len(names))
    return np.asarray(np.random.default_rng(seed).permutation(dealt)[place], dtype=np.int64)


def _checked(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=bool)
    if p.ndim != 3 or p.shape[1:] != y.shape or not len(p):
        raise DataError(
            f"probabilities of shape {p.shape} and truth of shape {y.shape}: give (m, n, k) and "
            "(n, k), m at least 1"
        )
    if not y.any():
        raise DataError(f"none of the {len(y)} persons has any category: nothing to select by")
    return p, y
