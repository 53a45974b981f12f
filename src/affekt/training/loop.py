"""The training loop: one screen of Lightning Fabric, repeatable and safe to kill at any moment.

Seeds: what the data look like follows from the recipe's seed and the epoch, whatever the number of
processes. What the network draws, such as dropout, follows from the rank too, so that no two
processes drop the same.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from affekt.arrays import FloatArray32
from affekt.training.averaging import (
    averaged_copy,
    averaged_state,
    learnt_state,
    load_averaged,
    load_learnt,
)
from affekt.training.checkpoints import (
    BEST,
    CHECKPOINT,
    EXTENDABLE,
    METRICS,
    append_metrics,
    identity,
    load_state,
    planned_epochs,
    restore_optimizer,
    restore_progress,
    restoring,
    save_state,
)
from affekt.training.curves import Curves
from affekt.training.divergence import clip_gradients, require_finite
from affekt.training.notices import patience_is_over, say_resumed
from affekt.training.optimizing import build_optimizer, learning_share, set_rate
from affekt.training.processes import Progress
from affekt.training.recipe.recipe import Recipe
from affekt.training.task import Score, Share, Task

PROGRESS = ("epoch", "best_score", "best_epoch")


@dataclass
class Run:
    """Everything that changes while training."""

    network: nn.Module
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    best_score: float = -math.inf
    best_epoch: int = -1

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "network": learnt_state(bare(self.network)),
            "averaged": averaged_state(self.averaged),
            "optimizer": self.optimizer.state_dict(),
            "progress": {name: getattr(self, name) for name in PROGRESS},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        load_learnt(bare(self.network), state["network"])
        load_averaged(self.averaged, state["averaged"])
        restore_optimizer(self.optimizer, state["optimizer"])
        restore_progress(self, state["progress"], PROGRESS)


def fit(fabric: Fabric, task: Task, recipe: Recipe, progress: Progress) -> Path:
    """Trains a task, or goes on with it where the recipe's folder holds an unfinished run.

    Writes ``last.ckpt`` after every epoch, ``best.safetensors`` after every better one,
    ``metrics.jsonl``, one line per epoch, and its picture ``curves.png``.

    Returns:
        The path of the best network.

    Raises:
        ConfigError: the folder holds a run of another recipe.
        DivergenceError: the loss, a weight, or what the network says is no finite number.
    """
    out, optim = Path(recipe.run.out), recipe.optim
    run = start(fabric, task, recipe)
    _resume(fabric, recipe, run)
    curves = Curves(out)
    while run.epoch < optim.epochs and not patience_is_over(
        optim.patience, run.epoch, run.best_epoch
    ):
        started = time.monotonic()
        loss = train_epoch(fabric, task, recipe, run, progress)
        score = validate(fabric, task, recipe, run)
        seconds = round(time.monotonic() - started, 2)
        run.epoch += 1
        better = score.value > run.best_score
        if better:
            run.best_score, run.best_epoch = score.value, run.epoch - 1
        if fabric.is_global_zero:
            figures = {"train_loss": loss, "val": score.figures, "seconds": seconds}
            _record(task, recipe, run, {**figures, "score": score.value}, better=better)
            curves.follow()
        fabric.barrier()
    if fabric.is_global_zero:
        curves.finish()
    return out / BEST


def start(fabric: Fabric, task: Task, recipe: Recipe) -> Run:
    """A run at its beginning, on the devices of the recipe."""
    network = task.network.to(fabric.device)
    averaged = averaged_copy(network, recipe.optim.ema)
    optimizer = build_optimizer(recipe.optim, task.parameter_groups())
    wrapped, optimizer = fabric.setup(network, optimizer)
    return Run(wrapped, averaged, optimizer)


def train_epoch(fabric: Fabric, task: Task, recipe: Recipe, run: Run, progress: Progress) -> float:
    """One pass over what the task learns from; gives the mean loss."""
    optim = recipe.optim
    torch.manual_seed(hash((recipe.run.seed, run.epoch, fabric.global_rank)) % 2**31)
    steps = task.train_batches(run.epoch, Share(fabric.global_rank, fabric.world_size))
    run.network.train()
    total = torch.zeros((), device=fabric.device)
    for number, part in enumerate(steps.parts):
        step, left = number // optim.accumulate, (number + 1) % optim.accumulate
        set_rate(optim, run.optimizer, run.epoch + step / steps.total)
        with fabric.no_backward_sync(run.network, enabled=bool(left)):  # type: ignore[arg-type]
            batch = fabric.to_device(part.batch)
            loss = part.weight * task.loss(run.network(batch), batch)
            fabric.backward(loss)
        total += loss.detach()
        if left:
            continue
        clip_gradients(fabric, recipe, run, loss.detach(), (step + 1, steps.total))
        run.optimizer.step()
        run.optimizer.zero_grad()
        run.averaged.update_parameters(bare(run.network))
        if fabric.is_global_zero:
            progress.steps(run.epoch, step + 1, steps.total)
    mean = fabric.all_reduce(total / max(steps.total, 1), reduce_op="mean")
    return float(torch.as_tensor(mean))


@torch.inference_mode()
def validate(fabric: Fabric, task: Task, recipe: Recipe, run: Run) -> Score:
    """The averaged network's score; each process reads its share of the samples once.

    Raises:
        DivergenceError: what the network has learnt or says is not finite.
    """
    network = run.averaged.module.eval()
    learnt = fabric.broadcast(learnt_state(network))  # statistics differ by process
    for values in learnt.values():
        require_finite(values, recipe, run.epoch)
    load_learnt(network, learnt)
    samples = task.val_batches(Share(fabric.global_rank, fabric.world_size))
    found: dict[str, Tensor] = {}
    for batch in samples.batches:
        moved = fabric.to_device(batch)
        for head, said in network(moved).items():
            empty = torch.zeros(samples.total, said.shape[1], device=fabric.device)
            found.setdefault(head, empty)[moved.place] = said.float()
    said_by_all: dict[str, FloatArray32] = {}
    for head, width in fabric.broadcast({k: v.shape[1] for k, v in found.items()}).items():
        own = found.get(head, torch.zeros(samples.total, width, device=fabric.device))
        values = torch.as_tensor(fabric.all_reduce(own, reduce_op="sum"))
        require_finite(values, recipe, run.epoch)
        said_by_all[head] = values.cpu().numpy()
    return task.score(said_by_all)


def bare(network: nn.Module) -> nn.Module:
    """The network itself, without what a strategy wrapped around it."""
    module = getattr(network, "module", network)
    return module if isinstance(module, nn.Module) else network


def _record(task: Task, recipe: Recipe, run: Run, record: dict[str, Any], *, better: bool) -> None:
    """Writes the best network, then the metrics, then the checkpoint that makes them count."""
    out, epoch = Path(recipe.run.out), run.epoch - 1
    out.mkdir(parents=True, exist_ok=True)
    if better:
        history = {"config": asdict(recipe), "epoch": epoch, "val": record["val"]}
        task.save(out / BEST, run.averaged.module, history)
    lr = recipe.optim.lr * learning_share(recipe.optim, run.epoch)
    append_metrics(out / METRICS, {"epoch": epoch, **record, "lr": lr})
    save_state(out / CHECKPOINT, identity(recipe), run.state())


def _resume(fabric: Fabric, recipe: Recipe, run: Run) -> None:
    path = Path(recipe.run.out) / CHECKPOINT
    state = load_state(path, identity(recipe), fabric.device, EXTENDABLE)
    if state is None:
        return
    with restoring(path):
        run.restore(state)
        planned = planned_epochs(state)
    say_resumed(
        path.parent,
        recipe.optim,
        epoch=run.epoch,
        best_epoch=run.best_epoch,
        planned=planned,
        by_total=recipe.optim.schedule == "cosine",
    )
