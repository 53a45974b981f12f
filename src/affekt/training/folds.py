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

from affekt.arrays import FloatArray32, IntArray
from affekt.data.torch.dataset import RowDataset
from affekt.errors import DataError
from affekt.files import whole_file
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.labels import CATEGORIES, VAD
from affekt.models.context import ContextNetwork, new_head, save_context, with_heads
from affekt.models.fusion import FusionHead
from affekt.training.averaging import learnt_state, load_learnt
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
from affekt.training.context_build import network_of
from affekt.training.context_calibration import annotator_exponent, calibrate, vad_correction
from affekt.training.context_config import ContextConfig
from affekt.training.context_losses import build_loss
from affekt.training.context_scores import score_people
from affekt.training.divergence import require_finite
from affekt.training.features.store import FeatureStore
from affekt.training.labels_only.box_prior import fit_box_prior
from affekt.training.labels_only.people import LabelsOnly
from affekt.training.loop import start, train_epoch
from affekt.training.processes import Progress
from affekt.training.tasks.people import PeopleTask, read_people, task_of
from affekt.training.tasks.samples import People

OUT_OF_FOLD = "out_of_fold.npz"


@dataclass
class _Found:
    """The heads so far, and what each said of its own K-th; NaN where none has spoken yet."""

    logits: Tensor
    vad: Tensor
    heads: list[dict[str, Tensor]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"logits": self.logits, "vad": self.vad, "heads": self.heads}


def train_folds(
    fabric: Fabric, config: ContextConfig, hook: LabelsOnly | None, progress: Progress
) -> Path:
    """Trains the K heads and those on everybody, or goes on with those that are missing.

    Every head is trained for all epochs and its averaged weights are taken: nothing is chosen by
    looking at its own K-th, or its figures would be too good. ``out_of_fold.npz`` keeps what each
    head said of it: ids, logits and VAD.

    Returns:
        The path of the network with the mean of the heads.
    """
    network = network_of(config)
    people = read_people(fabric, config, network, ("train", "val"), progress)
    return train_heads(fabric, config, network, people, hook, progress=progress)


def train_heads(
    fabric: Fabric,
    config: ContextConfig,
    network: ContextNetwork,
    people: People,
    hook: LabelsOnly | None,
    *,
    progress: Progress,
) -> Path:
    """As `train_folds`, of people that were read already."""
    out, count = Path(config.run.out), config.data.folds
    folds = fold_of(people.dataset, count, config.run.seed)
    prior = _prior(config, hook)
    found = _resumed(config, fabric, people)
    out.mkdir(parents=True, exist_ok=True)
    for number in range(len(found.heads), count + config.data.refit):
        started = time.monotonic()
        torch.manual_seed(hash((config.run.seed, number, 3)) % 2**31)
        learnt = np.flatnonzero(folds != number).tolist()
        whole = ContextNetwork(network.spec, {}, new_head(network.spec), {})
        task = task_of(_seeded(config, number), whole, (people, people), hook, learnt)
        head, loss = _train_head(fabric, task, _shifted(progress, config, number))
        if head.prior is not None and prior is not None:
            head.prior.set(*prior)
        held = np.flatnonzero(folds == number).tolist()
        if held:
            places = people.places(held)
            found.logits[places], found.vad[places] = head_outputs(head, people, places)
        found.heads.append(head.state_dict())
        seconds = round(time.monotonic() - started, 2)
        append_metrics(
            out / METRICS,
            {"epoch": number, "train_loss": loss, "held_pictures": len(held), "seconds": seconds},
        )
        save_state(out / CHECKPOINT, identity(config), found.state())
    _finish(config, network, people, found)
    return out / BEST


@torch.inference_mode()
def head_outputs(head: FusionHead, people: People, places: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and VAD of some people whose features are stored."""
    store = cast(FeatureStore, people.store)
    present = (torch.from_numpy(people.dataset.present[kind])[places] for kind in ("face", "scene"))
    given = (*present, store.geometry(places))
    device = next(head.parameters()).device
    features = {k: v.to(device) for k, v in store.features(places).items()}
    logits, vad = head(features, *(part.to(device) for part in given))
    return logits.cpu(), vad.cpu()


def fold_of(dataset: RowDataset, folds: int, seed: int) -> IntArray:
    """The fold of each picture, shape (pictures,).

    Rows of one picture share a fold, also where it is in two splits. Pictures with rare
    categories are dealt out first, each to the fold that has fewest people of its rarest
    category, then fewest people, so that every fold has some of all.
    """
    counts = dataset.targets[CATEGORIES_HEAD].sum(axis=0)
    groups: dict[str, list[int]] = {}
    for number, item in enumerate(dataset.items):
        row = dataset.rows[item.first]
        groups.setdefault(row.unit or row.picture, []).append(number)
    order = np.random.default_rng((seed, folds)).permutation(len(groups))
    names = [list(groups)[place] for place in order]
    labels = {name: _labels(dataset, groups[name]) for name in names}
    rarest = {name: _rarest(labels[name], counts) for name in names}
    names.sort(key=lambda name: counts[rarest[name]])
    held = np.zeros((folds, len(counts)))
    people = np.zeros(folds)
    result = np.zeros(len(dataset), dtype=np.int64)
    for name in names:
        fold = int(np.lexsort((people, held[:, rarest[name]]))[0])
        held[fold] += labels[name].sum(axis=0)
        people[fold] += len(labels[name])
        result[groups[name]] = fold
    return result


def _labels(dataset: RowDataset, items: list[int]) -> FloatArray32:
    spans = [dataset.items[item] for item in items]
    marked = dataset.targets[CATEGORIES_HEAD]
    return np.concatenate([marked[span.first : span.last] for span in spans])


def _rarest(labels: FloatArray32, counts: npt.NDArray[np.floating[Any]]) -> int:
    present = labels.any(axis=0)
    return int(np.where(present, counts, np.inf).argmin()) if present.any() else 0


def _resumed(config: ContextConfig, fabric: Fabric, people: People) -> _Found:
    path = Path(config.run.out) / CHECKPOINT
    state = load_state(path, identity(config), fabric.device)
    count = people.dataset.subjects
    nothing = [torch.full((count, len(names)), torch.nan) for names in (CATEGORIES, VAD)]
    if state is None:
        return _Found(nothing[0], nothing[1])
    with restoring(path):
        for name, empty in zip(("logits", "vad"), nothing, strict=True):
            if state[name].shape != empty.shape:
                raise ValueError(f"{name} of {[*state[name].shape]}, not {[*empty.shape]}")
        return _Found(state["logits"], state["vad"], state["heads"])


def _prior(config: ContextConfig, hook: LabelsOnly | None) -> tuple[Tensor, Tensor] | None:
    """Weights and bias of what the box says, as strong as the recipe wants it."""
    if not config.geometry.prior or hook is None:
        return None
    fitted = fit_box_prior(hook.people.categories.numpy(), hook.people.geometry.numpy())
    weights, bias = (torch.from_numpy(part).float() * config.geometry.prior for part in fitted)
    return weights, bias


def _train_head(fabric: Fabric, task: PeopleTask, progress: Progress) -> tuple[FusionHead, float]:
    """A head's averaged weights after all epochs, and the last epoch's mean loss."""
    config, loss = task.config, 0.0
    run = start(fabric, task, config)
    for run.epoch in range(config.optim.epochs):
        loss = train_epoch(fabric, task, config, run, progress)
        for parameters in learnt_state(run.averaged.module).values():
            require_finite(parameters, config, run.epoch)
    load_learnt(task.network, learnt_state(run.averaged.module))
    return cast(FusionHead, task.network.network.head).eval(), loss


def _seeded(config: ContextConfig, number: int) -> ContextConfig:
    """The recipe of a head: those on everybody differ in their seed alone."""
    extra = max(number - config.data.folds + 1, 0)
    return replace(config, run=replace(config.run, seed=config.run.seed + extra))


def _shifted(progress: Progress, config: ContextConfig, fold: int) -> Progress:
    """Counts the epochs of all heads through."""
    first = fold * config.optim.epochs
    return Progress(lambda epoch, step, steps: progress.steps(first + epoch, step, steps))


def _finish(config: ContextConfig, network: ContextNetwork, people: People, found: _Found) -> None:
    """Writes what the heads said, then the network with all of them."""
    out, dataset = Path(config.run.out), people.dataset
    logits, vad = found.logits.cpu().numpy(), found.vad.cpu().numpy()
    with whole_file(out / OUT_OF_FOLD) as stream:
        np.savez_compressed(stream, ids=[row.id for row in dataset.rows], logits=logits, vad=vad)
    loss = build_loss(config.loss, torch.from_numpy(dataset.targets[CATEGORIES_HEAD]))
    split_of = np.array([row.split for row in dataset.rows])
    scores = {}
    for split in sorted(set(split_of)):
        rows = split_of == split
        truth = dataset.targets[CATEGORIES_HEAD][rows], dataset.targets[VAD_HEAD][rows]
        scores[split] = score_people(logits[rows], vad[rows], *truth, loss)
    chosen = np.isin(split_of, config.data.calibrate_on)
    if not chosen.any():
        raise DataError(f"data.calibrate_on: nobody in {', '.join(config.data.calibrate_on)}")
    agreement = _agreement(config, dataset, split_of)
    marked = dataset.targets[CATEGORIES_HEAD][chosen] > 0.5
    fitted = calibrate(logits[chosen], marked, network.spec.labels, agreement, logits)
    scale, shift = vad_correction(vad[chosen], dataset.targets[VAD_HEAD][chosen])
    history = {
        "config": asdict(config),
        "cross_validated": scores,
        "calibration": asdict(fitted),
        "annotator_exponent": agreement,
        "vad_correction": {"scale": scale.tolist(), "shift": shift.tolist()},
    }
    states = found.heads[config.data.folds :] or found.heads
    heads = [new_head(network.spec) for _ in states]
    for head, state in zip(heads, states, strict=True):
        with restoring(Path(config.run.out) / CHECKPOINT):
            head.load_state_dict(state)
        _correct_vad(head, torch.from_numpy(scale).float(), torch.from_numpy(shift).float())
    save_context(out / BEST, with_heads(network, heads), history=history)


def _agreement(config: ContextConfig, dataset: RowDataset, split_of: npt.NDArray[np.str_]) -> float:
    if not config.data.annotators:
        return 1.0
    train, val, wanted = config.data.annotators
    marked = dataset.targets[CATEGORIES_HEAD]
    shares = [float(marked[split_of == s].mean()) for s in ("train", "val")]
    return annotator_exponent((shares[0], shares[1]), (train, val), wanted)


@torch.no_grad()
def _correct_vad(head: FusionHead, scale: Tensor, shift: Tensor) -> None:
    head.vad.weight.mul_(scale[:, None])
    head.vad.bias.mul_(scale).add_(shift)
