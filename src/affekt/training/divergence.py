"""A training whose numbers are no longer finite: noticed in the step where it happens."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from affekt.errors import DivergenceError


def clip_gradients(
    fabric: Fabric, config: Any, run: Any, loss: Tensor, step: tuple[int, int]
) -> None:
    """Limits the gradients' norm to the recipe's ``optim.clip``.

    Args:
        fabric: of the run.
        config: the recipe.
        run: its network, optimizer and epoch.
        loss: of the step, or of its last part.
        step: counted from 1, and how many there are.

    Raises:
        DivergenceError: the norm is not a finite number. With ``16`` bits a single overflow is
            none: the scaler leaves that step out and scales less in the next.
    """
    norm = fabric.clip_gradients(
        run.network, run.optimizer, max_norm=config.optim.clip, error_if_nonfinite=False
    )
    if norm is None or torch.isfinite(norm):
        return
    if config.run.precision.startswith("16") and torch.isfinite(loss):
        return
    raise diverged(config, run.epoch, f"step {step[0]} of {step[1]}", first=step[0] == 1)


def require_finite(values: Tensor, config: Any, epoch: int) -> None:
    """Refuses outputs after an epoch that are not finite.

    Raises:
        DivergenceError: it says what to lower.
    """
    if not torch.isfinite(values).all():
        raise diverged(config, epoch, "after its last step")


def diverged(config: Any, epoch: int, where: str, *, first: bool = False) -> DivergenceError:
    """The error of a run whose loss or weights are not finite.

    Args:
        config: the recipe.
        epoch: counted from 0.
        where: in that epoch.
        first: whether it is the epoch's first step.
    """
    what = f"the loss is not a finite number in epoch {epoch} (counted from 0), {where}"
    if epoch == 0 and first:
        return DivergenceError(
            f"{what}, before anything was learnt: look for values that are not finite in the "
            "first weights, or set run.precision to 32-true"
        )
    rates = ("lr", "encoder_lr") if config.trained else ("lr",)
    named = " or ".join(f"optim.{name} ({getattr(config.optim, name):g})" for name in rates)
    return DivergenceError(
        f"{what}: the training diverged; lower {named}, or raise optim.warmup_epochs "
        f"({config.optim.warmup_epochs:g})"
    )
