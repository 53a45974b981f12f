"""Losses of dimensional heads: how far values lie from those given, where they are given."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


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


DIMENSIONAL_LOSSES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "margin": margin_squared_error,
    "smooth_l1": smooth_l1,
    "l1": absolute_error,
    "ccc": concordance_loss,
}
"""By the name a recipe gives."""


def _errors(vad: Tensor, targets: Tensor) -> Tensor:
    return torch.where(torch.isfinite(targets), vad - targets, 0.0)


def _mean(values: Tensor, targets: Tensor) -> Tensor:
    return values.sum() / torch.isfinite(targets).sum().clamp_min(1)
