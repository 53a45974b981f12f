"""Losses of dimensional heads: by hand, and against another library where there is one."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from torchmetrics.functional.regression import concordance_corrcoef

from affekt.training.losses.dimensional import (
    DIMENSIONAL_LOSSES,
    absolute_error,
    concordance_loss,
    margin_squared_error,
    smooth_l1,
)

NAN = float("nan")
VAD_FOUND = torch.tensor([[5.0, 5.0, 5.0], [4.0, 8.0, 1.0]])
VAD_TRUE = torch.tensor([[5.5, 7.0, 2.0], [NAN, NAN, NAN]])


@pytest.mark.parametrize(
    ("loss", "margin", "expected"),
    [
        (margin_squared_error, 1.0, (0 + 4 + 9) / 3),
        (margin_squared_error, 2.5, (0 + 0 + 9) / 3),
        (smooth_l1, 1.0, (0.125 + 1.5 + 2.5) / 3),
        (smooth_l1, 2.0, (0.0625 + 1.0 + 2.0) / 3),
        (absolute_error, 0.0, (0.5 + 2 + 3) / 3),
        (absolute_error, 1.0, (0 + 1 + 2) / 3),
    ],
)
def test_vad_losses_by_hand_leave_out_what_nobody_said(
    loss: object, margin: float, expected: float
) -> None:
    assert callable(loss)
    assert loss(VAD_FOUND, VAD_TRUE, margin).item() == pytest.approx(expected)


@pytest.mark.parametrize("margin", [0.5, 1.0, 3.0])
def test_smooth_l1_is_torchs_for_any_margin(margin: float) -> None:
    """A common re-implementation is right for a margin of 1 only."""
    found, true = torch.rand(9, 3) * 9 + 1, torch.rand(9, 3) * 9 + 1
    oracle = functional.smooth_l1_loss(found, true, beta=margin)
    torch.testing.assert_close(smooth_l1(found, true, margin), oracle)


def test_concordance_by_hand_and_as_torchmetrics_has_it() -> None:
    found, true = torch.tensor([[1.0], [3.0]]).repeat(1, 3), torch.tensor([[2.0], [6.0]])
    true = true.repeat(1, 3)
    # means 2 and 4, variances 1 and 4, covariance 2: CCC = 4 / (1 + 4 + 4)
    assert concordance_loss(found, true).item() == pytest.approx(1 - 4 / 9)
    found = torch.rand(3000, 3, generator=torch.Generator().manual_seed(0))
    true = found + torch.rand(3000, 3, generator=torch.Generator().manual_seed(1))
    oracle = 1 - concordance_corrcoef(found, true).mean()  # its moments are over n - 1
    torch.testing.assert_close(concordance_loss(found, true), oracle, rtol=1e-3, atol=1e-4)


def test_concordance_leaves_out_persons_without_vad() -> None:
    found, true = torch.rand(6, 3), torch.rand(6, 3)
    gap = torch.tensor([[NAN, 1.0, 1.0]])
    with_gap = concordance_loss(torch.cat([found, gap.nan_to_num()]), torch.cat([true, gap]))
    torch.testing.assert_close(with_gap, concordance_loss(found, true))


@pytest.mark.parametrize("name", DIMENSIONAL_LOSSES)
def test_a_batch_without_any_vad_costs_nothing_and_has_a_gradient(name: str) -> None:
    vad = torch.rand(3, 3, requires_grad=True)
    loss = DIMENSIONAL_LOSSES[name](vad, torch.full((3, 3), NAN), 1.0)
    loss.backward()
    assert loss.item() == 0
    assert vad.grad is not None and not vad.grad.any()
