"""Logits to probabilities and back: nothing overflows, the precision is kept, SciPy agrees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from affekt.arrays import NEAREST, logit, sigmoid, softmax

LOGITS = np.array([[-1e4, 0.0, 1e4], [2.0, -0.5, 1.0]])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_they_equal_scipy_in_their_precision(kind: type[np.floating]) -> None:
    given = LOGITS.astype(kind)
    for found, expected in (
        (softmax(given, 1.5), special.softmax(LOGITS / 1.5, axis=1)),
        (sigmoid(given), special.expit(LOGITS)),
    ):
        assert found.dtype == kind
        np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


def test_labels_left_out_have_no_share() -> None:
    assert softmax(np.array([[0.0, -np.inf, 0.0]])).tolist() == [[0.5, 0.0, 0.5]]
    assert softmax(np.zeros((0, 3))).shape == (0, 3)


def test_logits_are_finite_and_come_back() -> None:
    p = np.array([0.0, NEAREST, 0.25, 1.0])
    assert np.isfinite(logit(p)).all()
    np.testing.assert_allclose(sigmoid(logit(p)), np.clip(p, NEAREST, 1 - NEAREST), atol=1e-7)
