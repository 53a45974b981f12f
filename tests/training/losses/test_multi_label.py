"""Each loss against a hand-computed value, and against another library where there is one."""

from __future__ import annotations

import math

import pytest
import torch
from timm.loss import AsymmetricLossMultiLabel
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from affekt.training.losses.multi_label import (
    MULTI_LABEL_LOSSES,
    NO_POSITIVE_WEIGHT,
    asymmetric,
    batch_class_weights,
    binary_cross_entropy,
    class_weights,
    focal,
    raw_squared_error,
    squared_error,
    weighted_mean,
)


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
@pytest.mark.parametrize("name", MULTI_LABEL_LOSSES)
def test_extreme_logits_give_finite_losses_and_gradients(name: str, logit: float) -> None:
    logits = torch.full((1, 2), logit, requires_grad=True)
    MULTI_LABEL_LOSSES[name](logits, torch.tensor([[0.0, 1.0]])).sum().backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", MULTI_LABEL_LOSSES)
def test_every_category_loss_falls_towards_the_truth(name: str) -> None:
    start, targets = drawn()
    logits = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([logits], lr=0.5)
    losses = []
    for _ in range(30):
        loss = weighted_mean(MULTI_LABEL_LOSSES[name](logits, targets), None)
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
