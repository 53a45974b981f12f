"""The task of every model of streams, fusion and heads: learn labels, be judged by others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.batches import Part as Planned
from affekt.data.torch.batches import plan_steps
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import Sample
from affekt.errors import DataError
from affekt.heads import KINDS_OF_HEADS, Kind
from affekt.models.heads import FusedHeads, start_output
from affekt.models.network import Network
from affekt.models.saved import save_network
from affekt.training.features.cache import cache_features
from affekt.training.losses.of_heads import ModelLoss, build_loss
from affekt.training.networks import encoders_key, network_of
from affekt.training.notices import say_absent
from affekt.training.optimizing import decay_groups
from affekt.training.processes import Progress
from affekt.training.recipe.recipe import Recipe
from affekt.training.samples import Subjects
from affekt.training.scores import EVERYBODY, score_heads
from affekt.training.task import Outputs, Part, Said, Samples, Score, Share, Steps

Targets = Mapping[str, Tensor]


class Hook(Protocol):
    """What may change what is learnt from."""

    def join(self, sample: Sample, seed: tuple[int, ...]) -> Sample:
        """What to learn from in place of a batch."""

    def targets(self, targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """What to learn in place of these labels, by head, shape (n, k)."""


class Reader(nn.Module):
    """A sample to what is said of it, in one call that a strategy can wrap."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, sample: Sample) -> Outputs:
        """See `Network.forward`."""
        return cast(Outputs, self.network(sample.inputs, sample.present))


@dataclass(frozen=True, slots=True)
class Supervised:
    """See `affekt.training.task.Task`.

    Attributes:
        recipe: see there.
        whole: the network to save.
        network: what is trained: all of it, or over stored features what comes after encoders.
        subjects: to learn from.
        judged_by: to be judged by.
        loss_of: of what is said, what is true, and the sources.
        hook: see `Hook`.
        among: the items to learn from; all where None.
    """

    recipe: Recipe
    whole: Network
    network: Reader
    subjects: Subjects
    judged_by: Subjects
    loss_of: ModelLoss
    hook: Hook | None = None
    among: Sequence[int] | None = None

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Fusion and heads, and encoders, each by its own rate."""
        optim, network = self.recipe.optim, self.network.network
        decay = optim.weight_decay
        return [
            *decay_groups(network.heads.parameters(), decay, optim.lr),
            *decay_groups(network.encoders.parameters(), decay, optim.encoder_lr),
        ]

    def train_batches(self, epoch: int, share: Share) -> Steps:
        """Items in an order of the epoch's own."""
        optim, dataset = self.recipe.optim, self.subjects.dataset
        dataset.inputs = _inputs_at(self.recipe, self.whole, early=epoch < optim.early_epochs)
        steps = plan_steps(
            dataset,
            optim.batch,
            share.processes,
            optim.accumulate,
            seed=self.recipe.run.seed,
            epoch=epoch,
            balance=optim.balance,
            among=self.among,
        )
        own = [part for step in steps for part in step[share.rank :: share.processes]]
        return Steps(len(steps), self._parts(own, epoch, share.rank))

    def _parts(self, own: list[Planned], epoch: int, rank: int) -> Iterator[Part]:
        samples = self.subjects.batches([part.items for part in own], epoch)
        for number, (part, sample) in enumerate(zip(own, samples, strict=True)):
            seed = (self.recipe.run.seed, epoch, number, rank)
            batch = sample if self.hook is None else self.hook.join(sample, seed)
            yield Part(batch, part.weight)

    def val_batches(self, share: Share) -> Samples:
        """Every validation item once."""
        subjects, own = self.judged_by, slice(share.rank, None, share.processes)
        items = subjects.all_batches(self.recipe.optim.batch, own)
        return Samples(subjects.dataset.subjects, subjects.batches(items))

    def loss(self, outputs: Outputs, batch: Sample) -> Tensor:
        """See `affekt.training.losses`."""
        return self.loss_of(outputs, batch.targets, batch.source)

    def score(self, said: Said) -> Score:
        """See `affekt.training.scores`."""
        return score_of(said, self.judged_by, self.loss_of)

    def save(self, path: Path, network: nn.Module, history: Mapping[str, Any]) -> None:
        """Writes the whole network, frozen encoders included."""
        save_network(path, self.whole, cast(Reader, network).network.state_dict(), history)


def score_of(said: Said, subjects: Subjects, loss: ModelLoss, rows: Any = slice(None)) -> Score:
    """The score of what was said of subjects, or of some of their rows."""
    truth = subjects.truth(rows)
    score = score_heads(said, truth)
    if EVERYBODY in score.figures:
        own, true = ({k: torch.from_numpy(v) for k, v in p.items()} for p in (said, truth.targets))
        score.figures[EVERYBODY]["loss"] = float(loss(own, true, torch.from_numpy(truth.source_of)))
    return score


def task_of_recipe(
    fabric: Fabric, recipe: Recipe, progress: Progress, hook: Hook | None = None
) -> Supervised:
    """The task of a recipe.

    Raises:
        ConfigError: a recipe that cannot be built.
        DataError: a manifest or a picture that cannot be used.
        BundleError: a bundle that cannot be used.
    """
    whole = network_of(recipe)
    sets = [read_subjects(fabric, recipe, whole, (s,), progress) for s in ("train", "val")]
    return task_of(recipe, whole, (sets[0], sets[1]), hook)


def task_of(
    recipe: Recipe,
    whole: Network,
    subjects: tuple[Subjects, Subjects],
    hook: Hook | None,
    among: Sequence[int] | None = None,
) -> Supervised:
    """A task of subjects that were read already; its heads are started, see `_start`."""
    dataset, stored = subjects[0].dataset, subjects[0].store is not None
    rows = slice(None) if among is None else subjects[0].places(among).numpy()
    targets = {head: truth[rows] for head, truth in dataset.targets.items()}
    loss = build_loss(recipe.loss, targets, dataset.source_of[rows])
    learnt = {head: torch.from_numpy(truth) for head, truth in targets.items()}
    if not recipe.run.start:
        _start(recipe, whole, learnt if hook is None else hook.targets(learnt))
    network = Reader(whole.over_features() if stored else whole)
    return Supervised(recipe, whole, network, *subjects, loss, hook, among)


def _start(recipe: Recipe, network: Network, targets: Targets) -> None:
    """Lets new heads start from the mean of what they are to learn.

    That is the hook's targets, where there is one: labels of a rare category would set each
    fold's start lower the more of its people are in the part held out. Single labels start alike.
    """
    heads = cast(FusedHeads, network.heads)
    for name, truth in targets.items():
        means = truth.nanmean(dim=0)
        if means.isnan().any():
            continue
        if KINDS_OF_HEADS[name] is Kind.DIMENSIONAL:
            start_output(heads.output(name), means)
        elif KINDS_OF_HEADS[name] is Kind.MULTI_LABEL:
            raw = getattr(recipe.loss[name], "kind", "") == "raw_weighted_squared"
            start_output(heads.output(name), means if raw else torch.logit(means, eps=1e-3))


def read_subjects(
    fabric: Fabric,
    recipe: Recipe,
    network: Network,
    splits: tuple[str, ...],
    progress: Progress,
) -> Subjects:
    """The subjects of some splits; to be tuned on, if they are not only learnt from."""
    learnt = "train" in splits
    dataset = RowDataset(
        [Manifest.open(path) for path in recipe.data.manifests],
        splits,
        _inputs_at(recipe, network, early=False),
        recipe.labels,
        augment=recipe.augment if learnt else None,
        seed=recipe.run.seed,
        tuning="val" in splits,
    )
    _say_absent(dataset, splits, learnt=learnt)
    if not recipe.features.cache:
        return Subjects(dataset, workers=recipe.data.workers)
    network.to(fabric.device).eval()
    store = cache_features(
        lambda images: {k: network.encode(k, v.to(fabric.device)) for k, v in images.items()},
        dataset,
        recipe.features.folder,
        key=encoders_key(network),
        views=recipe.features.views if learnt else 1,
        dtype=recipe.features.dtype,
        workers=recipe.data.workers,
        progress=progress.features if fabric.is_global_zero else None,
    )
    return Subjects(dataset, store)


def _inputs_at(recipe: Recipe, network: Network, *, early: bool) -> dict[str, Any]:
    """The data set's inputs, with the sizes of the first epochs or of the others."""
    inputs: dict[str, Any] = dict(network.spec.streams)
    for name, stream in recipe.crops.items():
        side = recipe.crops.get(str(stream.share), stream).early_size
        if early and side is not None:
            inputs[name] = replace(inputs[name], size=side)
    return inputs | dict.fromkeys(network.spec.all_numbers)


def _say_absent(dataset: RowDataset, splits: tuple[str, ...], *, learnt: bool) -> None:
    remedy = "it cannot be learnt" if learnt else "how well it is read is not measured"
    for head, labels in dataset.heads.items():
        if KINDS_OF_HEADS[head] is Kind.DIMENSIONAL:
            continue
        shares = np.nan_to_num(dataset.targets[head])
        single = KINDS_OF_HEADS[head] is Kind.SINGLE_LABEL
        if learnt and single and (shares.max(axis=0) > 0).sum() < 2:
            raise DataError(
                f"data.manifests: all rows to train on have one label of {head}; give two or more"
            )
        say_absent(labels, shares, f"row in {' and '.join(splits)}", remedy)
