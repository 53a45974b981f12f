"""Average precision from one ranking equals its definition, draw by draw, with ties and zeros."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from affekt.evaluation.metrics.ranking import (
    RECALL_STEPS,
    as_counts,
    eleven_points,
    precisions,
    rank,
    uninterpolated,
)

ROWS, LABELS = 9, 3


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, scores with ties, and the weights of a draw; a label may be without positives."""
    rng = np.random.default_rng(seed)
    truth = rng.random((ROWS, LABELS)) < rng.random(LABELS)
    return truth, rng.integers(0, 5, (ROWS, LABELS)) / 4, rng.integers(0, 4, ROWS).astype(float)


def at_every_positive(
    truth: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of one label: weight, precision and recall at each positive of the draw."""
    rows = np.flatnonzero(truth & (weights > 0))
    over = [scores >= scores[row] for row in rows]
    hits = np.array([weights[truth & o].sum() for o in over])
    return weights[rows], hits / [weights[o].sum() for o in over], hits / weights[truth].sum()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_both_precisions_are_those_of_their_definitions(seed: int) -> None:
    truth, scores, weights = drawn(seed)
    at = precisions(rank(truth, scores), as_counts(weights))
    exact, official = uninterpolated(at), eleven_points(at)
    for label in range(LABELS):
        y, s = truth[:, label], scores[:, label]
        total = weights[y].sum()
        assert at.total[label] == total
        if total == 0:
            assert np.isnan(exact[label]) and np.isnan(official[label])
            continue
        weight, precision, recall = at_every_positive(y, s, weights)
        assert exact[label] == pytest.approx((weight * precision).sum() / total)
        assert exact[label] == pytest.approx(average_precision_score(y, s, sample_weight=weights))
        levels = np.arange(RECALL_STEPS + 1) / RECALL_STEPS
        best = [precision[recall >= level - 1e-12].max() for level in levels]
        assert official[label] == pytest.approx(np.mean(best))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_counts_and_weights_rank_alike(seed: int) -> None:
    truth, scores, weights = drawn(seed)
    ranking = rank(truth, scores)
    whole, halves = precisions(ranking, as_counts(weights)), precisions(ranking, weights / 2)
    np.testing.assert_array_equal(whole.precision, halves.precision)
    np.testing.assert_array_equal(whole.positives, halves.positives * 2)
    np.testing.assert_array_equal(whole.weight, halves.weight * 2)


def test_counts_are_whole_numbers_and_other_weights_stay() -> None:
    assert as_counts(np.array([0.0, 3.0])).dtype == np.int32
    assert as_counts(np.array([0.5, 3.0])).dtype == np.float64


def test_equal_scores_end_together_and_keep_the_order_of_rows() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], bool)
    scores = np.array([[0.5, 0.1], [0.9, 0.1], [0.5, 0.1], [0.1, 0.2]])
    ranking = rank(truth, scores)
    assert ranking.order.tolist() == [[1, 0, 2, 3], [3, 0, 1, 2]]
    assert (ranking.label.tolist(), ranking.row.tolist()) == ([0, 0, 0, 1, 1], [1, 0, 3, 1, 2])
    assert ranking.end.tolist() == [0, 2, 3, 7, 7]
    assert (ranking.last.tolist(), ranking.start.tolist()) == ([0, 1, 2, 4, 4], [0, 3])


def test_no_rows_make_no_figure() -> None:
    at = precisions(rank(np.zeros((0, 2), bool), np.zeros((0, 2))), np.zeros(0))
    assert np.isnan(uninterpolated(at)).all() and np.isnan(eleven_points(at)).all()
