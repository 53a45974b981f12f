"""Temperature scaling against known truths and an independent optimiser."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from affekt.errors import DataError
from affekt.evaluation.fitting.temperature import TEMPERATURES, fit_temperature, source_weights
from affekt.evaluation.metrics.single_label import expected_calibration_error


def honest(n: int, seed: int = 0, k: int = 7):
    """Logits, and labels drawn from exactly their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * 2
    labels = (rng.random((n, 1)) > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1)
    return logits, np.minimum(labels, k - 1)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_recovers_the_temperature_that_was_taken_away(true_temperature):
    logits, labels = honest(20_000)
    found = fit_temperature(logits * true_temperature, labels)
    assert found == pytest.approx(true_temperature, rel=0.03)
    calibrated = softmax(logits * true_temperature / found, axis=1)
    assert expected_calibration_error(calibrated, labels) < 0.015


def test_agrees_with_torch_lbfgs():
    logits, labels = honest(500, seed=3)
    z, y = torch.tensor(logits * 3), torch.tensor(labels)
    beta = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([beta], line_search_fn="strong_wolfe", max_iter=100)

    def closure():
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(beta * z, y)
        loss.backward()
        return loss

    optimiser.step(closure)
    assert fit_temperature(logits * 3, labels) == pytest.approx(1 / beta.item(), rel=1e-4)


def test_soft_targets_generalise_classes():
    logits, labels = honest(300)
    hard = fit_temperature(logits, labels)
    assert fit_temperature(logits, np.eye(7)[labels]) == pytest.approx(hard)
    assert fit_temperature(logits, softmax(logits / 1.7, axis=1)) == pytest.approx(1.7, rel=1e-4)


def test_weights_count_as_repeated_rows():
    logits, labels = honest(200)
    repeats = np.random.default_rng(0).integers(0, 4, size=200)
    repeated = fit_temperature(np.repeat(logits, repeats, axis=0), np.repeat(labels, repeats))
    assert fit_temperature(logits, labels, repeats) == pytest.approx(repeated, rel=1e-5)


def test_source_weights_make_sources_count_alike():
    sources = ["big"] * 900 + ["small"] * 100
    weights = source_weights(sources)
    assert weights[:900].sum() == pytest.approx(0.5) and weights.sum() == pytest.approx(1)
    logits, labels = honest(1000)
    logits[900:] *= 4
    plain, alike = fit_temperature(logits, labels), fit_temperature(logits, labels, weights)
    assert 1 < plain < alike


@pytest.mark.parametrize(
    ("logits", "targets", "weights", "message"),
    [
        ([[0.0, np.nan]], [0], None, "logits"),
        (np.empty((0, 2)), np.empty(0, int), None, "logits"),
        ([[0.0, 1.0]], [2], None, "give 0 to 1"),
        ([[0.0, 1.0]], [[0.5, 0.4]], None, "sum to 1"),
        ([[0.0, 1.0]], [0, 1], None, "targets of shape"),
        ([[0.0, 1.0]], [0], [-1.0], "weights"),
        ([[0.0, 1.0]], [0], [0.0], "weights"),
        ([[0.0, 1.0]], [0], [np.inf], "weights"),
        ([[0.0, 1.0]], [0], [1.0, 1.0], "weights"),
        ([[0.0, 1.0]], [-1], None, "targets from -1 to -1: give 0 to 1"),
        ([[0.0, 1.0]], [0.0], None, "give integers of shape"),
        ([[0.0, 1.0]], [[1.5, -0.5]], None, "at least 0 and sum to 1"),
        ([[0.0, 1.0]], [[0.5, 0.502]], None, "sum to 1"),
        ([0.0, 1.0], [0, 1], None, "logits of shape"),
    ],
)
def test_meaningless_input_is_refused(logits, targets, weights, message):
    with pytest.raises(DataError, match=message):
        fit_temperature(logits, targets, weights)


def test_what_is_never_wrong_or_useless_gets_an_end_of_the_range():
    low, high = TEMPERATURES
    right = [[0.2, 0.0], [0.0, 0.2]]
    assert fit_temperature(right, [0, 1]) == pytest.approx(low, rel=1e-3) == 0.05
    assert fit_temperature(right, [1, 0]) == pytest.approx(high, rel=1e-3) == 20.0


def test_the_last_class_a_row_without_weight_and_rounded_shares_are_taken():
    logits = [[0.0, 0.2], [0.2, 0.0]]
    assert fit_temperature(logits, [1, 1], [1, 0]) == pytest.approx(TEMPERATURES[0], rel=1e-3)
    shares = [[0.3, 0.7005], [0.6, 0.4]]
    assert fit_temperature(logits, shares) == pytest.approx(
        fit_temperature(logits, [[0.3, 0.7], [0.6, 0.4]]), rel=0.01
    )
