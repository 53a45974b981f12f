"""The label teacher against scikit-learn's own probabilities and on a world with a known rule."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PolynomialFeatures

from affekt.errors import DataError
from affekt.labels import CATEGORIES
from affekt.training.labels_only.teacher import INVERSE_PENALTY, fit_teacher

RNG = np.random.default_rng(0)
VAD = RNG.uniform(1, 10, (3000, 3))
CATEGORY = (RNG.random((3000, 26)) < 1 / (1 + np.exp(5.5 - VAD[:, :1]))).astype(float)


def test_it_learns_how_a_category_goes_with_valence() -> None:
    targets = fit_teacher(CATEGORY, VAD, CATEGORIES).targets(CATEGORY, VAD)
    truth = 1 / (1 + np.exp(5.5 - VAD[:, 0]))
    assert np.abs(targets - truth[:, None]).mean() < 0.05


def test_it_is_scikit_learns_regression_on_vad_and_products() -> None:
    scaled = PolynomialFeatures(2, include_bias=False).fit_transform((VAD - 5.5) / 2)
    oracle = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(scaled, CATEGORY[:, 4])
    targets = fit_teacher(CATEGORY, VAD, CATEGORIES).targets(CATEGORY, VAD)[:, 4]
    assert np.allclose(targets, oracle.predict_proba(scaled)[:, 1], atol=1e-4)


def test_a_category_is_never_its_own_teacher() -> None:
    teacher = fit_teacher(CATEGORY, VAD, CATEGORIES, use_labels=True)
    flipped = CATEGORY.copy()
    flipped[:, 7] = 1 - flipped[:, 7]
    before, after = teacher.targets(CATEGORY, VAD), teacher.targets(flipped, VAD)
    assert np.allclose(before[:, 7], after[:, 7])
    assert not np.allclose(before[:, 6], after[:, 6])


def test_without_vad_a_persons_own_categories_stay() -> None:
    vad = VAD[:5].copy()
    vad[2] = np.nan
    targets = fit_teacher(CATEGORY, VAD, CATEGORIES).targets(CATEGORY[:5], vad)
    assert np.array_equal(targets[2], CATEGORY[2])
    assert ((targets[[0, 1, 3, 4]] > 0) & (targets[[0, 1, 3, 4]] < 1)).all()


def test_a_category_nobody_has_is_refused_by_name() -> None:
    without = CATEGORY.copy()
    without[:, 9] = 0
    with pytest.raises(DataError, match=CATEGORIES[9]):
        fit_teacher(without, VAD, CATEGORIES)
