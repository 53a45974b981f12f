"""People in context as a task: categories and VAD from body, scene, face and geometry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.batches import Part as Planned
from affekt.data.torch.batches import plan_steps
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import Sample
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.labels import CATEGORIES
from affekt.models.context import ContextNetwork, save_context
from affekt.models.fusion import FusionHead, start_outputs
from affekt.training.context_build import encoders_key, network_of
from affekt.training.context_config import ContextConfig
from affekt.training.context_losses import ContextLoss, build_loss
from affekt.training.context_scores import score_people
from affekt.training.features.cache import cache_features
from affekt.training.notices import say_absent
from affekt.training.optimizing import decay_groups
from affekt.training.processes import Progress
from affekt.training.task import Outputs, Part, Said, Samples, Score, Share, Steps
from affekt.training.tasks.samples import PEOPLE_HEADS, People, inputs_of, known_of


class Hook(Protocol):
    """What may change the batches that are learnt from."""

    def join(self, sample: Sample, seed: tuple[int, ...]) -> Sample:
        """What to learn from in place of a batch."""

    def targets(self, categories: Tensor, vad: Tensor) -> Tensor:
        """The categories to learn, each 0 to 1, shape (n, 26)."""


class Reader(nn.Module):
    """A sample to logits and VAD, in one call that a strategy can wrap.

    Args:
        network: whose encoders and head.
        encoded: whether ``inputs`` of the samples hold features already.
    """

    def __init__(self, network: ContextNetwork, *, encoded: bool) -> None:
        super().__init__()
        self.network = network
        self.encoded = encoded

    def forward(self, sample: Sample) -> Outputs:
        """Logits of the categories, shape (n, 26), and VAD, shape (n, 3)."""
        features, known = sample.images(), known_of(sample)
        if not self.encoded:
            features = self.network.encode(features, *known[:2])
        logits, vad = self.network(features, *known)
        return {CATEGORIES_HEAD: logits, VAD_HEAD: vad}


@dataclass(frozen=True, slots=True)
class PeopleTask:
    """See `affekt.training.task.Task`.

    Attributes:
        config: the recipe.
        whole: the network to save.
        network: what is trained: all of it, or over stored features its head.
        people: to learn from.
        judged_by: the validation people.
        loss_of: of a batch.
        hook: see `Hook`.
        among: the pictures to learn from; all where None.
    """

    config: ContextConfig
    whole: ContextNetwork
    network: Reader
    people: People
    judged_by: People
    loss_of: ContextLoss
    hook: Hook | None = None
    among: Sequence[int] | None = None

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Head and encoders, each by its own rate."""
        optim, network = self.config.optim, self.network.network
        head, encoders = network.head.parameters(), network.encoders.parameters()
        decay = optim.weight_decay
        return [
            *decay_groups(head, decay, optim.lr),
            *decay_groups(encoders, decay, optim.encoder_lr),
        ]

    def train_batches(self, epoch: int, share: Share) -> Steps:
        """Pictures in an order of the epoch's own, with all their people."""
        optim = self.config.optim
        steps = plan_steps(
            self.people.dataset,
            optim.batch,
            share.processes,
            optim.accumulate,
            seed=self.config.run.seed,
            epoch=epoch,
            balance=optim.balance,
            among=self.among,
        )
        own = [part for step in steps for part in step[share.rank :: share.processes]]
        return Steps(len(steps), self._parts(own, epoch, share.rank))

    def _parts(self, own: list[Planned], epoch: int, rank: int) -> Iterator[Part]:
        samples = self.people.batches([part.items for part in own], epoch)
        for number, (part, sample) in enumerate(zip(own, samples, strict=True)):
            seed = (self.config.run.seed, epoch, number, rank)
            batch = sample if self.hook is None else self.hook.join(sample, seed)
            yield Part(batch, part.weight)

    def val_batches(self, share: Share) -> Samples:
        """Every validation picture once, with all its people."""
        people, own = self.judged_by, slice(share.rank, None, share.processes)
        pictures = people.all_batches(self.config.optim.batch, own)
        return Samples(people.dataset.subjects, people.batches(pictures))

    def loss(self, outputs: Outputs, batch: Sample) -> Tensor:
        """See `affekt.training.context_losses`."""
        said = outputs[CATEGORIES_HEAD].float(), outputs[VAD_HEAD].float()
        return self.loss_of(*said, batch.targets[CATEGORIES_HEAD], batch.targets[VAD_HEAD])

    def score(self, said: Said) -> Score:
        """Mean average precision, and the figures of `score_people`."""
        true = self.judged_by.dataset.targets
        truth = true[CATEGORIES_HEAD], true[VAD_HEAD]
        figures = score_people(said[CATEGORIES_HEAD], said[VAD_HEAD], *truth, self.loss_of)
        return Score(figures["map"], {"people": figures})

    def save(self, path: Path, network: nn.Module, history: Mapping[str, Any]) -> None:
        """Writes the whole network, encoders included."""
        save_context(path, self.whole, cast(Reader, network).network.state_dict(), history)


def people_task(
    fabric: Fabric, config: ContextConfig, progress: Progress, hook: Hook | None = None
) -> PeopleTask:
    """The task of a recipe.

    Raises:
        ConfigError: a recipe that cannot be built.
        DataError: a manifest or a picture that cannot be used.
        BundleError: a face bundle that cannot be used.
    """
    whole = network_of(config)
    sets = [read_people(fabric, config, whole, (split,), progress) for split in ("train", "val")]
    return task_of(config, whole, (sets[0], sets[1]), hook)


def task_of(
    config: ContextConfig,
    whole: ContextNetwork,
    people: tuple[People, People],
    hook: Hook | None,
    among: Sequence[int] | None = None,
) -> PeopleTask:
    """A task of people that were read already; the head is started, see `start_head`."""
    encoded = people[0].store is not None
    part = ContextNetwork(whole.spec, {}, whole.head, {}) if encoded else whole
    learnt, dataset = Reader(part, encoded=encoded), people[0].dataset
    places = slice(None) if among is None else people[0].places(among).numpy()
    categories = torch.from_numpy(dataset.targets[CATEGORIES_HEAD][places])
    loss = build_loss(config.loss, categories)
    task = PeopleTask(config, whole, learnt, *people, loss, hook, among)
    vad = torch.from_numpy(dataset.targets[VAD_HEAD][places])
    start_head(task, categories if hook is None else hook.targets(categories, vad), vad)
    return task


def start_head(task: PeopleTask, categories: Tensor, vad: Tensor) -> None:
    """Lets a new head start from the mean of what it is to learn.

    That is the hook's targets, where there is one: labels of a rare category would set each
    fold's start lower the more of its people are in the part held out.
    """
    shares, means = categories.mean(dim=0), vad.nanmean(dim=0)
    raw = task.config.loss.categories == "raw_weighted_squared"
    start_outputs(
        cast(FusionHead, task.network.network.head),
        shares if raw else torch.logit(shares, eps=1e-3),
        None if means.isnan().any() else means,
    )


def read_people(
    fabric: Fabric,
    config: ContextConfig,
    network: ContextNetwork,
    splits: tuple[str, ...],
    progress: Progress,
) -> People:
    """The people of some splits; to be tuned on, if they are not only learnt from."""
    learnt = "train" in splits
    dataset = RowDataset(
        [Manifest.open(path) for path in config.data.manifests],
        splits,
        inputs_of(network.spec.streams),
        PEOPLE_HEADS,
        augment=config.augment if learnt else None,
        seed=config.run.seed,
        tuning="val" in splits,
    )
    remedy = "it cannot be learnt" if learnt else "how well it is read is not measured"
    marked = dataset.targets[CATEGORIES_HEAD]
    say_absent(CATEGORIES, marked, f"person in {' and '.join(splits)}", remedy)
    if not config.features.cache:
        return People(dataset, workers=config.data.workers)
    network.to(fabric.device).eval()
    store = cache_features(
        lambda images: network.encode({k: v.to(fabric.device) for k, v in images.items()}),
        dataset,
        config.features.folder,
        key=encoders_key(network),
        views=config.features.views if learnt else 1,
        dtype=config.features.dtype,
        workers=config.data.workers,
        progress=progress.features if fabric.is_global_zero else None,
    )
    return People(dataset, store)
