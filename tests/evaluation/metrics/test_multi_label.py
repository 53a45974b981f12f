"""Every metric of labels that go together against an independent oracle, or by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, jaccard_score

from affekt.errors import DataError
from affekt.evaluation.metrics import multi_label as m
from affekt.evaluation.metrics.weighing import ECE_BINS


def people(n=300, k=6, seed=0, *, ties=False):
    """Truth and scores of categories from rare to common; with ``ties``, many equal scores."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, k)) < np.linspace(0.02, 0.7, k)
    truth[0] = True
    scores = rng.random((n, k)) * 0.7 + truth * rng.random((n, k)) * 0.3
    return truth, scores.round(1) if ties else scores


def draws(n, count=7, seed=1):
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(count)])


def eleven_points(truth, scores):
    """The official routine, step by step and in its single precision."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order]).astype(np.float32)
    misses = np.cumsum(~truth[order]).astype(np.float32)
    recall, precision = hits / np.float32(truth.sum()), hits / (hits + misses)
    level, total = 0.0, 0.0
    for _ in range(11):
        reached = precision[recall >= np.float32(level)]
        total += (reached.max() if reached.size else 0.0) / 11
        level += 0.1
    return total


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_is_scikit_learns(ties):
    truth, scores = people(ties=ties)
    expected = average_precision_score(truth, scores, average=None)
    np.testing.assert_allclose(m.average_precision(truth, scores), expected, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_each_draw_is_scikit_learns_on_the_rows_drawn(ties):
    truth, scores = people(ties=ties)
    weights = draws(len(truth))
    found = m.average_precision(truth, scores, weights)
    for row, drawn in zip(found, weights, strict=True):
        expected = average_precision_score(truth, scores, average=None, sample_weight=drawn)
        np.testing.assert_allclose(row, expected, atol=1e-12)
    halved = m.average_precision(truth, scores, weights[0] / 2)  # not whole numbers any more
    np.testing.assert_allclose(halved, found[0], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=12))
def test_average_precision_of_any_small_set(rows):
    truth, scores = np.array([[r[0]] for r in rows]), np.array([[r[1]] for r in rows], float)
    found = m.average_precision(truth, scores)[0]
    if not truth.any():
        assert math.isnan(found) and math.isnan(m.official_average_precision(truth, scores)[0])
    else:
        assert found == pytest.approx(average_precision_score(truth[:, 0], scores[:, 0]))


def test_official_average_precision_is_the_official_routines():
    truth, scores = people(n=400, k=8)
    expected = [eleven_points(y, s) for y, s in zip(truth.T, scores.T, strict=True)]
    np.testing.assert_allclose(m.official_average_precision(truth, scores), expected, atol=1e-6)


def test_official_average_precision_takes_recall_levels_exactly():
    truth = np.array([1, 0] * 10)[:, None]  # ten positives: recall hits every level
    scores = np.linspace(1, 0, 20)[:, None]
    expected = (1 + sum(i / (2 * i - 1) for i in range(1, 11))) / 11
    assert m.official_average_precision(truth, scores)[0] == pytest.approx(expected)


def test_a_drawn_row_counts_as_often_as_it_was_drawn():
    truth, scores = people(n=60, k=3)
    weights = draws(60, count=1)[0]
    rows = np.repeat(np.arange(60), weights)
    for figure in (m.average_precision, m.official_average_precision):
        repeated = figure(truth[rows], scores[rows])
        np.testing.assert_allclose(figure(truth, scores, weights), repeated, atol=1e-12)


def test_the_share_of_positives_is_the_average_precision_of_one_score_for_all():
    truth, _ = people()
    same = m.average_precision(truth, np.ones(truth.shape))
    np.testing.assert_allclose(same, m.prevalence(truth))


def test_chance_is_the_mean_over_random_orders():
    truth, rng = people(n=40, k=4)[0], np.random.default_rng(0)
    runs = [m.average_precision(truth, rng.random(truth.shape)) for _ in range(4000)]
    np.testing.assert_allclose(m.chance_average_precision(truth), np.mean(runs, axis=0), atol=0.01)
    assert math.isnan(m.chance_average_precision([[0], [0]])[0])
    assert m.chance_average_precision([[1]])[0] == 1


def test_jaccard_and_f1_are_scikit_learns():
    truth, scores = people()
    truth[:5] = False
    labelled = scores > 0.55
    labelled[:2] = False  # nothing true, nothing given: equal sets
    expected = jaccard_score(truth, labelled, average="samples", zero_division=1)
    assert m.jaccard(truth, labelled) == pytest.approx(expected)
    expected = f1_score(truth, labelled, average=None, zero_division=0)
    np.testing.assert_allclose(m.f1_scores(truth, labelled), expected)
    drawn = draws(len(truth), count=1)[0]
    expected = f1_score(truth, labelled, average=None, sample_weight=drawn, zero_division=0)
    np.testing.assert_allclose(m.f1_scores(truth, labelled, drawn), expected)


def test_calibration_error_by_bins():
    truth, p = people()
    expected = []
    for y, column in zip(truth.T, p.T, strict=True):
        edges, error = np.linspace(0, 1, ECE_BINS + 1), 0.0
        for low, high in pairwise(edges):
            inside = (column > low) & (column <= high)
            if inside.any():
                error += inside.mean() * abs(y[inside].mean() - column[inside].mean())
        expected.append(error)
    np.testing.assert_allclose(m.calibration_errors(truth, p), expected)
    weights = draws(len(p), count=2)
    rows = np.repeat(np.arange(len(p)), weights[1])
    found = m.calibration_errors(truth, p, weights)[1]
    np.testing.assert_allclose(found, m.calibration_errors(truth[rows], p[rows]))


def test_the_pooled_calibration_error_is_that_of_one_long_category():
    truth, p = people()
    weights = draws(len(p), count=2)
    long = np.repeat(weights, p.shape[1], axis=1)
    expected = m.calibration_errors(truth.reshape(-1, 1), p.reshape(-1, 1), long)[:, 0]
    np.testing.assert_allclose(m.pooled_calibration_error(truth, p, weights), expected)
    assert (expected <= m.calibration_errors(truth, p, weights).mean(axis=-1) + 1e-12).all()


def test_bad_input_is_named():
    with pytest.raises(DataError, match="scores that are numbers"):
        m.average_precision([[1]], [[np.nan]])
    with pytest.raises(DataError, match=r"truth of shape \(1, 2\)"):
        m.average_precision([[1, 0]], [[0.5]])
    with pytest.raises(DataError, match=r"give \(\.\.\., 2\)"):
        m.average_precision([[1], [0]], [[0.5], [0.4]], weights=[1])


@pytest.mark.parametrize(
    ("positives", "rows", "expected"),
    [(1, 2, 0.75), (2, 2, 1.0), (1, 3, 11 / 18), (2, 3, 0.5 + 11 / 36), (1, 1, 1.0)],
)
def test_chance_among_few_by_hand(positives, rows, expected):
    truth = (np.arange(rows) < positives)[:, None]
    assert m.chance_average_precision(truth)[0] == pytest.approx(expected)
    weights = np.arange(rows)[None] + 1.0
    share = weights[0, :positives].sum() / weights.sum()
    drawn = m.chance_average_precision(truth, weights)[0, 0]
    assert drawn == pytest.approx(expected + share - positives / rows)


def test_sets_by_hand():
    truth = [[1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]
    given = [[1, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert m.jaccard_indices(truth, given).tolist() == pytest.approx([1 / 3, 1, 0, 1])
    weights = [3, 0, 1, 2]
    assert m.jaccard(truth, given, weights) == pytest.approx((1 + 0 + 2) / 6)
    f1 = m.f1_scores(truth, given, weights)
    assert f1.tolist() == pytest.approx([6 / 7, 0, 4 / 7])
    assert math.isnan(m.f1_scores([[0]], [[1]])[0])


def test_bins_of_calibration_by_hand():
    truth, p = [[1, 0], [0, 1], [1, 1]], [[0.5, 0.6], [0.25, 0.5], [1.0, 0.5]]
    # first label: bins 0.5 and 0.25 are one; second: 0.6 alone
    assert m.calibration_errors(truth, p, bins=2).tolist() == pytest.approx([0.25 / 3, 1.6 / 3])
    weights = [2, 1, 0]
    expected = [(2 * 0.5 - 0.25) / 3, (2 * 0.6 + 0.5) / 3]
    assert m.calibration_errors(truth, p, weights, bins=2).tolist() == pytest.approx(expected)
    # both labels in one: 0.5 - 0.25 + 0.5 + 0.5 below, 0 - 0.6 above
    assert m.pooled_calibration_error(truth, p, bins=2) == pytest.approx((1.25 + 0.6) / 6)
