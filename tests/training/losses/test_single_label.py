"""The loss against torch's own cross entropy, and against sums written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affekt.training.losses.single_label import adjusted_cross_entropy, log_priors


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 4, generator=generator)
    targets = torch.softmax(2 * torch.randn(6, 4, generator=generator), dim=1)
    return logits, targets


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_without_priors_it_is_torchs_cross_entropy_of_soft_labels(
    batch: tuple[torch.Tensor, torch.Tensor], smoothing: float
) -> None:
    logits, targets = batch
    expected = functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    found = adjusted_cross_entropy(logits, targets, torch.zeros(6, 4), smoothing)
    torch.testing.assert_close(found, expected)


def test_a_prior_is_added_to_the_logits() -> None:
    logits, targets = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    prior = torch.tensor([[0.9, 0.1]])
    odds = math.exp(1.0) * 0.9, math.exp(0.0) * 0.1
    found = adjusted_cross_entropy(logits, targets, log_priors(prior, 1.0))
    assert found.item() == pytest.approx(-math.log(odds[1] / sum(odds)), rel=1e-5)


def test_strength_scales_the_log_prior() -> None:
    priors = torch.tensor([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]])
    torch.testing.assert_close(log_priors(priors, 0.5), 0.5 * priors.log())
    torch.testing.assert_close(log_priors(priors, 0.0), torch.zeros(2, 3))


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_label_that_a_source_never_shows_learns_nothing_from_it(strength: float) -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    targets = torch.tensor([[0.3, 0.7, 0.0], [0.2, 0.3, 0.5]])
    priors = torch.tensor([[0.4, 0.6, 0.0], [0.2, 0.3, 0.5]])
    adjusted_cross_entropy(logits, targets, log_priors(priors, strength), 0.1).backward()
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0
    assert logits.grad[1, 2] != 0


def test_smoothing_leaves_absent_labels_out() -> None:
    """Over the two labels present it is torch's loss of two labels."""
    logits, targets = torch.tensor([[1.0, -1.0, 5.0]]), torch.tensor([[0.2, 0.8, 0.0]])
    absent = log_priors(torch.tensor([[0.5, 0.5, 0.0]]), 0.0)
    expected = functional.cross_entropy(logits[:, :2], targets[:, :2], label_smoothing=0.2)
    torch.testing.assert_close(adjusted_cross_entropy(logits, targets, absent, 0.2), expected)


def test_bare_logits_of_an_adjusted_optimum_are_those_of_equal_priors() -> None:
    """Menon et al. 2021: where features say nothing, the optimum is flat, not the prior."""
    prior = torch.tensor([[0.7, 0.2, 0.1]])
    logits = torch.zeros(1, 3, requires_grad=True)
    adjusted_cross_entropy(logits, prior, log_priors(prior, 1.0)).backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.zeros(1, 3), atol=1e-6, rtol=0)
