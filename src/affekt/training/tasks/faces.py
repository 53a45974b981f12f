"""Face crops as a task: one label each, soft where raters disagreed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.batches import fill_batches, plan_steps
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import Sample, collate
from affekt.errors import ConfigError, DataError
from affekt.heads import PRIMARY_HEAD
from affekt.models.build import FaceNetwork, build_network, save_network
from affekt.models.zoo import output_shape
from affekt.training.config import TrainConfig
from affekt.training.loading import batches_of, loader_of
from affekt.training.losses import adjusted_cross_entropy, log_priors
from affekt.training.notices import say_absent
from affekt.training.optimizing import decay_groups
from affekt.training.processes import Progress
from affekt.training.scores import score_sources
from affekt.training.task import Outputs, Part, Said, Samples, Score, Share, Steps
from affekt.training.tasks.face_data import FACE, face_dataset, face_stream, source_priors

ABSENT = (
    "it cannot be learnt; leave it out of data.labels, or give faces that have it",
    "how well it is read is not measured",
)
"""What follows where a label has no face in train, and in val."""


class Reader(nn.Module):
    """A sample to logits, in one call that a strategy can wrap."""

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, sample: Sample) -> Outputs:
        """Logits of the labels, shape (n, k)."""
        faces = sample.images()[FACE].contiguous(memory_format=torch.channels_last)
        return {PRIMARY_HEAD: self.network(faces)}


@dataclass(frozen=True, slots=True)
class FaceTask:
    """See `affekt.training.task.Task`.

    Attributes:
        config: the recipe.
        network: what is trained.
        faces: to learn from.
        judged_by: the validation faces.
        priors: log prior of each source's labels.
    """

    config: TrainConfig
    network: Reader
    faces: RowDataset
    judged_by: RowDataset
    priors: Tensor

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Classifier and backbone, each by its own rate."""
        optim, backbone = self.config.optim, cast(Any, self.network.network.backbone)
        head = {id(p) for p in backbone.get_classifier().parameters()}
        both: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for parameter in backbone.parameters():
            both[id(parameter) in head].append(parameter)
        decay = optim.weight_decay
        return [
            *decay_groups(both[True], decay, optim.lr),
            *decay_groups(both[False], decay, optim.encoder_lr),
        ]

    def train_batches(self, epoch: int, share: Share) -> Steps:
        """Faces in an order of the epoch's own."""
        optim, faces = self.config.optim, self.faces
        faces.epoch, faces.inputs = epoch, {FACE: face_stream(self.config.size_at(epoch))}
        steps = plan_steps(
            faces,
            optim.batch,
            share.processes,
            optim.accumulate,
            seed=self.config.run.seed,
            epoch=epoch,
            balance=optim.balance,
        )
        own = [part for step in steps for part in step[share.rank :: share.processes]]
        samples = self._batches(faces, [part.items for part in own])
        return Steps(len(steps), (Part(s, p.weight) for s, p in zip(samples, own, strict=True)))

    def val_batches(self, share: Share) -> Samples:
        """Every validation face once."""
        own = range(share.rank, len(self.judged_by), share.processes)
        batches = fill_batches(self.judged_by, own, 2 * self.config.optim.batch)
        return Samples(self.judged_by.subjects, self._batches(self.judged_by, batches))

    def loss(self, outputs: Outputs, batch: Sample) -> Tensor:
        """See `affekt.training.losses`."""
        priors = self.priors.to(batch.source.device)[batch.source]
        logits, targets = outputs[PRIMARY_HEAD].float(), batch.targets[PRIMARY_HEAD]
        return adjusted_cross_entropy(logits, targets, priors, self.config.loss.label_smoothing)

    def score(self, said: Said) -> Score:
        """Balanced accuracy, the mean over the sources, and the figures of `score_sources`."""
        figures = score_sources(said[PRIMARY_HEAD], self.judged_by)
        value = np.mean([of_source["balanced_accuracy"] for of_source in figures.values()])
        return Score(float(value), figures)

    def save(self, path: Path, network: nn.Module, history: Mapping[str, Any]) -> None:
        """Writes the network."""
        learnt = cast(Reader, network).network
        save_network(
            path, learnt.backbone.state_dict(), replace(learnt.spec, history=dict(history))
        )

    def _batches(self, faces: RowDataset, places: list[list[int]]) -> Iterator[Sample]:
        loader = loader_of(
            faces,
            self.config.data.workers,
            batch_sampler=places,
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # its own: the network's draws must not depend on it
        )
        return map(Sample._make, batches_of(loader))


def face_task(fabric: Fabric, config: TrainConfig, progress: Progress) -> FaceTask:
    """The task of a recipe.

    Raises:
        ConfigError: a recipe that cannot be built.
        DataError: a manifest that cannot be used.
    """
    faces, judged_by = _datasets(config)
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
    shares = torch.from_numpy(source_priors(faces)).float()
    priors = log_priors(shares, config.loss.logit_adjustment)
    return FaceTask(config, Reader(network), faces, judged_by, priors)


def _datasets(config: TrainConfig) -> tuple[RowDataset, RowDataset]:
    manifests = [Manifest.open(path) for path in config.data.manifests]
    labels, size = config.data.labels, config.model.size
    seed = config.run.seed
    sets = (
        face_dataset(manifests, "train", labels, size, augment=config.augment, seed=seed),
        face_dataset(manifests, "val", labels, size),
    )
    if (sets[0].targets[PRIMARY_HEAD].max(axis=0) > 0).sum() < 2:
        raise DataError("data.manifests: all faces to train on have one label; give two or more")
    for faces, split, remedy in zip(sets, ("train", "val"), ABSENT, strict=True):
        say_absent(labels, faces.targets[PRIMARY_HEAD], f"face in {split}", remedy)
    return sets


def _check_early_size(config: TrainConfig, network: FaceNetwork) -> None:
    """Refuses what would else fail in the first epoch."""
    name = config.model.backbone
    try:
        output_shape(network.backbone, name, config.size_at(0))
    except ConfigError:
        raise ConfigError(
            f"optim.early_size: {name} takes crops of one size only; set optim.early_epochs to 0"
        ) from None
