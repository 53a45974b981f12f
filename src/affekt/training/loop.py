"""The training loop: one screen of Lightning Fabric, repeatable and safe to kill at any moment."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Sampler

from affekt.bundle import write_atomically
from affekt.data.dataset import FaceDataset, Sample, source_priors
from affekt.data.manifest import Manifest
from affekt.errors import ConfigError
from affekt.models.build import FaceNetwork, build_network, save_network
from affekt.training.config import TrainConfig
from affekt.training.losses import adjusted_cross_entropy, log_priors
from affekt.training.processes import Progress, run_processes
from affekt.training.scores import score_sources
from affekt.view.plots import plot_training

CHECKPOINT, BEST = "last.ckpt", "best.safetensors"
METRICS, CURVES = "metrics.jsonl", "curves.png"


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
    while run.epoch < config.optim.epochs and not _patience_is_over(config, run):
        started = time.monotonic()
        torch.manual_seed(hash((config.run.seed, run.epoch)) % 2**31)
        train_set.epoch, train_set.size = run.epoch, config.size_at(run.epoch)
        loss = _train_epoch(config, fabric, run, train_set, priors=priors, progress=progress)
        scores = _validate(config, fabric, run.averaged.module, val_set)
        run.epoch += 1
        seconds = round(time.monotonic() - started, 1)
        _record(config, fabric, run, out, {"train_loss": loss, "val": scores, "seconds": seconds})
        fabric.barrier()
    return out / BEST


def _datasets(config: TrainConfig) -> tuple[FaceDataset, FaceDataset]:
    manifests = [Manifest.open(path) for path in config.data.manifests]
    labels, size = config.data.labels, config.model.size
    return (
        FaceDataset(manifests, "train", labels, size, augment=config.augment, seed=config.run.seed),
        FaceDataset(manifests, "val", labels, size),
    )


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
    averaged = AveragedModel(
        network.to(fabric.device),
        multi_avg_fn=get_ema_multi_avg_fn(config.optim.ema),  # type: ignore[no-untyped-call]
        use_buffers=True,
    )
    optimizer = torch.optim.AdamW(
        _decay_groups(network, config.optim.weight_decay), lr=config.optim.lr
    )
    wrapped, optimizer = fabric.setup(network, optimizer)
    return _Run(wrapped, averaged, optimizer)


def _decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


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
    for step, batch in enumerate(map(Sample._make, loader)):
        _set_lr(config, run, run.epoch + step / steps)
        faces = batch.face.to(fabric.device).contiguous(memory_format=torch.channels_last)
        targets, sources = batch.target.to(fabric.device), batch.source.to(fabric.device)
        logits = run.network(faces).float()
        loss = adjusted_cross_entropy(logits, targets, priors[sources], config.loss.label_smoothing)
        fabric.backward(loss)
        fabric.clip_gradients(run.network, run.optimizer, max_norm=config.optim.clip)
        run.optimizer.step()
        run.optimizer.zero_grad()
        run.averaged.update_parameters(_bare(run.network))
        total += loss.detach()
        if progress is not None and fabric.is_global_zero:
            progress(run.epoch, step + 1, steps)
    mean = fabric.all_reduce(total / max(steps, 1), reduce_op="mean")
    return float(torch.as_tensor(mean))


@torch.inference_mode()
def _validate(
    config: TrainConfig, fabric: Fabric, network: nn.Module, dataset: FaceDataset
) -> dict[str, dict[str, float]]:
    network.eval()
    network.load_state_dict(fabric.broadcast(network.state_dict()))  # statistics differ by process
    share = list(range(fabric.global_rank, len(dataset), fabric.world_size))
    logits = torch.full((len(dataset), len(dataset.labels)), 0.0, device=fabric.device)
    for batch in map(Sample._make, _loader(config, dataset, share, 2 * config.optim.batch)):
        faces = batch.face.to(fabric.device).contiguous(memory_format=torch.channels_last)
        logits[batch.place.to(fabric.device)] = network(faces).float()
    gathered = fabric.all_reduce(logits, reduce_op="sum")
    return score_sources(np.asarray(torch.as_tensor(gathered).cpu()), dataset)


def _loader(
    config: TrainConfig, dataset: FaceDataset, order: list[int], batch: int
) -> DataLoader[Sample]:
    return DataLoader(
        dataset,
        batch_size=batch,
        sampler=_Order(order),
        num_workers=config.data.workers,
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
    if epoch < optim.warmup_epochs:
        return optim.lr * (epoch + 1e-3) / optim.warmup_epochs
    done = (epoch - optim.warmup_epochs) / max(optim.epochs - optim.warmup_epochs, 1e-9)
    return optim.lr * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def _set_lr(config: TrainConfig, run: _Run, epoch: float) -> None:
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(config, epoch)


def _bare(network: nn.Module) -> nn.Module:
    module = getattr(network, "module", network)
    return module if isinstance(module, nn.Module) else network


def _patience_is_over(config: TrainConfig, run: _Run) -> bool:
    patience = config.optim.patience
    return bool(patience) and run.best_epoch >= 0 and run.epoch - 1 - run.best_epoch >= patience


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
    plot_training(_append_metrics(out / METRICS, record), out / CURVES)
    _save(config, run, out / CHECKPOINT)


def _append_metrics(path: Path, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Adds a line; lines of epochs that a killed run had not completed are replaced."""
    lines = path.read_text().splitlines() if path.exists() else []
    earlier = [json.loads(line) for line in lines]
    records = [*(line for line in earlier if line["epoch"] < record["epoch"]), record]
    write_atomically(path, "".join(f"{json.dumps(line)}\n" for line in records).encode())
    return records


def _save(config: TrainConfig, run: _Run, path: Path) -> None:
    partial = path.with_name(path.name + ".partial")
    state = {
        "config": _identity(config),
        "network": _bare(run.network).state_dict(),
        "averaged": run.averaged.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "progress": {
            "epoch": run.epoch,
            "best_score": run.best_score,
            "best_epoch": run.best_epoch,
        },
    }
    with partial.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def _resume(config: TrainConfig, fabric: Fabric, run: _Run, out: Path) -> None:
    path = out / CHECKPOINT
    if not path.exists():
        return
    try:
        state = torch.load(path, map_location=fabric.device, weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path}: not a checkpoint of affekt train ({reason})") from None
    if state["config"] != _identity(config):
        raise ConfigError(
            f"{out}: holds a run of another recipe; give run.out another folder or remove it"
        )
    _bare(run.network).load_state_dict(state["network"])
    run.averaged.load_state_dict(state["averaged"])
    run.optimizer.load_state_dict(state["optimizer"])
    for name, value in state["progress"].items():
        setattr(run, name, value)


def _identity(config: TrainConfig) -> str:
    """What must be equal for one run to continue another: all but where and on what it runs."""
    content = asdict(config)
    content["run"] = {"seed": config.run.seed}
    content["data"].pop("workers")
    return json.dumps(content, sort_keys=True)
