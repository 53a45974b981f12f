"""Losses as pure functions of logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

ABSENT = -1e4
"""Log prior of a label that a source never shows: it neither gains nor loses there."""


def adjusted_cross_entropy(
    logits: Tensor, targets: Tensor, log_priors: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Cross entropy of the logits plus each sample's log prior, mean over the batch.

    Adding the log prior of the data while training makes the bare logits those of a world where
    every label is equally frequent (Menon et al. 2021, arXiv 2007.07314, eq. 10).

    Args:
        logits: shape (n, k).
        targets: probabilities, shape (n, k).
        log_priors: shape (n, k), see `log_priors`; zeros for the plain cross entropy.
        smoothing: share of each target spread evenly over the labels its source has.
    """
    present = (log_priors > ABSENT / 2).float()
    even = present / present.sum(dim=1, keepdim=True)
    smooth = (1 - smoothing) * targets + smoothing * even
    log_probabilities = functional.log_softmax(logits + log_priors, dim=1)
    return -(smooth * log_probabilities).sum(dim=1).mean()


def log_priors(priors: Tensor, strength: float) -> Tensor:
    """``strength`` times the log of the priors (sources, k); `ABSENT` where a prior is 0."""
    return torch.where(priors > 0, strength * priors.clamp_min(1e-12).log(), ABSENT)
