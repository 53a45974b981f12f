"""Every metric of classes that exclude each other against scikit-learn and torchmetrics."""

import doctest
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle
from torchmetrics.functional.classification import multiclass_calibration_error

from affekt.errors import DataError
from affekt.evaluation.metrics.single_label import (
    SUM_TOLERANCE,
    accuracy,
    balanced_accuracy,
    calibration_gaps,
    checked,
    confusion_matrix,
    expected_calibration_error,
    negative_log_likelihood,
    negative_log_likelihoods,
    per_class,
    predicted,
)

K = 7


def drawn(n: int, seed: int, k: int = K, skip: tuple[int, ...] = ()):
    """Probabilities that lean to the truth, and labels without the skipped classes."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([c for c in range(k) if c not in skip], size=n)
    logits = rng.normal(size=(n, k)) + 1.5 * np.eye(k)[labels]
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("n", [1, 2, 13, 400])
@pytest.mark.parametrize("skip", [(), (2,), (0, 6)])
def test_agrees_with_scikit_learn(n, skip):
    p, y = drawn(n, seed=n, skip=skip)
    guess = p.argmax(axis=1)
    confusion = confusion_matrix(p, y)
    np.testing.assert_array_equal(confusion, oracle.confusion_matrix(y, guess, labels=range(K)))
    assert accuracy(confusion) == pytest.approx(oracle.accuracy_score(y, guess))
    recalls = oracle.recall_score(y, guess, labels=np.unique(y), average="macro", zero_division=0)
    assert balanced_accuracy(confusion) == pytest.approx(recalls)
    precision, recall, f1, support = oracle.precision_recall_fscore_support(
        y, guess, labels=range(K), zero_division=np.nan
    )
    ours = per_class(confusion)
    np.testing.assert_allclose(ours.recall, recall)
    np.testing.assert_allclose(ours.precision, precision)
    np.testing.assert_allclose(ours.f1, f1)
    np.testing.assert_array_equal(ours.support, support)
    assert negative_log_likelihood(p, y) == pytest.approx(oracle.log_loss(y, p, labels=range(K)))


def test_balanced_accuracy_is_scikit_learns_where_no_other_class_is_predicted():
    p, y = drawn(300, seed=5)
    expected = oracle.balanced_accuracy_score(y, p.argmax(axis=1))
    assert balanced_accuracy(confusion_matrix(p, y)) == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 50, 2000])
def test_calibration_error_is_that_of_torchmetrics(n):
    p, y = drawn(n, seed=n + 1)
    expected = multiclass_calibration_error(
        torch.tensor(p), torch.tensor(y), num_classes=K, n_bins=15, norm="l1"
    )
    assert expected_calibration_error(p, y) == pytest.approx(float(expected), abs=1e-6)


def test_calibration_error_of_a_certain_model_is_its_error_rate():
    p = np.eye(3)[[0, 0, 1, 2]]
    assert expected_calibration_error(p, [0, 1, 1, 2]) == pytest.approx(0.25)


def test_calibration_error_uses_bins_closed_on_the_right():
    # 0.8 = 12/15 and 0.75 share the bin (11/15, 12/15], so their gaps cancel.
    assert expected_calibration_error([[0.75, 0.25], [0.8, 0.2]], [0, 1]) == pytest.approx(0.275)


def test_a_tie_goes_to_the_first_class():
    assert predicted([[0.25] * 4]).tolist() == [0]


def test_a_certain_mistake_has_a_finite_loss():
    assert 80 < negative_log_likelihood([[1.0, 0.0]], [1]) < 90


def test_an_absent_class_is_undefined_and_leaves_the_mean():
    figures = per_class([[2, 0, 0], [0, 1, 1], [0, 0, 0]])
    assert np.isnan(figures.recall[2]) and figures.precision[2] == 0 and figures.f1[2] == 0
    assert balanced_accuracy([[2, 0, 0], [0, 1, 1], [0, 0, 0]]) == pytest.approx(0.75)
    assert np.isnan(per_class(np.zeros((2, 2), int)).f1).all()


def test_a_stack_of_matrices_gives_a_stack_of_figures():
    stack = np.stack([confusion_matrix(*drawn(60, seed)) for seed in range(4)])
    for figure in (accuracy, balanced_accuracy, lambda c: per_class(c).f1):
        np.testing.assert_allclose(figure(stack), [figure(one) for one in stack])


def test_a_drawn_row_counts_as_often_as_it_was_drawn():
    p, y = drawn(60, seed=0)
    draws = np.random.default_rng(1).integers(0, 3, (4, 60)).astype(float)
    for figure in (confusion_matrix, expected_calibration_error, negative_log_likelihood):
        found = figure(p, y, draws)
        for own, draw in zip(found, draws, strict=True):
            rows = np.repeat(np.arange(60), draw.astype(int))
            np.testing.assert_allclose(own, figure(p[rows], y[rows]))
        np.testing.assert_allclose(figure(p, y, np.ones((2, 2, 60)))[1, 0], figure(p, y))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_figures_do_not_depend_on_the_order_of_rows(seed, n):
    p, y = drawn(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_array_equal(confusion_matrix(p, y), confusion_matrix(p[order], y[order]))
    assert expected_calibration_error(p, y) == pytest.approx(
        expected_calibration_error(p[order], y[order])
    )


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([[0.5, float("nan")]], [0], "not in"),
        ([[0.5, float("inf")]], [0], "not in"),
        ([[1.5, -0.5]], [0], "not in"),
        ([[0.5, 0.4]], [0], "sums to 0.9"),
        ([[0.5, 0.5]], [2], "unknown label 2"),
        ([[0.5, 0.5]], [-1], "unknown label -1"),
        ([[0.5, 0.5]], [0.5], "type float64"),
        ([[0.5, 0.5]], [0, 1], "shape"),
        (np.empty((0, 3)), np.empty(0, int), "shape"),
        ([0.5, 0.5], [0, 1], "shape"),
    ],
)
def test_meaningless_input_is_refused(probabilities, labels, message):
    with pytest.raises(DataError, match=message):
        confusion_matrix(probabilities, labels)


def test_the_documented_examples_are_true():
    docs = Path(__file__).parents[3] / "docs" / "metrics.md"
    result = doctest.testfile(str(docs), module_relative=False, encoding="utf-8")
    assert result.attempted > 5 and result.failed == 0


@pytest.mark.parametrize(
    ("probabilities", "labels", "line"),
    [
        ([[0.5, 0.5]], [2], "row 0 has the unknown label 2: give 0 to 1"),
        ([[0.5, 0.5]] * 2, [0, -1], "row 1 has the unknown label -1: give 0 to 1"),
        ([[0.5, 0.5]], [0.0], "labels of type float64: give integers from 0 to 1"),
        ([[0.5, 0.5], [-0.001, 1.001]], [0, 0], "row 1 has a probability that is not in"),
        ([[0.5, 0.5], [0.5, np.inf]], [0, 0], "row 1 has a probability that is not in"),
        ([[0.5, 0.5], [0.5, 0.502]], [0, 0], "row 1 of the probabilities sums to 1.002, not to 1"),
        ([[0.5, 0.5], [0.5, 0.498]], [0, 0], "row 1 of the probabilities sums to 0.998, not to 1"),
        ([0.5, 0.5], [0, 0], "n and k at least 1"),
        ([[0.5, 0.5]], [0, 0], "n and k at least 1"),
        (np.zeros((0, 2)), np.zeros(0, int), "n and k at least 1"),
    ],
)
def test_what_no_metric_means_anything_for_is_told_by_its_row(probabilities, labels, line):
    with pytest.raises(DataError, match=line):
        checked(probabilities, labels)


def test_rounded_probabilities_and_the_last_class_are_taken():
    near = SUM_TOLERANCE * 0.99
    p, y = checked([[1 + near, 0.0], [0.5, 0.5 - near], [0.0, 1.0]], [0, 1, 1])
    assert p.shape == (3, 2) and y.tolist() == [0, 1, 1]


def test_a_gap_is_what_was_right_less_what_was_said():
    p = [[0.75, 0.25], [0.4, 0.6], [0.5, 0.5], [0.0, 1.0]]
    bin_of, gap = calibration_gaps(p, [0, 0, 1, 1], bins=4)
    assert bin_of.tolist() == [2, 2, 1, 3]
    assert gap.tolist() == pytest.approx([0.25, -0.6, -0.5, 0.0])
    expected = (abs(0.25 - 0.6) + 0.5 + 0) / 4
    assert expected_calibration_error(p, [0, 0, 1, 1], bins=4) == pytest.approx(expected)


def test_a_probability_of_0_costs_as_much_as_the_smallest_float():
    tiny = float(np.finfo(np.float32).tiny)
    assert negative_log_likelihoods([[0.0, 1.0]], [0]).tolist() == [pytest.approx(-np.log(tiny))]
    assert negative_log_likelihoods([[0.0, 1.0005]], [1]).tolist() == [0.0]
