"""Intervals against scipy's bootstrap, and their coverage where the truth is known."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from affekt.evaluation.bootstrap import percentile_interval, resample
from affekt.evaluation.metrics.single_label import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    negative_log_likelihood,
    per_class,
)


def drawn(n: int, seed: int, k: int = 4):
    rng = np.random.default_rng(seed)
    labels = rng.choice(k, size=n, p=[0.55, 0.25, 0.15, 0.05])
    p = np.exp(rng.normal(size=(n, k)) + 1.2 * np.eye(k)[labels])
    return p / p.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize(
    ("ours", "statistic"),
    [
        (lambda r: accuracy(r.confusion), lambda p, y: accuracy(confusion_matrix(p, y))),
        (
            lambda r: balanced_accuracy(r.confusion),
            lambda p, y: balanced_accuracy(confusion_matrix(p, y)),
        ),
        (
            lambda r: per_class(r.confusion).f1[:, 1],
            lambda p, y: per_class(confusion_matrix(p, y)).f1[1],
        ),
        (lambda r: r.ece, expected_calibration_error),
        (lambda r: r.nll, negative_log_likelihood),
    ],
    ids=["accuracy", "balanced_accuracy", "f1", "ece", "nll"],
)
def test_intervals_are_those_of_scipy(ours, statistic):
    p, y = drawn(300, seed=1)
    expected = bootstrap(
        (np.arange(len(y)),),
        lambda rows: float(statistic(p[rows], y[rows])),
        method="percentile",
        n_resamples=1500,
        vectorized=False,
        rng=np.random.default_rng(7),
    ).confidence_interval
    low, high = percentile_interval(ours(resample(p, y, n_resamples=4000)))
    tolerance = 0.08 * (expected.high - expected.low)
    assert low == pytest.approx(expected.low, abs=tolerance)
    assert high == pytest.approx(expected.high, abs=tolerance)


def test_the_interval_of_accuracy_covers_the_truth_as_often_as_it_says():
    truth, n, trials = 0.7, 200, 300
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(trials):
        hits = rng.random(n) < truth
        p = np.where(hits[:, None], [[0.9, 0.1]], [[0.1, 0.9]])
        draws = resample(p, np.zeros(n, int), n_resamples=200, seed=trial)
        low, high = percentile_interval(accuracy(draws.confusion))
        covered += low <= truth <= high
    assert 0.91 <= covered / trials <= 0.98


def test_the_seed_decides_the_draws():
    p, y = drawn(50, seed=2)
    first, again, other = (resample(p, y, n_resamples=20, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.confusion, again.confusion)
    np.testing.assert_array_equal(first.ece, again.ece)
    assert (first.confusion != other.confusion).any()


def test_one_row_has_an_interval_without_width():
    draws = resample([[0.9, 0.1]], [0], n_resamples=10)
    assert percentile_interval(accuracy(draws.confusion)).tolist() == [1.0, 1.0]


def test_undefined_draws_do_not_count():
    samples = np.array([[0.2, np.nan], [0.4, np.nan], [np.nan, np.nan]])
    interval = percentile_interval(samples, level=1.0)
    np.testing.assert_allclose(interval[:, 0], [0.2, 0.4])
    assert np.isnan(interval[:, 1]).all()
