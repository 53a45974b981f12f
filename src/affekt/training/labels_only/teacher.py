"""What labels without pictures teach: how likely each category is, given VAD and the others.

A training annotator names about two of 26 categories and leaves many fitting ones out. How VAD
and the other categories go with a category is known from every labelled person, also where the
picture is missing. The teacher's probabilities are denser targets than one annotator's choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from affekt.arrays import FloatArray
from affekt.errors import DataError
from affekt.labels import VAD_RANGE

INVERSE_PENALTY = 0.1
"""scikit-learn's C: small, for categories of a few dozen persons."""

CENTRE, SPREAD = sum(VAD_RANGE) / 2, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class LabelTeacher:
    """One logistic regression per category; `fit_teacher` makes it.

    Attributes:
        weights: shape (k, features).
        bias: shape (k,).
        uses_labels: whether the other categories are features beside VAD.
        persons: it was fitted on.
    """

    weights: FloatArray
    bias: FloatArray
    uses_labels: bool
    persons: int

    def targets(self, categories: npt.ArrayLike, vad: npt.ArrayLike) -> FloatArray:
        """The probability of each category, shape (n, k).

        Args:
            categories: 0 or 1, shape (n, k).
            vad: shape (n, 3), 1 to 10; where it is NaN the categories themselves are returned.
        """
        chosen = np.asarray(categories, dtype=np.float64)
        known = np.isfinite(vad).all(axis=1)
        result = chosen.copy()
        features = _features(chosen[known], np.asarray(vad)[known], self.uses_labels)
        result[known] = 1 / (1 + np.exp(-(features @ self.weights.T + self.bias)))
        return result


def fit_teacher(
    categories: npt.ArrayLike,
    vad: npt.ArrayLike,
    labels: Sequence[str],
    *,
    use_labels: bool = False,
) -> LabelTeacher:
    """Fits a teacher on labelled persons; pictures are not needed.

    Args:
        categories: 0 or 1, shape (n, k).
        vad: shape (n, 3), 1 to 10; persons with NaN are left out.
        labels: names of the k categories.
        use_labels: the other categories are features beside VAD.

    Raises:
        DataError: a category that all or none of the persons have.

    >>> vad = np.repeat([[2.0, 5, 5], [9, 5, 5]], 50, axis=0)
    >>> categories = np.repeat(np.eye(2), 50, axis=0)
    >>> teacher = fit_teacher(categories, vad, ("low", "high"))
    >>> teacher.targets(categories[:1], [[9.0, 5, 5]]).round()[0].tolist()
    [0.0, 1.0]
    """
    chosen, values = np.asarray(categories, dtype=np.float64), np.asarray(vad, dtype=np.float64)
    known = np.isfinite(values).all(axis=1)
    chosen, values = chosen[known], values[known]
    rate = chosen.mean(axis=0) if len(chosen) else np.zeros(len(labels))
    constant = np.flatnonzero((rate == 0) | (rate == 1))
    if constant.size:
        raise DataError(
            f"the label teacher needs persons with and without {labels[constant[0]]}; of "
            f"{len(chosen)} persons with VAD {rate[constant[0]]:.0%} have it: give more labels"
        )
    features = _features(chosen, values, use_labels)
    first = features.shape[1] - len(labels) if use_labels else None
    fits = [
        _fit(features, chosen[:, k], None if first is None else first + k)
        for k in range(len(labels))
    ]
    weights, bias = zip(*fits, strict=True)
    return LabelTeacher(np.stack(weights), np.array(bias), use_labels, len(chosen))


def _fit(features: FloatArray, chosen: FloatArray, own: int | None) -> tuple[FloatArray, float]:
    columns = np.ones(features.shape[1], dtype=bool)
    if own is not None:
        columns[own] = False  # never itself
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(features[:, columns], chosen)
    weights = np.zeros(features.shape[1])
    weights[columns] = model.coef_[0]
    return weights, float(model.intercept_[0])


def _features(categories: FloatArray, vad: FloatArray, use_labels: bool) -> FloatArray:
    """VAD with its squares and products, then the categories where they take part."""
    v = (vad - CENTRE) / SPREAD
    pairs = [(i, j) for i in range(v.shape[1]) for j in range(i, v.shape[1])]
    products = np.stack([v[:, i] * v[:, j] for i, j in pairs], axis=1)
    return np.concatenate([v, products, *([categories] if use_labels else [])], axis=1)
