"""What a network learns, and its running average over the steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from affekt.typed import shown, shown_key


def averaged_copy(network: nn.Module, decay: float) -> AveragedModel:
    """A copy of a network that follows it by an exponential average, one step behind another.

    Early on it follows faster, ``(1 + steps) / (10 + steps)`` of the old average being kept, so
    that the first weights are forgotten in a short run too. What is frozen is shared, not copied.

    Args:
        network: on its device; `AveragedModel.update_parameters` takes its later weights in.
        decay: of the average per step; 0 keeps nothing.
    """
    averaged = AveragedModel(network, multi_avg_fn=_following(decay), use_buffers=True)
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            holder, _, leaf = name.rpartition(".")
            setattr(averaged.module.get_submodule(holder), leaf, parameter)
    return averaged


def averaged_state(averaged: AveragedModel) -> dict[str, Any]:
    """What a checkpoint holds of it."""
    return {"steps": int(averaged.n_averaged), "state": learnt_state(averaged.module)}


def load_averaged(averaged: AveragedModel, saved: Mapping[str, Any]) -> None:
    """Takes over what `averaged_state` gave.

    Raises:
        ValueError: it is that of another network.
    """
    if type(saved["steps"]) is not int or saved["steps"] < 0:
        raise ValueError(f"{shown(saved['steps'])} steps in the average")
    load_learnt(averaged.module, saved["state"])
    averaged.n_averaged.fill_(saved["steps"])


def _following(decay: float) -> Callable[[Any, Any, Any], None]:
    def update(averaged: list[Tensor], current: list[Tensor], steps: Any) -> None:
        kept = min(decay, (1 + int(steps)) / (10 + int(steps)))
        if averaged[0].is_floating_point():
            get_ema_multi_avg_fn(kept)(averaged, current, steps)  # type: ignore[no-untyped-call]
            return
        for old, new in zip(averaged, current, strict=True):  # counts and indices have no mean
            old.copy_(new)

    return update


def learnt_state(network: nn.Module) -> dict[str, Tensor]:
    """What training changes: trained parameters and the statistics of layers that are not frozen.

    It is all that a checkpoint has to hold: the rest is built again from the recipe.
    """
    state = {name: p.data for name, p in network.named_parameters() if p.requires_grad}
    saved = network.state_dict()
    for prefix, module in network.named_modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            continue
        for name, _ in module.named_buffers(recurse=False):
            full = f"{prefix}.{name}" if prefix else name
            if full in saved:
                state[full] = saved[full]
    return state


@torch.no_grad()
def load_learnt(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Puts what `learnt_state` gave into a network of the same kind.

    Raises:
        ValueError: it is that of another one.
    """
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
