"""Optimizers by name, the parameters they change, and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from affekt.training.recipe.run import OptimTable


def decay_groups(
    parameters: Iterable[nn.Parameter], weight_decay: float, lr: float
) -> list[dict[str, Any]]:
    """Parameter groups of an optimizer: matrices decay, biases, norms and frozen ones do not."""
    trained = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay, "lr": lr},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0, "lr": lr},
    ]
    return [group for group in groups if group["params"]]


def build_optimizer(optim: OptimTable, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimizer of a recipe; it remembers the peak learning rate of each group."""
    groups = [{**group, "peak_lr": group["lr"]} for group in groups]
    if optim.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum)
    return torch.optim.AdamW(groups, lr=optim.lr)


def set_rate(optim: OptimTable, optimizer: torch.optim.Optimizer, epoch: float) -> None:
    """Sets every group's learning rate for a fractional epoch."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * learning_share(optim, epoch)


def learning_share(optim: OptimTable, epoch: float) -> float:
    """Share of the peak learning rate at a fractional epoch."""
    if optim.schedule == "cosine":
        return warm_cosine(epoch, optim.epochs, optim.warmup_epochs)
    warm = min((epoch + 1e-3) / optim.warmup_epochs, 1.0) if optim.warmup_epochs else 1.0
    return float(warm * optim.step_factor ** (epoch // optim.step_epochs))


def warm_cosine(epoch: float, epochs: float, warmup: float) -> float:
    """Share of the peak learning rate: linear warm-up, then half a cosine to zero.

    >>> warm_cosine(0.5, 10, 0), warm_cosine(10, 10, 0)
    (0.9938441702975689, 0.0)
    """
    if epoch < warmup:
        return (epoch + 1e-3) / warmup
    done = (epoch - warmup) / max(epochs - warmup, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
