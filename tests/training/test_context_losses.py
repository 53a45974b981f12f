"""Each loss against a hand-computed value, and against another library where there is one."""

from __future__ import annotations

import math

import pytest
import torch
from timm.loss import AsymmetricLossMultiLabel
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.regression import concordance_corrcoef
from torchvision.ops import sigmoid_focal_loss

from affekt.training.context_losses import (
    CATEGORY_LOSSES,
    NO_POSITIVE_WEIGHT,
    VAD_LOSSES,
    absolute_error,
    asymmetric,
    batch_class_weights,
    binary_cross_entropy,
    class_weights,
    concordance_loss,
    focal,
    margin_squared_error,
    raw_squared_error,
    smooth_l1,
    squared_error,
    weighted_mean,
)

NAN = float("nan")


def drawn(n: int = 12) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(n, 26, generator=generator)
    return logits, (torch.rand(n, 26, generator=generator) < 0.3).float()


def test_squared_errors_by_hand() -> None:
    logits, targets = torch.tensor([[0.0, math.log(3)]]), torch.tensor([[1.0, 0.0]])
    torch.testing.assert_close(squared_error(logits, targets), torch.tensor([[0.25, 0.5625]]))
    raw = raw_squared_error(torch.tensor([[0.2, 1.5]]), targets)
    torch.testing.assert_close(raw, torch.tensor([[0.64, 2.25]]))


def test_focal_by_hand_and_as_torchvision_has_it() -> None:
    p = 0.75  # of logit ln 3
    found = focal(torch.tensor([[math.log(3)] * 2]), torch.tensor([[1.0, 0.0]]))[0].tolist()
    assert found[0] == pytest.approx(-0.25 * (1 - p) ** 2 * math.log(p), rel=1e-5)
    assert found[1] == pytest.approx(-0.75 * p**2 * math.log(1 - p), rel=1e-5)
    logits, targets = drawn()
    oracle = sigmoid_focal_loss(logits, targets, alpha=0.3, gamma=1.5)
    torch.testing.assert_close(focal(logits, targets, 1.5, 0.3), oracle)


def test_asymmetric_by_hand_and_as_timm_has_it() -> None:
    p = 0.75
    logits, targets = torch.tensor([[math.log(3), math.log(3), -4.0]]), torch.tensor([[1.0, 0, 0]])
    found = asymmetric(logits, targets, 1.0, 2.0, 0.05)[0].tolist()
    assert found[0] == pytest.approx(-(1 - p) * math.log(p), rel=1e-5)
    assert found[1] == pytest.approx(-(0.7**2) * math.log(0.3), rel=1e-5)
    assert found[2] == 0.0  # an easy negative: p below the margin
    logits, targets = drawn()
    oracle = AsymmetricLossMultiLabel(gamma_neg=4, gamma_pos=1, clip=0.05)(logits, targets)
    found_mean = weighted_mean(asymmetric(logits, targets), None)
    torch.testing.assert_close(found_mean, oracle, rtol=1e-4, atol=1e-4)


def test_without_focus_or_margin_asymmetric_is_cross_entropy() -> None:
    logits, targets = drawn()
    plain = binary_cross_entropy(logits, targets)
    torch.testing.assert_close(asymmetric(logits, targets, 0, 0, 0), plain, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(focal(logits, targets, 0.0, 0.5), plain / 2)


@pytest.mark.parametrize("logit", [-90.0, 90.0])
@pytest.mark.parametrize("name", CATEGORY_LOSSES)
def test_extreme_logits_give_finite_losses_and_gradients(name: str, logit: float) -> None:
    logits = torch.full((1, 2), logit, requires_grad=True)
    CATEGORY_LOSSES[name](logits, torch.tensor([[0.0, 1.0]])).sum().backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", CATEGORY_LOSSES)
def test_every_category_loss_falls_towards_the_truth(name: str) -> None:
    start, targets = drawn()
    logits = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([logits], lr=0.5)
    losses = []
    for _ in range(30):
        loss = weighted_mean(CATEGORY_LOSSES[name](logits, targets), None)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]
    middle = 0.5 if name == "raw_weighted_squared" else 0.0
    right_before = ((start > middle) == (targets > 0.5)).float().mean()
    assert ((logits > middle) == (targets > 0.5)).float().mean() > right_before


def test_weights_by_hand() -> None:
    """1 / ln(1.2 + p) of the share, or of the number, of positives."""
    targets = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    by_share = [1 / math.log(2.2), NO_POSITIVE_WEIGHT, 1 / math.log(1.7)]
    by_count = [1 / math.log(3.2), NO_POSITIVE_WEIGHT, 1 / math.log(2.2)]
    assert batch_class_weights(targets, counts=False).tolist() == pytest.approx(by_share)
    assert batch_class_weights(targets, counts=True).tolist() == pytest.approx(by_count)
    fixed = class_weights(torch.tensor([1.0, 0.0, 0.5])).tolist()
    assert fixed == pytest.approx([1 / math.log(2.2), 1 / math.log(1.2), 1 / math.log(1.7)])


def test_the_loss_of_a_batch_does_not_grow_with_it() -> None:
    logits, targets = drawn()
    weights = batch_class_weights(targets, counts=False)
    once = weighted_mean(squared_error(logits, targets), weights)
    twice = weighted_mean(squared_error(torch.cat([logits] * 2), torch.cat([targets] * 2)), weights)
    torch.testing.assert_close(once, twice)


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


@pytest.mark.parametrize("name", VAD_LOSSES)
def test_a_batch_without_any_vad_costs_nothing_and_has_a_gradient(name: str) -> None:
    vad = torch.rand(3, 3, requires_grad=True)
    loss = VAD_LOSSES[name](vad, torch.full((3, 3), NAN), 1.0)
    loss.backward()
    assert loss.item() == 0
    assert vad.grad is not None and not vad.grad.any()
