"""Platt scaling against scikit-learn's logistic regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from affekt.errors import DataError
from affekt.evaluation.fitting.platt import MIN_SCALE, fit_platt, fit_sigmoid


def platt_targets(truth):
    positives, negatives = truth.sum(), (~truth).sum()
    return np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def logistic_oracle(logits, truth):
    """Cross-entropy against soft targets is that of every row once as positive, once as not."""
    share = platt_targets(truth)
    column = np.concatenate([logits, logits])[:, None]
    sides = np.repeat([1, 0], len(logits))
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    model.fit(column, sides, sample_weight=np.concatenate([share, 1 - share]))
    return float(model.coef_[0, 0]), float(model.intercept_[0])


@pytest.mark.parametrize("positives", [2, 40, 150])
def test_platt_is_the_logistic_regression_on_platts_targets(positives):
    rng = np.random.default_rng(positives)
    truth = np.arange(300) < positives
    logits = rng.normal(0, 3, 300) + 2 * truth - 1
    scale, shift = fit_platt(logits, truth)
    assert (scale, shift) == pytest.approx(logistic_oracle(logits, truth), rel=1e-3, abs=1e-3)


def test_platt_recovers_what_made_the_labels():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, 40_000)
    truth = rng.random(len(logits)) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    assert fit_platt(logits, truth) == pytest.approx((0.5, -1), abs=0.05)


def test_platt_stays_finite_and_keeps_the_order():
    logits = np.linspace(-4, 4, 100)
    for truth in (logits > 5, logits > 3.9, logits > 0, logits < 0, logits < 5):
        scale, shift = fit_platt(logits, truth)
        p = 1 / (1 + np.exp(-(scale * logits + shift)))
        assert scale > 0 and np.isfinite([scale, shift]).all()
        assert 1 / 103 < p.mean() < 102 / 103
        assert p.mean() == pytest.approx(platt_targets(truth).mean(), abs=0.02)
    assert all(np.isfinite(fit_platt([2.0, 2.0], [True, False])))
    assert all(np.isfinite(fit_platt([2.0], [True])))


def test_platt_names_bad_input():
    with pytest.raises(DataError, match="finite logits"):
        fit_platt([np.inf], [True])
    with pytest.raises(DataError, match=r"truth of shape \(2,\)"):
        fit_platt([1.0], [True, False])


@pytest.mark.parametrize(
    ("logits", "truth"), [([], []), ([[1.0]], [[True]]), ([np.nan], [True]), ([1.0, 2.0], [True])]
)
def test_logits_are_finite_numbers_one_a_row(logits, truth):
    with pytest.raises(DataError, match=r"give \(n,\) for both"):
        fit_platt(logits, truth)


@pytest.mark.parametrize("spread", [0.5, 1.0, 8.0])
def test_the_scale_has_an_end_where_logits_mislead(spread):
    logits = spread * np.array([-1.0, 1.0] * 50)
    scale, _ = fit_platt(logits, logits < 0)
    assert scale == pytest.approx(MIN_SCALE / spread) and MIN_SCALE == 0.01


def test_equal_logits_say_the_share_of_positives():
    scale, shift = fit_platt([3.0] * 10, [True] * 4 + [False] * 6)
    target = (4 * 5 / 6 + 6 * 1 / 8) / 10
    assert 1 / (1 + np.exp(-(3 * scale + shift))) == pytest.approx(target, abs=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(0.5, -2.0), (3.0, 1.0), (1.0, 0.0)])
def test_a_sigmoid_is_found_again(scale, shift):
    logits = np.linspace(-3, 4, 20)
    found = fit_sigmoid(logits, 1 / (1 + np.exp(-(scale * logits + shift))))
    assert found == pytest.approx((scale, shift), abs=1e-4)
