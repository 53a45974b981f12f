"""The box's prior against scikit-learn's own logits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affekt.errors import DataError
from affekt.geometry import person_geometry
from affekt.labels import CATEGORIES as NAMES
from affekt.training.labels_only.box_prior import INVERSE_PENALTY, fit_box_prior

RNG = np.random.default_rng(0)
CORNERS = RNG.uniform(0, 50, (1500, 2))
BOXES = np.concatenate([CORNERS, CORNERS + RNG.uniform(5, 50, (1500, 2))], axis=1)
GEOMETRY = person_geometry(BOXES, 100, 100)
CATEGORIES = RNG.random((1500, 26)) < GEOMETRY[:, [0]]  # the further right, the likelier


def test_it_is_scikit_learns_regression_less_its_mean() -> None:
    weights, bias = fit_box_prior(CATEGORIES, GEOMETRY, NAMES)
    box = GEOMETRY[:, :11].astype(float)
    features = np.concatenate([box, box**2], axis=1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, max_iter=1000))
    model.fit(features[:, features.std(axis=0) > 0], CATEGORIES[:, 3])
    oracle = model.decision_function(features[:, features.std(axis=0) > 0])
    found = (features @ weights.T + bias)[:, 3]
    np.testing.assert_allclose(found, oracle - oracle.mean(), atol=1e-3)
    assert np.corrcoef(found, GEOMETRY[:, 0])[0, 1] > 0.9


def test_a_category_of_nobody_is_named() -> None:
    nobody = CATEGORIES.copy()
    nobody[:, 1] = False
    with pytest.raises(DataError, match="with and without Anger"):
        fit_box_prior(nobody, GEOMETRY, NAMES)
