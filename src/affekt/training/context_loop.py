"""Training a context model: repeatable, safe to kill at any moment, cached where it can be."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.people import PersonDataset
from affekt.labels import CATEGORIES
from affekt.models.context import ContextNetwork, save_context
from affekt.models.fusion import FusionHead
from affekt.training.checkpoints import (
    BEST,
    CHECKPOINT,
    EXTENDABLE,
    METRICS,
    append_metrics,
    identity,
    load_state,
    planned_epochs,
    restoring,
    save_state,
)
from affekt.training.context_build import encoders_key, network_of
from affekt.training.context_config import ContextConfig
from affekt.training.context_data import LabelledPeople, People, read_labelled
from affekt.training.context_folds import HARMLESS, train_folds
from affekt.training.context_losses import build_loss
from affekt.training.context_scores import score_people
from affekt.training.context_steps import (
    Reader,
    Run,
    Task,
    learning_share,
    lesson_of,
    outputs,
    start_head,
    start_run,
    train_epoch,
)
from affekt.training.curves import Curves
from affekt.training.features import cache_features
from affekt.training.notices import say_absent, say_resumed
from affekt.training.processes import Progress, run_processes
from affekt.training.steps import bare, patience_is_over

FEATURES_EPOCH = -1
"""The epoch that progress is reported for while features are computed, in people."""

FIGURES = {"map": "mean average precision"}


def train_context(config: ContextConfig, progress: Progress | None = None) -> Path:
    """Trains a recipe, or goes on with it where its folder holds an unfinished run.

    Writes ``last.ckpt`` after every epoch, ``best.safetensors`` after every better one,
    ``metrics.jsonl``, one line per epoch, and its picture ``curves.png``. With ``data.folds``
    see `affekt.training.context_folds.train_folds`.

    Returns:
        The path of the best network.

    Raises:
        ConfigError: a recipe that cannot be built, or whose folder holds a run of another one.
        DataError: a manifest or a picture that cannot be used.
        BundleError: a face bundle that cannot be used.
    """
    return run_processes(_train, config, progress)


def _train(fabric: Fabric, config: ContextConfig, progress: Progress | None) -> Path:
    fabric.seed_everything(config.run.seed, verbose=False)
    network = network_of(config)
    manifests = [Manifest.open(path) for path in config.data.manifests]
    labelled = _labelled(config, manifests)
    if config.data.folds:
        everybody = _people(fabric, config, network, manifests, ("train", "val"), progress=progress)
        return train_folds(config, fabric, network, everybody, labelled, progress=progress)
    sets = [
        _people(fabric, config, network, manifests, (split,), progress=progress)
        for split in ("train", "val")
    ]
    return _train_one(fabric, config, network, (sets[0], sets[1]), labelled, progress=progress)


def _labelled(config: ContextConfig, manifests: list[Manifest]) -> LabelledPeople | None:
    if not config.data.labels_only:
        return None
    return read_labelled([Manifest.open(p) for p in config.data.labels_only], manifests)


def _people(
    fabric: Fabric,
    config: ContextConfig,
    network: ContextNetwork,
    manifests: list[Manifest],
    splits: tuple[str, ...],
    *,
    progress: Progress | None,
) -> People:
    """The people of some splits; to be tuned on, if they are not only learnt from."""
    learnt, tuning = "train" in splits, "val" in splits
    dataset = PersonDataset(
        manifests,
        splits,
        network.spec.streams,
        augment=config.augment if learnt else None,
        seed=config.run.seed,
        tuning=tuning,
    )
    remedy = "it cannot be learnt" if learnt else "how well it is read is not measured"
    say_absent(CATEGORIES, dataset.categories, f"person in {' and '.join(splits)}", remedy)
    if not config.features.cache:
        return People(dataset, workers=config.data.workers)
    network.to(fabric.device).eval()

    def encode(images: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return network.encode({k: v.to(fabric.device) for k, v in images.items()})

    def report(done: int, total: int) -> None:
        if progress is not None and fabric.is_global_zero:
            progress(FEATURES_EPOCH, done, total)

    store = cache_features(
        encode,
        dataset,
        config.features.folder,
        key=encoders_key(network),
        views=config.features.views if learnt else 1,
        dtype=config.features.dtype,
        workers=config.data.workers,
        progress=report,
    )
    return People(dataset, store)


def _train_one(
    fabric: Fabric,
    config: ContextConfig,
    network: ContextNetwork,
    people: tuple[People, People],
    labelled: LabelledPeople | None,
    *,
    progress: Progress | None,
) -> Path:
    out, optim = Path(config.run.out), config.optim
    train_set, val_set = people
    categories = torch.from_numpy(train_set.dataset.categories)
    loss_of = build_loss(config.loss, categories)
    task = Task(train_set, labelled, loss_of, lesson=lesson_of(config.teacher, labelled))
    start_head(cast(FusionHead, network.head), task, config)
    run = start_run(fabric, Reader(network, encoded=train_set.store is not None), optim)
    state = load_state(out / CHECKPOINT, identity(config, HARMLESS), fabric.device, EXTENDABLE)
    if state is not None:
        with restoring(out / CHECKPOINT):
            run.restore(state)
            planned = planned_epochs(state)
        say_resumed(
            out,
            optim,
            epoch=run.epoch,
            best_epoch=run.best_epoch,
            planned=planned,
            by_total=optim.schedule == "cosine",
        )
    curves = Curves(out, FIGURES)
    while run.epoch < optim.epochs and not patience_is_over(
        optim.patience, run.epoch, run.best_epoch
    ):
        started = time.monotonic()
        loss = train_epoch(config, fabric, run, task, progress)
        logits, vad = outputs(config, fabric, run, val_set)
        truth = val_set.dataset.categories, val_set.dataset.vad
        scores = score_people(logits, vad, *truth, task.loss)
        run.epoch += 1
        seconds = round(time.monotonic() - started, 2)
        record = {"train_loss": loss, "val": {"people": scores}, "seconds": seconds}
        _record(config, fabric, run, record)
        if fabric.is_global_zero:
            curves.follow()
        fabric.barrier()
    if fabric.is_global_zero:
        curves.finish()
    return out / BEST


def _record(config: ContextConfig, fabric: Fabric, run: Run, epoch: dict[str, Any]) -> None:
    """Writes the best network, then the metrics, then the checkpoint that makes them count."""
    out, scores = Path(config.run.out), epoch["val"]["people"]
    better = scores["map"] > run.best_score
    if better:
        run.best_score, run.best_epoch = scores["map"], run.epoch - 1
    if not fabric.is_global_zero:
        return
    lr = config.optim.lr * learning_share(config.optim, run.epoch)
    record = {"epoch": run.epoch - 1, **epoch, "score": scores["map"], "lr": lr}
    out.mkdir(parents=True, exist_ok=True)
    if better:
        network = cast(Reader, bare(run.network)).network
        history = {"config": asdict(config), "epoch": run.epoch - 1, "val": scores}
        save_context(out / BEST, network, _averaged(run), history)
    append_metrics(out / METRICS, record)
    save_state(out / CHECKPOINT, identity(config, HARMLESS), run.state())


def _averaged(run: Run) -> dict[str, torch.Tensor]:
    """The averaged weights by their names in the context network."""
    return {name.removeprefix("network."): t for name, t in run.averaged.state.items()}
