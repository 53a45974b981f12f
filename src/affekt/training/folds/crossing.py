"""Cross-training: K heads, each trained without its own K-th of the pictures.

A small validation split is a poor judge and a waste of labels. Here everybody is learnt from by
K - 1 heads and judged by the one that never saw their picture; the mean of the heads is the
model, and the judgements calibrate it, set its thresholds and measure it.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from affekt.arrays import BoolArray, FloatArray32
from affekt.data.torch.dataset import RowDataset
from affekt.errors import DataError
from affekt.files import whole_file
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.models.heads import FusedHeads
from affekt.models.network import Network
from affekt.models.saved import save_network
from affekt.training.averaging import learnt_state, load_learnt
from affekt.training.calibration import calibrate, vad_correction
from affekt.training.checkpoints import (
    BEST,
    CHECKPOINT,
    METRICS,
    append_metrics,
    identity,
    load_state,
    restoring,
    save_state,
)
from affekt.training.divergence import require_finite
from affekt.training.folds.dealing import fold_of
from affekt.training.labels_only.annotators import annotator_exponent
from affekt.training.labels_only.box_prior import fit_box_prior
from affekt.training.labels_only.people import LabelsOnly
from affekt.training.loop import start, train_epoch
from affekt.training.losses.of_heads import build_loss
from affekt.training.networks import network_of
from affekt.training.processes import Progress
from affekt.training.recipe.experiment import FoldsTable
from affekt.training.recipe.recipe import Recipe
from affekt.training.samples import Subjects
from affekt.training.scores import EVERYBODY
from affekt.training.supervised import Supervised, read_subjects, score_of, task_of

OUT_OF_FOLD = "out_of_fold.npz"

Prior = tuple[Tensor, Tensor]
"""Weights and bias of a `affekt.models.box_prior.BoxPrior`."""


@dataclass
class _Found:
    """The heads so far, and what each said of its own K-th; NaN where none has spoken yet."""

    said: dict[str, Tensor]
    heads: list[dict[str, Tensor]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"said": self.said, "heads": self.heads}


def train_folds(
    fabric: Fabric, recipe: Recipe, folds: FoldsTable, hook: LabelsOnly | None, progress: Progress
) -> Path:
    """Trains the K heads and those on everybody, or goes on with those that are missing.

    Every head is trained for all epochs and its averaged weights are taken: nothing is chosen by
    looking at its own K-th, or its figures would be too good. ``out_of_fold.npz`` keeps what each
    head said of it: ids, logits and VAD.

    Returns:
        The path of the network with the mean of the heads.
    """
    network = network_of(recipe)
    subjects = read_subjects(fabric, recipe, network, ("train", "val"), progress)
    return train_heads(fabric, recipe, network, subjects, folds=folds, hook=hook, progress=progress)


def train_heads(
    fabric: Fabric,
    recipe: Recipe,
    network: Network,
    subjects: Subjects,
    *,
    folds: FoldsTable,
    hook: LabelsOnly | None,
    progress: Progress,
) -> Path:
    """As `train_folds`, of subjects that were read already."""
    out = Path(recipe.run.out)
    fold = fold_of(subjects.dataset, folds.count, recipe.run.seed)
    prior = _prior(recipe, hook)
    found = _resumed(fabric, recipe, subjects)
    out.mkdir(parents=True, exist_ok=True)
    for number in range(len(found.heads), folds.count + folds.refit):
        started = time.monotonic()
        torch.manual_seed(hash((recipe.run.seed, number, 3)) % 2**31)
        learnt = np.flatnonzero(fold != number).tolist()
        whole = Network(network.spec, {}, FusedHeads(network.spec), {})
        task = task_of(_seeded(recipe, folds, number), whole, (subjects, subjects), hook, learnt)
        heads, loss = _train_heads(fabric, task, _shifted(progress, recipe, number))
        if prior is not None and heads.prior is not None:
            heads.prior.set(*prior)
        held = np.flatnonzero(fold == number).tolist()
        if held:
            _say(found, task.network.network, subjects, subjects.places(held))
        found.heads.append(heads.state_dict())
        seconds = round(time.monotonic() - started, 2)
        line = {"epoch": number, "train_loss": loss, "held_pictures": len(held)}
        append_metrics(out / METRICS, {**line, "seconds": seconds})
        save_state(out / CHECKPOINT, identity(recipe), found.state())
    _finish(recipe, folds, network, subjects, found)
    return out / BEST


def _resumed(fabric: Fabric, recipe: Recipe, subjects: Subjects) -> _Found:
    path = Path(recipe.run.out) / CHECKPOINT
    state = load_state(path, identity(recipe), fabric.device)
    count = subjects.dataset.subjects
    nothing = {
        head: torch.full((count, len(labels)), torch.nan) for head, labels in recipe.labels.items()
    }
    if state is None:
        return _Found(nothing)
    with restoring(path):
        for head, empty in nothing.items():
            if state["said"][head].shape != empty.shape:
                raise ValueError(f"{head} of {[*state['said'][head].shape]}, not {[*empty.shape]}")
        return _Found(state["said"], state["heads"])


def _prior(recipe: Recipe, hook: LabelsOnly | None) -> Prior | None:
    """What the box says, as strong as the recipe wants it."""
    table = recipe.labels_only
    if hook is None or table is None or not table.box_prior:
        return None
    labels = recipe.labels[CATEGORIES_HEAD]
    marks = hook.people.targets[CATEGORIES_HEAD].numpy()
    fitted = fit_box_prior(marks, hook.people.geometry.numpy(), labels)
    weights, bias = (torch.from_numpy(part).float() * table.box_prior for part in fitted)
    return weights, bias


def _train_heads(fabric: Fabric, task: Supervised, progress: Progress) -> tuple[FusedHeads, float]:
    """The averaged weights after all epochs, and the last epoch's mean loss."""
    recipe, loss = task.recipe, 0.0
    run = start(fabric, task, recipe)
    for run.epoch in range(recipe.optim.epochs):
        loss = train_epoch(fabric, task, recipe, run, progress)
        for parameters in learnt_state(run.averaged.module).values():
            require_finite(parameters, recipe, run.epoch)
    load_learnt(task.network, learnt_state(run.averaged.module))
    return cast(FusedHeads, task.network.network.heads.eval()), loss


@torch.inference_mode()
def _say(found: _Found, network: Network, subjects: Subjects, places: Tensor) -> None:
    """Takes down what a head says of those it has never seen."""
    sample = subjects.stored(places)
    device = next(network.parameters()).device
    inputs = {name: part.to(device) for name, part in sample.inputs.items()}
    present = {name: part.to(device) for name, part in sample.present.items()}
    for head, said in network.eval()(inputs, present).items():
        found.said[head][places] = said.cpu()


def _seeded(recipe: Recipe, folds: FoldsTable, number: int) -> Recipe:
    """The recipe of a head: those on everybody differ in their seed alone."""
    extra = max(number - folds.count + 1, 0)
    return replace(recipe, run=replace(recipe.run, seed=recipe.run.seed + extra))


def _shifted(progress: Progress, recipe: Recipe, fold: int) -> Progress:
    """Counts the epochs of all heads through."""
    first = fold * recipe.optim.epochs
    return Progress(lambda epoch, step, steps: progress.steps(first + epoch, step, steps))


def _finish(
    recipe: Recipe, folds: FoldsTable, network: Network, subjects: Subjects, found: _Found
) -> None:
    """Writes what the heads said, then the network with all of them."""
    out, dataset = Path(recipe.run.out), subjects.dataset
    said = {head: values.cpu().numpy() for head, values in found.said.items()}
    logits, vad = said[CATEGORIES_HEAD], said[VAD_HEAD]
    with whole_file(out / OUT_OF_FOLD) as stream:
        np.savez_compressed(stream, ids=[row.id for row in dataset.rows], logits=logits, vad=vad)
    split_of = np.array([row.split for row in dataset.rows])
    chosen = np.isin(split_of, folds.calibrate_on)
    if not chosen.any():
        raise DataError(f"folds.calibrate_on: nobody in {', '.join(folds.calibrate_on)}")
    agreement = _agreement(folds, dataset, split_of)
    labels, truth = dataset.heads[CATEGORIES_HEAD], dataset.targets
    marked = truth[CATEGORIES_HEAD][chosen] > 0.5
    fitted = calibrate(logits[chosen], marked, labels, agreement, logits)
    scale, shift = vad_correction(vad[chosen], truth[VAD_HEAD][chosen])
    history = {
        "config": asdict(recipe),
        "cross_validated": _scores(recipe, subjects, said, split_of),
        "calibration": asdict(fitted),
        "annotator_exponent": agreement,
        "vad_correction": {"scale": scale.tolist(), "shift": shift.tolist()},
    }
    members = _members(recipe, folds, network, found)
    for member in members:
        _correct(member, torch.from_numpy(scale).float(), torch.from_numpy(shift).float())
    save_network(out / BEST, network.with_heads(members), history=history)


def _scores(
    recipe: Recipe,
    subjects: Subjects,
    said: dict[str, FloatArray32],
    split_of: npt.NDArray[np.str_],
) -> dict[str, dict[str, float]]:
    """The figures of each split, by what heads said that never saw it."""
    dataset = subjects.dataset
    loss = build_loss(recipe.loss, dataset.targets, dataset.source_of)
    figures = {}
    for split in sorted(set(split_of)):
        rows: BoolArray = split_of == split
        own = {head: values[rows] for head, values in said.items()}
        figures[str(split)] = score_of(own, subjects, loss, rows).figures[EVERYBODY]
    return figures


def _members(
    recipe: Recipe, folds: FoldsTable, network: Network, found: _Found
) -> list[FusedHeads]:
    """Those on everybody, or where there are none the folds'."""
    members = []
    for state in found.heads[folds.count :] or found.heads:
        members.append(FusedHeads(network.spec))
        with restoring(Path(recipe.run.out) / CHECKPOINT):
            members[-1].load_state_dict(state)
    return members


def _agreement(folds: FoldsTable, dataset: RowDataset, split_of: npt.NDArray[np.str_]) -> float:
    named = folds.annotators
    if named is None:
        return 1.0
    marks = dataset.targets[CATEGORIES_HEAD]
    shares = [float(marks[split_of == split].mean()) for split in ("train", "val")]
    return annotator_exponent((shares[0], shares[1]), (named.train, named.val), named.use)


@torch.no_grad()
def _correct(member: FusedHeads, scale: Tensor, shift: Tensor) -> None:
    layer = member.output(VAD_HEAD)
    layer.weight.mul_(scale[:, None])
    layer.bias.mul_(scale).add_(shift)
