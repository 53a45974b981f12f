"""Parts of a training step that every loop shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from affekt.typed import shown, shown_key


def warm_cosine(epoch: float, epochs: float, warmup: float) -> float:
    """Share of the peak learning rate: linear warm-up, then half a cosine to zero.

    >>> warm_cosine(0.5, 10, 0), warm_cosine(10, 10, 0)
    (0.9938441702975689, 0.0)
    """
    if epoch < warmup:
        return (epoch + 1e-3) / warmup
    done = (epoch - warmup) / max(epochs - warmup, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def decay_groups(
    parameters: Iterable[nn.Parameter], weight_decay: float, **options: Any
) -> list[dict[str, Any]]:
    """Parameter groups of an optimizer: matrices decay, biases, norms and frozen ones do not."""
    trained = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay, **options},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0, **options},
    ]
    return [group for group in groups if group["params"]]


def bare(network: nn.Module) -> nn.Module:
    """The network itself, without what a strategy wrapped around it."""
    module = getattr(network, "module", network)
    return module if isinstance(module, nn.Module) else network


def patience_is_over(patience: int, epoch: int, best_epoch: int) -> bool:
    """Whether so many completed epochs went by without a better score; 0 waits for ever.

    >>> patience_is_over(2, 4, 1), patience_is_over(2, 3, 1), patience_is_over(0, 99, 1)
    (True, False, False)
    """
    return bool(patience) and best_epoch >= 0 and epoch - 1 - best_epoch >= patience


class RunningAverage:
    """An exponential average of what a network learns, frozen parts left out.

    Early on it follows faster, ``(1 + steps) / (10 + steps)`` of the old average being kept, so
    that the first weights are forgotten in a short run too.

    Args:
        network: whose trained parameters, and running statistics beside them, to average.
        decay: of the average per step.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {name: t.detach().clone() for name, t in learnt_state(network).items()}

    def update(self, network: nn.Module) -> None:
        """Takes a step's weights in."""
        kept = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.steps else 0.0
        for name, new in learnt_state(network).items():
            old = self.state[name]
            if old.is_floating_point():
                old.lerp_(new.detach(), 1 - kept)
            else:
                old.copy_(new)
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"steps": self.steps, "state": self.state}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """From a checkpoint.

        Raises:
            ValueError: it is that of another network.
        """
        if type(saved["steps"]) is not int or saved["steps"] < 0:
            raise ValueError(f"{shown(saved['steps'])} steps in the average")
        self.steps = saved["steps"]
        copy_exactly(self.state, saved["state"])


def learnt_state(network: nn.Module) -> dict[str, Tensor]:
    """What training changes: trained parameters and the running statistics of trained layers."""
    state = {name: p for name, p in network.named_parameters() if p.requires_grad}
    for prefix, module in network.named_modules():
        if any(p.requires_grad for p in module.parameters(recurse=False)):
            for name, buffer in module.named_buffers(recurse=False):
                state[f"{prefix}.{name}" if prefix else name] = buffer
    return {name: tensor.data for name, tensor in state.items()}


@torch.no_grad()
def load_learnt(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Puts what `learnt_state` gave into a network of the same kind."""
    copy_exactly(learnt_state(network), state)


def copy_exactly(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Puts saved values into tensors of the same names and shapes.

    Raises:
        ValueError: a name, shape or type is another one.
    """
    if own.keys() != saved.keys():
        raise ValueError(f"{min(map(shown_key, own.keys() ^ saved.keys()))} is there once only")
    for name, tensor in saved.items():
        if tensor.shape != own[name].shape:
            raise ValueError(f"{name}: shape {[*tensor.shape]}, not {[*own[name].shape]}")
        if tensor.dtype != own[name].dtype:
            raise ValueError(f"{name}: {tensor.dtype}, not {own[name].dtype}")
        own[name].copy_(tensor)
