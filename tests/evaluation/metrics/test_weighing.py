"""Weights of rows: which are taken, and sums, means and bins by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.evaluation.metrics.weighing import (
    ECE_BINS,
    bins_of,
    checked_weights,
    mean_over_labels,
    ratio,
    sums_by_index,
    weighted_mean,
)


def test_rows_weigh_1_unless_said_and_0_is_a_weight() -> None:
    assert checked_weights(None, 3).tolist() == [1, 1, 1]
    assert checked_weights([0, 1], 2).tolist() == [0, 1]
    assert checked_weights(np.zeros((5, 4, 2)), 2).shape == (5, 4, 2)
    assert checked_weights(np.zeros((5, 0)), 0).shape == (5, 0)


@pytest.mark.parametrize("weights", [[1, -1e-9], [1, np.nan], [1], [[1, 1, 1]], 1.0])
def test_another_count_and_weights_under_0_are_refused(weights: object) -> None:
    with pytest.raises(DataError, match=r"for 2 rows: give \(\.\.\., 2\), at least 0"):
        checked_weights(weights, 2)  # type: ignore[arg-type]


def test_a_ratio_is_undefined_where_the_whole_is_0_and_shapes_broadcast() -> None:
    found = ratio([[1.0], [0.0]], [0.5, 0.0, 2.0])
    np.testing.assert_array_equal(found, [[2, np.nan, 0.5], [0, np.nan, 0]])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_means_and_sums_equal_those_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=(6, 3)), rng.integers(0, 3, (2, 4, 6)).astype(float)
    weights[..., 0] += 1
    mean = weighted_mean(values, weights)
    index = rng.integers(0, 4, 6)
    sums = sums_by_index(index, 5, weights, values[:, 0])
    assert mean.shape == (2, 4, 3) and sums.shape == (2, 4, 5)
    for draw in np.ndindex(2, 4):
        np.testing.assert_allclose(mean[draw], np.average(values, axis=0, weights=weights[draw]))
        expected = [(weights[draw] * values[:, 0])[index == i].sum() for i in range(5)]
        np.testing.assert_allclose(sums[draw], expected)
    np.testing.assert_array_equal(
        sums_by_index(index, 5, np.ones(6)), np.bincount(index, minlength=5)
    )


def test_a_label_without_a_figure_is_left_out_of_the_mean() -> None:
    found = mean_over_labels([[1.0, np.nan, 2.0], [np.nan] * 3, [0.0, 0.0, 3.0]])
    np.testing.assert_array_equal(found, [1.5, np.nan, 1.0])


@pytest.mark.parametrize("bins", [1, 2, 4])
def test_a_bin_includes_its_upper_end(bins: int) -> None:
    ends = np.arange(bins + 1) / bins
    assert bins_of(ends, bins).tolist() == [0, *range(bins)]
    assert bins_of(np.nextafter(ends[:-1], 1), bins).tolist() == list(range(bins))
    assert bins_of([0.0, 1.0]).tolist() == [0, ECE_BINS - 1]
    assert bins_of([-0.1, 1.1], bins).tolist() == [0, bins - 1]


def test_fifteen_bins_unless_said() -> None:
    third = 1 / ECE_BINS
    assert ECE_BINS == 15
    assert bins_of([third, np.nextafter(third, 1), 14.5 / 15]).tolist() == [0, 1, 14]
