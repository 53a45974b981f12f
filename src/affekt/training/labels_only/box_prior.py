"""What labels without pictures say of a person's box: a prior that no picture is needed for.

In EMOTIC, the place and shape of the box alone lift mean average precision above chance: people
who fill the picture are photographed for other reasons than those at its edge. How many people
there are is left out: annotators counted whom they annotated, a detector counts whom it finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from affekt.arrays import FloatArray
from affekt.errors import DataError
from affekt.geometry import BOX_FEATURES

INVERSE_PENALTY = 0.01
"""scikit-learn's C: small, for what is weak and has few examples."""


def fit_box_prior(
    categories: npt.ArrayLike, geometry: npt.ArrayLike, labels: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """One logistic regression per category on the box's features and their squares.

    Args:
        categories: 0 or 1, shape (n, k).
        geometry: shape (n, 13), see `affekt.geometry.person_geometry`.
        labels: names of the k categories.

    Returns:
        Weights (k, 22) and bias (k,) of the logits' deviation from their mean over the people:
        how common a category is stays for others to say.

    Raises:
        DataError: a category that all or none of the people have.
    """
    chosen = np.asarray(categories, dtype=np.float64) > 0.5
    box = np.asarray(geometry, dtype=np.float64)[:, : len(BOX_FEATURES)]
    for name, having in zip(labels, chosen.T, strict=True):
        if having.all() or not having.any():
            raise DataError(f"the box's prior needs people with and without {name}: give more")
    features = np.concatenate([box, box**2], axis=1)
    mean, spread = features.mean(axis=0), features.std(axis=0).clip(1e-6)
    normal = (features - mean) / spread
    fits = [LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(normal, y) for y in chosen.T]
    weights = np.stack([fit.coef_[0] for fit in fits]) / spread
    return weights, -weights @ mean
