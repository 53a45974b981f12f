"""Losses of multi-label heads: one value per person and label, so that class weights mean the same.

`weighted_mean` makes one number of them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

NO_POSITIVE_WEIGHT = 1e-4
"""Weight of a label without a positive in the batch (Kosti et al. 2020, official code)."""

BALANCE = 1.2
"""c of the weight 1 / ln(c + x) (Kosti et al. 2020, arXiv 2003.13401, section 4.2)."""

ElementLoss = Callable[[Tensor, Tensor], Tensor]


def squared_error(logits: Tensor, targets: Tensor) -> Tensor:
    """(sigmoid(logit) - target)^2: the probability's error."""
    return (torch.sigmoid(logits) - targets) ** 2


def raw_squared_error(logits: Tensor, targets: Tensor) -> Tensor:
    """(output - target)^2 without a sigmoid, as published (Kosti et al. 2020, eq. 2).

    The outputs are scores around 0 to 1, no logits; calibration makes probabilities of either.
    """
    return (logits - targets) ** 2


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-t ln(p) - (1 - t) ln(1 - p), with p = sigmoid(logit)."""
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def focal(logits: Tensor, targets: Tensor, gamma: float = 2.0, alpha: float = 0.25) -> Tensor:
    """-a (1 - q)^gamma ln(q), q = p and a = alpha for positives, 1 - p and 1 - alpha for others.

    Lin et al. 2017 (arXiv 1708.02002), eq. 5.
    """
    p = torch.sigmoid(logits)
    missed = torch.where(targets > 0.5, 1 - p, p)
    share = torch.where(targets > 0.5, alpha, 1 - alpha)
    return share * missed**gamma * binary_cross_entropy(logits, targets)


def asymmetric(
    logits: Tensor,
    targets: Tensor,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Tensor:
    """-(1 - p)^g+ ln(p) for positives; -m^g- ln(1 - m), m = max(p - margin, 0), for others.

    Ridnik et al. 2021 (arXiv 2009.14119), eq. 7: easy negatives, most of many labels, stop
    counting.
    """
    p = torch.sigmoid(logits)
    shifted = (p - margin).clamp_min(0)
    positive = -((1 - p) ** gamma_positive) * functional.logsigmoid(logits)
    negative = -(shifted**gamma_negative) * torch.log1p(-shifted.clamp_max(1 - 1e-7))
    return torch.where(targets > 0.5, positive, negative)


def class_weights(amounts: Tensor) -> Tensor:
    """w_c = 1 / ln(1.2 + x_c) (Kosti et al. 2020, section 4.2), shape (k,).

    Args:
        amounts: x of each label: the share of persons that have it (the paper), or their
            number in the batch (the official code).

    >>> [round(weight, 3) for weight in class_weights(torch.tensor([0.0, 0.5])).tolist()]
    [5.485, 1.885]
    """
    return 1 / torch.log(BALANCE + amounts)


def batch_class_weights(targets: Tensor, *, counts: bool) -> Tensor:
    """`class_weights` of one batch; `NO_POSITIVE_WEIGHT` where it has no positive.

    Args:
        targets: shape (n, k).
        counts: weigh by the number of positives, not by their share.

    >>> weights = batch_class_weights(torch.tensor([[1.0, 0.0]]), counts=True)
    >>> [round(weight, 4) for weight in weights.tolist()]
    [1.2683, 0.0001]
    """
    positives = targets.sum(dim=0)
    amounts = positives if counts else positives / len(targets)
    return torch.where(positives > 0, class_weights(amounts), NO_POSITIVE_WEIGHT)


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Sum over the labels, mean over the persons, so that no batch size changes its scale.

    >>> weighted_mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 0.5])).item()
    3.5
    """
    return (values if weights is None else values * weights).sum(dim=1).mean()


MULTI_LABEL_LOSSES: dict[str, ElementLoss] = {
    "weighted_squared": squared_error,
    "raw_weighted_squared": raw_squared_error,
    "bce": binary_cross_entropy,
    "focal": focal,
    "asymmetric": asymmetric,
}
"""By the name a recipe gives."""
