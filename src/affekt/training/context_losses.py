"""Losses of the context models as pure functions: 26 categories at once, and VAD.

Every category loss gives one value per person and category, shape (n, 26), so that class weights
mean the same for all of them; `weighted_mean` makes one number of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from affekt.training.context_config import ContextLossConfig

NO_POSITIVE_WEIGHT = 1e-4
"""Weight of a category without a positive in the batch (Kosti et al. 2020, official code)."""

BALANCE = 1.2
"""c of the weight 1 / ln(c + x) (Kosti et al. 2020, arXiv 2003.13401, section 4.2)."""

ElementLoss = Callable[[Tensor, Tensor], Tensor]

ContextLoss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Of logits (n, 26), VAD (n, 3), and the targets of both, NaN where VAD is not known."""


def build_loss(config: ContextLossConfig, categories: Tensor) -> ContextLoss:
    """The loss that a recipe describes.

    Args:
        config: see `ContextLossConfig`.
        categories: of everybody in the training split, shape (n, 26), for fixed class weights.
    """
    of_categories, of_vad = _element_loss(config), VAD_LOSSES[config.vad]
    counts = config.class_weights == "counts"
    fixed = class_weights(categories.sum(dim=0) if counts else categories.mean(dim=0))

    def loss(logits: Tensor, vad: Tensor, targets: Tensor, vad_targets: Tensor) -> Tensor:
        weights: Tensor | None = None
        if config.class_weights != "none":
            per_batch = config.weights_over == "batch"
            weights = batch_class_weights(targets, counts=counts) if per_batch else fixed
            weights = weights.to(logits.device)
        first = weighted_mean(of_categories(logits, targets), weights)
        second = of_vad(vad, vad_targets, config.margin)
        return config.category_weight * first + config.vad_weight * second

    return loss


def _element_loss(config: ContextLossConfig) -> ElementLoss:
    options = {
        "focal": {"gamma": config.gamma, "alpha": config.alpha},
        "asymmetric": {
            "gamma_positive": config.gamma_positive,
            "gamma_negative": config.gamma_negative,
            "margin": config.clip,
        },
    }
    return partial(CATEGORY_LOSSES[config.categories], **options.get(config.categories, {}))


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

    Ridnik et al. 2021 (arXiv 2009.14119), eq. 7: easy negatives, most of 26 categories, stop
    counting.
    """
    p = torch.sigmoid(logits)
    shifted = (p - margin).clamp_min(0)
    positive = -((1 - p) ** gamma_positive) * functional.logsigmoid(logits)
    negative = -(shifted**gamma_negative) * torch.log1p(-shifted.clamp_max(1 - 1e-7))
    return torch.where(targets > 0.5, positive, negative)


def class_weights(amounts: Tensor) -> Tensor:
    """w_c = 1 / ln(1.2 + x_c) (Kosti et al. 2020, section 4.2), shape (26,).

    Args:
        amounts: x of each category: the share of persons that have it (the paper), or their
            number in the batch (the official code).

    >>> [round(weight, 3) for weight in class_weights(torch.tensor([0.0, 0.5])).tolist()]
    [5.485, 1.885]
    """
    return 1 / torch.log(BALANCE + amounts)


def batch_class_weights(targets: Tensor, *, counts: bool) -> Tensor:
    """`class_weights` of one batch; `NO_POSITIVE_WEIGHT` where it has no positive.

    Args:
        targets: shape (n, 26).
        counts: weigh by the number of positives, not by their share.

    >>> weights = batch_class_weights(torch.tensor([[1.0, 0.0]]), counts=True)
    >>> [round(weight, 4) for weight in weights.tolist()]
    [1.2683, 0.0001]
    """
    positives = targets.sum(dim=0)
    amounts = positives if counts else positives / len(targets)
    return torch.where(positives > 0, class_weights(amounts), NO_POSITIVE_WEIGHT)


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Sum over the categories, mean over the persons, so that no batch size changes its scale.

    >>> weighted_mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 0.5])).item()
    3.5
    """
    return (values if weights is None else values * weights).sum(dim=1).mean()


def margin_squared_error(vad: Tensor, targets: Tensor, margin: float = 1.0) -> Tensor:
    """Mean of e^2 where |e| >= margin, and 0 below it (Kosti et al. 2020, eq. 3).

    Args:
        vad: shape (n, 3), on the 1 to 10 scale.
        targets: likewise; NaN where nobody said, which counts for nothing.
        margin: errors that nobody would call errors, on the 1 to 10 scale.
    """
    errors = _errors(vad, targets)
    return _mean(torch.where(errors.abs() < margin, 0.0, errors**2), targets)


def smooth_l1(vad: Tensor, targets: Tensor, margin: float = 1.0) -> Tensor:
    """Mean of e^2 / (2 margin) where |e| < margin, and |e| - margin / 2 beyond it.

    Girshick 2015 (arXiv 1504.08083), eq. 3, in the form that stays continuous for any margin;
    arguments as in `margin_squared_error`.
    """
    errors = _errors(vad, targets).abs()
    near, far = errors**2 / (2 * margin), errors - margin / 2
    return _mean(torch.where(errors < margin, near, far), targets)


def absolute_error(vad: Tensor, targets: Tensor, margin: float = 0.0) -> Tensor:
    """Mean of max(|e| - margin, 0); arguments as in `margin_squared_error`."""
    return _mean((_errors(vad, targets).abs() - margin).clamp_min(0), targets)


def concordance_loss(vad: Tensor, targets: Tensor, margin: float = 0.0) -> Tensor:
    """1 - CCC over the batch, mean over the dimensions.

    CCC = 2 cov / (var + var' + (mean - mean')^2) with moments over n (Lin 1989, eq. 2).

    Args:
        vad: shape (n, 3), on the 1 to 10 scale.
        targets: likewise; persons with a NaN count for nothing.
        margin: not used; a correlation has none.
    """
    known = torch.isfinite(targets).all(dim=1)
    if known.sum() < 2:
        return 0.0 * vad.sum()
    a, b = vad[known], targets[known]
    mean_a, mean_b = a.mean(dim=0), b.mean(dim=0)
    covariance = ((a - mean_a) * (b - mean_b)).mean(dim=0)
    spread = a.var(dim=0, correction=0) + b.var(dim=0, correction=0) + (mean_a - mean_b) ** 2
    return (1 - 2 * covariance / spread.clamp_min(1e-12)).mean()


VAD_LOSSES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "margin": margin_squared_error,
    "smooth_l1": smooth_l1,
    "l1": absolute_error,
    "ccc": concordance_loss,
}
"""Losses of VAD by the name a recipe gives."""

CATEGORY_LOSSES: dict[str, ElementLoss] = {
    "weighted_squared": squared_error,
    "raw_weighted_squared": raw_squared_error,
    "bce": binary_cross_entropy,
    "focal": focal,
    "asymmetric": asymmetric,
}
"""Losses of the categories by the name a recipe gives."""


def _errors(vad: Tensor, targets: Tensor) -> Tensor:
    return torch.where(torch.isfinite(targets), vad - targets, 0.0)


def _mean(values: Tensor, targets: Tensor) -> Tensor:
    return values.sum() / torch.isfinite(targets).sum().clamp_min(1)
