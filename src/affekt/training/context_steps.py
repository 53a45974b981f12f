"""Steps of training a context model: what changes, an epoch over the people, and its outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.func import functional_call

from affekt.arrays import FloatArray32
from affekt.data.torch.people import PersonSample
from affekt.labels import CATEGORIES, VAD
from affekt.models.context import ContextNetwork
from affekt.models.fusion import FusionHead, start_outputs
from affekt.training.checkpoints import restore_optimizer, restore_progress
from affekt.training.context_config import ContextConfig, ContextOptimConfig, TeacherConfig
from affekt.training.context_data import LabelledPeople, People, plan_steps
from affekt.training.context_losses import ContextLoss
from affekt.training.divergence import clip_gradients, require_finite
from affekt.training.feature_store import FeatureStore
from affekt.training.label_teacher import LabelTeacher, fit_teacher
from affekt.training.processes import Progress
from affekt.training.steps import (
    RunningAverage,
    bare,
    decay_groups,
    learnt_state,
    load_learnt,
    warm_cosine,
)

PROGRESS = ("epoch", "best_score", "best_epoch")


class Reader(nn.Module):
    """A sample to logits and VAD, in one call that a strategy can wrap.

    Args:
        network: whose encoders and head.
        encoded: whether ``images`` of the samples hold features already.
    """

    def __init__(self, network: ContextNetwork, *, encoded: bool) -> None:
        super().__init__()
        self.network = network
        self.encoded = encoded

    def forward(self, sample: PersonSample, more: PersonSample | None) -> tuple[Tensor, Tensor]:
        """Outputs for a sample and, after it, for more people without pictures."""
        features: dict[str, Tensor] = sample.images
        if not self.encoded:
            features = self.network.encode(features, sample.has_face, sample.pictured)
        rest = [sample.has_face, sample.pictured, sample.geometry]
        if more is not None:
            count = len(more.place)
            features = {
                name: torch.cat([part, part.new_zeros(count, part.shape[1])])
                for name, part in features.items()
            }
            others = (more.has_face, more.pictured, more.geometry)
            rest = [torch.cat(pair) for pair in zip(rest, others, strict=True)]
        logits, vad = self.network(features, *rest)
        return logits, vad


@dataclass(frozen=True, slots=True)
class Task:
    """What stays the same while training.

    Attributes:
        people: to learn from.
        labelled: people without pictures that go along.
        loss: of a batch.
        among: the pictures to learn from; all where None.
        lesson: what labels without pictures teach.
    """

    people: People
    labelled: LabelledPeople | None
    loss: ContextLoss
    among: Sequence[int] | None = None
    lesson: Lesson | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """A teacher of labels and how far it is listened to.

    Attributes:
        teacher: see `affekt.training.label_teacher`.
        weight: its share of each target, 0 to 1.
    """

    teacher: LabelTeacher
    weight: float

    def targets(self, categories: Tensor, vad: Tensor) -> Tensor:
        """The categories to learn, each 0 to 1, shape (n, 26)."""
        taught = self.teacher.targets(categories.cpu().numpy(), vad.cpu().numpy())
        return torch.lerp(categories, torch.from_numpy(taught).to(categories), self.weight)


@dataclass
class Run:
    """Everything that changes while training."""

    network: nn.Module
    averaged: RunningAverage
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    best_score: float = -math.inf
    best_epoch: int = -1

    def use_averaged(self) -> None:
        """Puts the averaged weights into the network."""
        load_learnt(bare(self.network), self.averaged.state)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "network": learnt_state(bare(self.network)),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": {name: getattr(self, name) for name in PROGRESS},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        load_learnt(bare(self.network), state["network"])
        self.averaged.load_state_dict(state["averaged"])
        restore_optimizer(self.optimizer, state["optimizer"])
        restore_progress(self, state["progress"], PROGRESS)


def lesson_of(config: TeacherConfig, labelled: LabelledPeople | None) -> Lesson | None:
    """What people without pictures teach, where the recipe asks for it.

    Raises:
        DataError: a category that none of them has.
    """
    if labelled is None or not config.weight:
        return None
    categories, vad = labelled.categories.numpy(), labelled.vad.numpy()
    return Lesson(fit_teacher(categories, vad, use_labels=config.use_labels), config.weight)


def start_run(fabric: Fabric, reader: Reader, optim: ContextOptimConfig) -> Run:
    """A run at its beginning, on the devices of the recipe."""
    reader = reader.to(fabric.device)
    network = reader.network
    decay = optim.weight_decay
    groups = [
        *decay_groups(network.head.parameters(), decay, peak_lr=optim.lr),
        *decay_groups(network.encoders.parameters(), decay, peak_lr=optim.encoder_lr),
    ]
    optimizer: torch.optim.Optimizer = (
        torch.optim.AdamW(groups, lr=optim.lr)
        if optim.optimizer == "adamw"
        else torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum)
    )
    averaged = RunningAverage(reader, optim.ema)
    wrapped, optimizer = fabric.setup(reader, optimizer)
    return Run(wrapped, averaged, optimizer)


def start_head(head: FusionHead, task: Task, config: ContextConfig) -> None:
    """Lets a new head start from the mean of what it is to learn.

    That is the lesson's targets, where there is one: labels of a rare category would set each
    fold's start lower the more of its people are in the part held out.
    """
    dataset = task.people.dataset
    pictures = range(len(dataset)) if task.among is None else task.among
    places = task.people.places(pictures).numpy()
    categories, vad = (torch.from_numpy(a[places]) for a in (dataset.categories, dataset.vad))
    if task.lesson is not None:
        categories = task.lesson.targets(categories, vad)
    shares, means = categories.mean(dim=0), vad.nanmean(dim=0)
    raw = config.loss.categories == "raw_weighted_squared"
    start_outputs(
        head,
        shares if raw else torch.logit(shares, eps=1e-3),
        None if means.isnan().any() else means,
    )


def train_epoch(
    config: ContextConfig, fabric: Fabric, run: Run, task: Task, progress: Progress | None
) -> float:
    """One pass over the pictures; gives the mean loss over the people."""
    optim, seed = config.optim, config.run.seed
    torch.manual_seed(hash((seed, run.epoch, fabric.global_rank)) % 2**31)
    steps = plan_steps(
        task.people.dataset,
        optim.batch,
        fabric.world_size,
        optim.accumulate,
        seed=seed,
        epoch=run.epoch,
        balance=optim.balance,
        among=task.among,
    )
    own = [part for step in steps for part in step[fabric.global_rank :: fabric.world_size]]
    samples = task.people.batches([part.pictures for part in own], run.epoch)
    run.network.train()
    total = torch.zeros((), device=fabric.device)
    for number, (part, sample) in enumerate(zip(own, samples, strict=True)):
        step, left = number // optim.accumulate, (number + 1) % optim.accumulate
        _set_lr(optim, run, run.epoch + step / len(steps))
        more = _more(config, task, sample, (seed, run.epoch, number, fabric.global_rank))
        with fabric.no_backward_sync(run.network, enabled=bool(left)):  # type: ignore[arg-type]
            loss = _backward(fabric, run, task, (sample, more), part.weight)
        total += loss
        if not left:
            clip_gradients(fabric, config, run, loss, (step + 1, len(steps)))
            _step(run)
            if progress is not None and fabric.is_global_zero:
                progress(run.epoch, step + 1, len(steps))
    mean = fabric.all_reduce(total / max(len(steps), 1), reduce_op="mean")
    return float(torch.as_tensor(mean))


@torch.inference_mode()
def outputs(
    config: ContextConfig, fabric: Fabric, run: Run, people: People
) -> tuple[FloatArray32, FloatArray32]:
    """Logits (persons, 26) and VAD (persons, 3) of everybody, by the averaged network.

    Each process reads its part of the pictures once, whatever their number.

    Raises:
        DivergenceError: they are not finite.
    """
    reader = bare(run.network)
    reader.eval()
    state = fabric.broadcast(run.averaged.state)  # running statistics differ by process
    found = torch.zeros(people.dataset.persons, len(CATEGORIES) + len(VAD), device=fabric.device)
    share = slice(fabric.global_rank, None, fabric.world_size)
    for sample in people.batches(people.all_batches(config.optim.batch, share)):
        moved = fabric.to_device(sample)
        both = functional_call(reader, state, (moved, None))
        found[moved.place] = torch.cat(both, dim=1).float()
    summed = torch.as_tensor(fabric.all_reduce(found, reduce_op="sum"))
    require_finite(summed, config, run.epoch)
    gathered = summed.cpu().numpy()
    return gathered[:, : len(CATEGORIES)], gathered[:, len(CATEGORIES) :]


@torch.inference_mode()
def head_outputs(head: FusionHead, people: People, places: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and VAD of some people whose features are stored."""
    store = cast(FeatureStore, people.store)
    given = store.has_face[places], store.pictured[places], store.geometry(places)
    device = next(head.parameters()).device
    features = {k: v.to(device) for k, v in store.features(places).items()}
    logits, vad = head(features, *(part.to(device) for part in given))
    return logits.cpu(), vad.cpu()


def learning_share(optim: ContextOptimConfig, epoch: float) -> float:
    """Share of the peak learning rate at a fractional epoch."""
    if optim.schedule == "cosine":
        return warm_cosine(epoch, optim.epochs, optim.warmup_epochs)
    warm = min((epoch + 1e-3) / optim.warmup_epochs, 1.0) if optim.warmup_epochs else 1.0
    return float(warm * optim.step_factor ** (epoch // optim.step_epochs))


def _backward(
    fabric: Fabric,
    run: Run,
    task: Task,
    samples: tuple[PersonSample, PersonSample | None],
    weight: float,
) -> Tensor:
    """Adds the gradients of one part's weighted loss, and gives that loss."""
    people, more = fabric.to_device(samples)
    logits, vad = run.network(people, more)
    targets = [part for part in (people, more) if part is not None]
    categories = torch.cat([part.categories for part in targets])
    true_vad = torch.cat([part.vad for part in targets])
    if task.lesson is not None:
        categories = task.lesson.targets(categories, true_vad)
    value = weight * task.loss(logits.float(), vad.float(), categories, true_vad)
    fabric.backward(value)
    return value.detach()


def _more(
    config: ContextConfig, task: Task, sample: PersonSample, seed: tuple[int, ...]
) -> PersonSample | None:
    count = round(config.data.labels_only_ratio * len(sample.place))
    if task.labelled is None or count == 0:
        return None
    return task.labelled.draw(count, seed)


def _set_lr(optim: ContextOptimConfig, run: Run, epoch: float) -> None:
    for group in run.optimizer.param_groups:
        group["lr"] = group["peak_lr"] * learning_share(optim, epoch)


def _step(run: Run) -> None:
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.averaged.update(bare(run.network))
