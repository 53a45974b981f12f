"""Errors and concordance against torchmetrics, and by hand."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.regression import concordance_corrcoef

from affekt.evaluation.metrics import dimensional as m


def test_rows_of_unknown_truth_do_not_count():
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 10, (200, 3))
    values = 0.5 * truth + rng.uniform(1, 4, (200, 3))
    holes = truth.copy()
    holes[:50, 1] = np.nan
    error = m.mean_absolute_error(holes, values)
    assert error[0] == pytest.approx(np.abs(truth - values)[:, 0].mean())
    assert error[1] == pytest.approx(np.abs(truth - values)[50:, 1].mean())
    often = 2000  # torchmetrics divides by n - 1, which many copies of each row make equal to n
    for column, known in ((0, slice(0, 200)), (1, slice(50, 200))):
        said, own = (np.repeat(v[known, column], often) for v in (values, truth))
        oracle = concordance_corrcoef(torch.tensor(said), torch.tensor(own)).item()
        assert m.concordance(holes, values)[column] == pytest.approx(oracle, abs=1e-5)


def test_concordance_by_hand_and_of_a_constant():
    # means 2 and 3, both variances 2/3, covariance 2/3: (4/3) / (4/3 + 1)
    assert m.concordance([[1.0], [2.0], [3.0]], [[2.0], [3.0], [4.0]])[0] == pytest.approx(4 / 7)
    assert m.concordance([[1.0], [2.0], [3.0]], [[5.0], [5.0], [5.0]])[0] == 0
    assert math.isnan(m.concordance([[np.nan]], [[5.0]])[0])


def test_a_dimension_of_which_nothing_is_known_is_undefined():
    truth, values = [[1.0, np.nan], [2.0, np.nan]], [[1.0, 3.0], [2.0, 4.0]]
    for figure, known in ((m.concordance, 1), (m.mean_absolute_error, 0)):
        found = figure(truth, values)
        assert found[0] == known and math.isnan(found[1])
