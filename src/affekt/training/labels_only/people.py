"""People whose labels are known without their pictures, beside those who have one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.targets import Heads
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import GEOMETRY, Sample, collate
from affekt.errors import DataError
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.training.labels_only.teacher import LabelTeacher


@dataclass(frozen=True, slots=True)
class LabelledPeople:
    """People without pictures, in memory.

    Attributes:
        geometry: shape (n, 13).
        targets: by head, shape (n, k); NaN where there is none.
    """

    geometry: Tensor
    targets: dict[str, Tensor]

    def draw(self, like: Sample, count: int, seed: tuple[int, ...]) -> Sample:
        """Some of them, drawn with replacement, as a sample with empty crops.

        Args:
            like: gives the streams.
            count: how many.
            seed: of the draw.
        """
        rng = np.random.default_rng(seed)
        rows = torch.from_numpy(rng.integers(0, len(self.geometry), count))
        inputs = {n: part.new_zeros(count, *part.shape[1:]) for n, part in like.inputs.items()}
        if GEOMETRY in inputs:
            inputs[GEOMETRY] = self.geometry[rows]
        return Sample(
            inputs,
            {name: torch.full((count,), name == GEOMETRY) for name in like.present},
            {head: truth[rows] for head, truth in self.targets.items()},
            torch.zeros(count, dtype=torch.int64),
            rows,
        )


@dataclass(frozen=True, slots=True)
class Lesson:
    """A teacher of labels and how far it is listened to.

    Attributes:
        teacher: see `affekt.training.labels_only.teacher`.
        weight: its share of each target, 0 to 1.
    """

    teacher: LabelTeacher
    weight: float

    def targets(self, categories: Tensor, vad: Tensor) -> Tensor:
        """The categories to learn, each 0 to 1, shape (n, k)."""
        taught = self.teacher.targets(categories.numpy(), vad.numpy())
        return torch.lerp(categories, torch.from_numpy(taught).to(categories), self.weight)


@dataclass(frozen=True, slots=True)
class LabelsOnly:
    """The hook: people without pictures join every batch, and what they teach changes targets.

    Attributes:
        people: who they are.
        ratio: how many of them go with each person of a batch.
        lesson: what they teach beside geometry.
    """

    people: LabelledPeople
    ratio: float
    lesson: Lesson | None = None

    def join(self, sample: Sample, seed: tuple[int, ...]) -> Sample:
        """A batch, some of them after it, all with the targets to learn."""
        count = round(self.ratio * len(sample.place))
        if count:
            sample = collate([sample, self.people.draw(sample, count, seed)])
        return sample._replace(targets=self.targets(sample.targets))

    def targets(self, targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """What to learn, by head."""
        if self.lesson is None:
            return targets
        taught = self.lesson.targets(targets[CATEGORIES_HEAD], targets[VAD_HEAD])
        return {**targets, CATEGORIES_HEAD: taught}


def read_labelled(
    manifests: Sequence[Manifest], pictured: Sequence[Manifest], heads: Heads
) -> LabelledPeople:
    """The training people of manifests of labels whose picture is in no manifest of pictures.

    Args:
        manifests: of labels.
        pictured: of pictures.
        heads: what to learn, with the labels.

    Raises:
        DataError: none is left.
    """
    dataset = RowDataset(manifests, ("train",), {GEOMETRY: None}, heads)
    known = {row.unit or row.picture for manifest in pictured for row in manifest.rows()}
    kept = torch.tensor([(row.unit or row.picture) not in known for row in dataset.rows])
    if not kept.any():
        raise DataError(
            "labels_only.manifests: every person's picture is in data.manifests already"
        )
    geometry = torch.cat([dataset[item].inputs[GEOMETRY] for item in range(len(dataset))])
    targets = {head: torch.from_numpy(truth)[kept] for head, truth in dataset.targets.items()}
    return LabelledPeople(geometry[kept], targets)
