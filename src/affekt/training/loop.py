"""The training loop: one screen of Lightning Fabric, repeatable and safe to kill at any moment."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Sampler

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.faces import FaceDataset, Sample, source_priors
from affekt.errors import ConfigError, DataError
from affekt.models.build import FaceNetwork, build_network, save_network
from affekt.models.zoo import output_shape
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
from affekt.training.config import TrainConfig
from affekt.training.curves import Curves
from affekt.training.divergence import clip_gradients, require_finite
from affekt.training.loading import batches_of, loader_of
from affekt.training.losses import adjusted_cross_entropy, log_priors
from affekt.training.notices import say_absent, say_resumed
from affekt.training.processes import Progress, run_processes
from affekt.training.scores import score_sources
from affekt.training.steps import bare, decay_groups, patience_is_over, warm_cosine

PROGRESS = ("epoch", "best_score", "best_epoch")
ABSENT = (
    "it cannot be learnt; leave it out of data.labels, or give faces that have it",
    "how well it is read is not measured",
)
"""What follows where a label has no face in train, and in val."""


@dataclass
class _Run:
    """Everything that changes while training."""

    network: nn.Module
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    best_score: float = -math.inf
    best_epoch: int = -1


def train(config: TrainConfig, progress: Progress | None = None) -> Path:
    """Trains a recipe, or goes on with it where its folder holds an unfinished run.

    Writes ``last.ckpt`` after every epoch, ``best.safetensors`` after every better one,
    ``metrics.jsonl``, one line per epoch, and its picture ``curves.png``.

    Returns:
        The path of the best network.

    Raises:
        ConfigError: the folder holds a run of another recipe.
        DataError: a manifest that cannot be used.
    """
    return run_processes(_train, config, progress)


def _train(fabric: Fabric, config: TrainConfig, progress: Progress | None) -> Path:
    out = Path(config.run.out)
    fabric.seed_everything(config.run.seed, verbose=False)
    train_set, val_set = _datasets(config)
    run = _start(config, fabric)
    _resume(config, fabric, run, out)
    priors = log_priors(
        torch.from_numpy(source_priors(train_set)).float(), config.loss.logit_adjustment
    ).to(fabric.device)
    patience, curves = config.optim.patience, Curves(out)
    while run.epoch < config.optim.epochs and not patience_is_over(
        patience, run.epoch, run.best_epoch
    ):
        started = time.monotonic()
        torch.manual_seed(hash((config.run.seed, run.epoch)) % 2**31)
        train_set.epoch, train_set.size = run.epoch, config.size_at(run.epoch)
        loss = _train_epoch(config, fabric, run, train_set, priors=priors, progress=progress)
        scores = _validate(config, fabric, run, val_set)
        run.epoch += 1
        seconds = round(time.monotonic() - started, 1)
        _record(config, fabric, run, out, {"train_loss": loss, "val": scores, "seconds": seconds})
        if fabric.is_global_zero:
            curves.follow()
        fabric.barrier()
    if fabric.is_global_zero:
        curves.finish()
    return out / BEST


def _datasets(config: TrainConfig) -> tuple[FaceDataset, FaceDataset]:
    manifests = [Manifest.open(path) for path in config.data.manifests]
    labels, size = config.data.labels, config.model.size
    seed = config.run.seed
    sets = (
        FaceDataset(manifests, "train", labels, size, augment=config.augment, seed=seed),
        FaceDataset(manifests, "val", labels, size),
    )
    if (sets[0].targets.max(axis=0) > 0).sum() < 2:
        raise DataError("data.manifests: all faces to train on have one label; give two or more")
    if len(sets[0]) < 2 * config.run.devices:
        raise DataError(
            f"data.manifests: {len(sets[0])} faces to train on; give two or more per device"
        )
    for faces, split, remedy in zip(sets, ("train", "val"), ABSENT, strict=True):
        say_absent(labels, faces.targets, f"face in {split}", remedy)
    return sets


def _start(config: TrainConfig, fabric: Fabric) -> _Run:
    model = config.model
    network = build_network(
        model.backbone,
        model.weights,
        config.data.labels,
        model.size,
        drop_rate=model.drop_rate,
        drop_path=model.drop_path,
    ).to(memory_format=torch.channels_last)
    _check_early_size(config, network)
    averaged = AveragedModel(
        network.to(fabric.device),
        multi_avg_fn=get_ema_multi_avg_fn(config.optim.ema),  # type: ignore[no-untyped-call]
        use_buffers=True,
    )
    optimizer = torch.optim.AdamW(
        decay_groups(network.parameters(), config.optim.weight_decay), lr=config.optim.lr
    )
    wrapped, optimizer = fabric.setup(network, optimizer)
    return _Run(wrapped, averaged, optimizer)


def _check_early_size(config: TrainConfig, network: FaceNetwork) -> None:
    """Refuses what would else fail in the first epoch."""
    name = config.model.backbone
    try:
        output_shape(network.backbone, name, config.size_at(0))
    except ConfigError:
        raise ConfigError(
            f"optim.early_size: {name} takes crops of one size only; set optim.early_epochs to 0"
        ) from None


def _train_epoch(
    config: TrainConfig,
    fabric: Fabric,
    run: _Run,
    dataset: FaceDataset,
    *,
    priors: Tensor,
    progress: Progress | None,
) -> float:
    order = _epoch_order(len(dataset), config.run.seed, run.epoch)
    batch_size = max(1, config.optim.batch // fabric.world_size)
    share = _share(order, fabric.global_rank, fabric.world_size, batch_size)
    loader = _loader(config, dataset, share, batch_size)
    run.network.train()
    steps, total = len(loader), torch.zeros((), device=fabric.device)
    for step, batch in enumerate(map(Sample._make, batches_of(loader))):
        _set_lr(config, run, run.epoch + step / steps)
        faces = batch.face.to(fabric.device).contiguous(memory_format=torch.channels_last)
        targets, sources = batch.target.to(fabric.device), batch.source.to(fabric.device)
        logits = run.network(faces).float()
        loss = adjusted_cross_entropy(logits, targets, priors[sources], config.loss.label_smoothing)
        fabric.backward(loss)
        clip_gradients(fabric, config, run, loss.detach(), (step + 1, steps))
        run.optimizer.step()
        run.optimizer.zero_grad()
        run.averaged.update_parameters(bare(run.network))
        total += loss.detach()
        if progress is not None and fabric.is_global_zero:
            progress(run.epoch, step + 1, steps)
    mean = fabric.all_reduce(total / max(steps, 1), reduce_op="mean")
    return float(torch.as_tensor(mean))


@torch.inference_mode()
def _validate(
    config: TrainConfig, fabric: Fabric, run: _Run, dataset: FaceDataset
) -> dict[str, dict[str, float]]:
    network = run.averaged.module.eval()
    network.load_state_dict(fabric.broadcast(network.state_dict()))  # statistics differ by process
    share = list(range(fabric.global_rank, len(dataset), fabric.world_size))
    logits = torch.full((len(dataset), len(dataset.labels)), 0.0, device=fabric.device)
    loader = _loader(config, dataset, share, 2 * config.optim.batch)
    for batch in map(Sample._make, batches_of(loader)):
        faces = batch.face.to(fabric.device).contiguous(memory_format=torch.channels_last)
        logits[batch.place.to(fabric.device)] = network(faces).float()
    gathered = torch.as_tensor(fabric.all_reduce(logits, reduce_op="sum"))
    require_finite(gathered, config, run.epoch)
    return score_sources(np.asarray(gathered.cpu()), dataset)


def _loader(
    config: TrainConfig, dataset: FaceDataset, order: list[int], batch: int
) -> DataLoader[Sample]:
    return loader_of(
        dataset,
        config.data.workers,
        batch_size=batch,
        sampler=_Order(order),
        pin_memory=torch.cuda.is_available(),
    )


class _Order(Sampler[int]):
    """A fixed order of positions."""

    def __init__(self, order: list[int]) -> None:
        self.order = order

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)


def _epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    return [int(i) for i in np.random.default_rng((seed, epoch, 1)).permutation(count)]


def _share(order: list[int], rank: int, processes: int, batch: int) -> list[int]:
    """One process's part of an epoch: as long as every other's, or one would wait for ever.

    A last batch of a single face is left out: it has no spread to normalise by.

    >>> _share([5, 3, 8, 1, 7], 1, 2, 4)
    [3, 1]
    >>> _share([5, 3, 8, 1, 7], 0, 1, 4)
    [5, 3, 8, 1]
    """
    share = order[: len(order) - len(order) % processes][rank::processes]
    alone = len(share) > batch > 1 and len(share) % batch == 1
    return share[:-1] if alone else share


def learning_rate(config: TrainConfig, epoch: float) -> float:
    """The learning rate at a fractional epoch: linear warm-up, then half a cosine to zero."""
    optim = config.optim
    return optim.lr * warm_cosine(epoch, optim.epochs, optim.warmup_epochs)


def _set_lr(config: TrainConfig, run: _Run, epoch: float) -> None:
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(config, epoch)


def _record(
    config: TrainConfig, fabric: Fabric, run: _Run, out: Path, epoch: dict[str, Any]
) -> None:
    """Writes the best network, then the metrics, then the checkpoint that makes them count."""
    scores: dict[str, dict[str, float]] = epoch["val"]
    score = float(np.mean([values["balanced_accuracy"] for values in scores.values()]))
    better = score > run.best_score
    if better:
        run.best_score, run.best_epoch = score, run.epoch - 1
    if not fabric.is_global_zero:
        return
    lr = learning_rate(config, run.epoch)
    record = {"epoch": run.epoch - 1, **epoch, "score": score, "lr": lr}
    out.mkdir(parents=True, exist_ok=True)
    if better:
        network: FaceNetwork = run.averaged.module  # type: ignore[assignment]
        history = {"config": asdict(config), "epoch": run.epoch - 1, "val": scores}
        spec = replace(network.spec, history=history)
        save_network(out / BEST, network.backbone.state_dict(), spec)
    append_metrics(out / METRICS, record)
    _save(config, run, out / CHECKPOINT)


def _save(config: TrainConfig, run: _Run, path: Path) -> None:
    progress = {name: getattr(run, name) for name in PROGRESS}
    state = {
        "network": bare(run.network).state_dict(),
        "averaged": run.averaged.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "progress": progress,
    }
    save_state(path, identity(config), state)


def _resume(config: TrainConfig, fabric: Fabric, run: _Run, out: Path) -> None:
    state = load_state(out / CHECKPOINT, identity(config), fabric.device, EXTENDABLE)
    if state is None:
        return
    with restoring(out / CHECKPOINT):
        bare(run.network).load_state_dict(state["network"])
        run.averaged.load_state_dict(state["averaged"])
        restore_optimizer(run.optimizer, state["optimizer"])
        restore_progress(run, state["progress"], PROGRESS)
        planned = planned_epochs(state)
    say_resumed(
        out,
        config.optim,
        epoch=run.epoch,
        best_epoch=run.best_epoch,
        planned=planned,
        by_total=True,
    )
