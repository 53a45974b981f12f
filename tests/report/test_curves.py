"""What the plots show, against scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve

from affekt.evaluation.metrics.multi_label import calibration_errors
from affekt.evaluation.metrics.single_label import expected_calibration_error
from affekt.evaluation.metrics.weighing import bins_of
from affekt.report.curves import (
    confidence_bins,
    cooccurrence,
    precision_recall,
    reliability_curve,
)


def scored(n=300):
    rng = np.random.default_rng(0)
    truth = rng.random(n) < 0.3
    return truth, (rng.random(n) * 0.7 + truth * 0.3).round(2)


def test_precision_recall_is_scikit_learns():
    truth, p = scored()
    precision, recall, _ = precision_recall_curve(truth, p)
    curve = precision_recall(truth, p)
    np.testing.assert_allclose(curve.x[::-1], recall[:-1])
    np.testing.assert_allclose(curve.y[::-1], precision[:-1])
    thin = precision_recall(truth, p, most_points=10)
    assert len(thin.x) == 10 and (thin.x[0], thin.x[-1]) == (curve.x[0], 1)
    assert precision_recall([0, 0], [0.1, 0.2]) is None


def test_reliability_is_scikit_learns_and_adds_up_to_the_error():
    truth, p = scored()
    share, mean = calibration_curve(truth, p, n_bins=15)
    curve = reliability_curve(truth, p)
    np.testing.assert_allclose(curve.x, mean)
    np.testing.assert_allclose(curve.y, share)
    counts = np.bincount(bins_of(p))
    error = (counts[counts > 0] * np.abs(curve.x - curve.y)).sum() / len(p)
    np.testing.assert_allclose(calibration_errors(truth[:, None], p[:, None])[0], error, atol=1e-9)


def test_cooccurrence_by_hand():
    shares = cooccurrence([[1, 1, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(shares[0], [1, 0.5, 0])
    assert np.isnan(shares[2]).all()


def test_confidence_bins_recombine_to_the_calibration_error():
    rng = np.random.default_rng(3)
    p, y = rng.dirichlet(np.ones(4), 500), rng.integers(0, 4, 500)
    bins = confidence_bins(p, y)
    gap = np.nan_to_num(np.abs(bins["accuracy"] - bins["confidence"]))
    assert bins["count"].sum() == 500
    assert (gap * bins["count"]).sum() / 500 == pytest.approx(
        expected_calibration_error(p, y).item()
    )
