"""Thresholds where precision and recall are closest."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, precision_score, recall_score

from affekt.errors import DataError
from affekt.evaluation.fitting.thresholds import NEVER, break_even_thresholds, expected_thresholds


def test_precision_equals_recall_where_all_scores_differ():
    rng = np.random.default_rng(0)
    truth = rng.random((300, 5)) < np.linspace(0.1, 0.6, 5)
    p = rng.random((300, 5)) * 0.6 + truth * 0.3
    for threshold, y, column in zip(break_even_thresholds(p, truth), truth.T, p.T, strict=True):
        given = column >= threshold
        assert precision_score(y, given) == pytest.approx(recall_score(y, given))
        assert given.sum() == y.sum()


def test_with_ties_no_threshold_that_finds_somebody_is_closer():
    rng = np.random.default_rng(1)
    truth = rng.random((200, 6)) < 0.3
    p = (rng.random((200, 6)) * 0.7 + truth * 0.2).round(1)
    for threshold, y, column in zip(break_even_thresholds(p, truth), truth.T, p.T, strict=True):
        precision, recall, _ = precision_recall_curve(y, column)
        gaps = np.abs(precision - recall)[recall > 0]
        given = column >= threshold
        assert abs(precision_score(y, given) - recall_score(y, given)) == pytest.approx(gaps.min())


def test_a_threshold_that_finds_nobody_does_not_win():
    # over 0.8 precision and recall are both 0, and so equal
    assert break_even_thresholds([[0.9], [0.8], [0.1]], [[0], [1], [1]]).tolist() == [0.8]


def test_a_category_that_nobody_has_is_never_given():
    assert break_even_thresholds([[0.9], [0.2]], [[0], [0]]).tolist() == [NEVER]


def test_as_many_are_given_a_category_as_are_expected_to_have_it():
    rng = np.random.default_rng(2)
    p = rng.beta(1, 4, (500, 5))
    given = p >= expected_thresholds(p)
    assert given.sum(axis=0) == pytest.approx(p.sum(axis=0), abs=0.5)
    truth = rng.random((4000, *p.shape)) < p  # what calibrated probabilities say happens
    for k in range(p.shape[1]):
        hits = truth[:, given[:, k], k].sum()
        precision, recall = hits / (4000 * given[:, k].sum()), hits / truth[:, :, k].sum()
        assert precision == pytest.approx(recall, rel=0.02)


def test_nobody_expected_and_everybody_expected():
    assert expected_thresholds([[0.1, 0.9], [0.2, 0.8]]).tolist() == [NEVER, 0.8]
    with pytest.raises(DataError, match="at least 1"):
        expected_thresholds(np.zeros((0, 3)))


def test_bad_input_is_named():
    with pytest.raises(DataError, match=r"truth of shape \(1,\)"):
        break_even_thresholds([[0.5]], [1])
    with pytest.raises(DataError, match="numbers"):
        break_even_thresholds([[np.nan]], [[1]])


@pytest.mark.parametrize(
    ("probabilities", "threshold"),
    [
        ([0.4], NEVER),
        ([0.5], NEVER),  # as near to nobody as to somebody
        ([0.6], 0.6),
        ([0.9, 0.1], 0.5),
        ([0.8, 0.6, 0.7], 0.65),
        ([0.3, 0.9, 0.2, 0.7], 0.5),
        ([0.9, 0.8, 0.9], 0.8),
        ([0.2] * 5, 0.2),
    ],
)
def test_the_threshold_lies_between_the_last_given_and_the_next(
    probabilities: list[float], threshold: float
) -> None:
    found = expected_thresholds(np.array(probabilities)[:, None])
    assert found.tolist() == [pytest.approx(threshold)]


@pytest.mark.parametrize(
    ("probabilities", "truth", "threshold"),
    [
        ([0.9, 0.5, 0.5, 0.5], [1, 1, 0, 0], 0.5),  # both are 0.5 apart: the one that finds both
        ([0.9, 0.5, 0.5, 0.5], [1, 0, 0, 0], 0.9),
        ([0.2, 0.6, 0.4], [1, 1, 1], 0.2),
        ([0.7], [1], 0.7),
        ([0.3, 0.3], [0, 1], 0.3),
        ([0.9, 0.8, 0.7, 0.1], [0, 0, 1, 0], 0.7),
    ],
)
def test_break_even_by_hand(probabilities: list[float], truth: list[int], threshold: float) -> None:
    found = break_even_thresholds(np.array(probabilities)[:, None], np.array(truth)[:, None])
    assert found.tolist() == [threshold]


@pytest.mark.parametrize("bad", [np.zeros(3), [[np.inf]], [[[0.5]]], [[0.5, np.nan]]])
def test_what_are_no_probabilities_of_rows_is_refused(bad: object) -> None:
    for fit in (expected_thresholds, lambda p: break_even_thresholds(p, np.ones(np.shape(p)))):
        with pytest.raises(DataError, match=r"give \(n, k\)"):
            fit(bad)  # type: ignore[operator]
