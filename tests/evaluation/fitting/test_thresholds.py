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
