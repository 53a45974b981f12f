"""People whose labels are known without their pictures, beside those who have one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import GEOMETRY, Sample, collate
from affekt.errors import DataError
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.training.labels_only.teacher import LabelTeacher
from affekt.training.tasks.samples import PEOPLE_HEADS


@dataclass(frozen=True, slots=True)
class LabelledPeople:
    """People without pictures, in memory.

    Attributes:
        geometry: shape (n, 13).
        categories: shape (n, 26).
        vad: shape (n, 3), NaN where there is none.
    """

    geometry: Tensor
    categories: Tensor
    vad: Tensor

    def draw(self, like: Sample, count: int, seed: tuple[int, ...]) -> Sample:
        """Some of them, drawn with replacement, as a sample with empty images."""
        rng = np.random.default_rng(seed)
        rows = torch.from_numpy(rng.integers(0, len(self.geometry), count))
        empty = {name: part.new_zeros(count, *part.shape[1:]) for name, part in like.inputs.items()}
        return Sample(
            {**empty, GEOMETRY: self.geometry[rows]},
            {kind: torch.full((count,), kind == GEOMETRY) for kind in like.present},
            {CATEGORIES_HEAD: self.categories[rows], VAD_HEAD: self.vad[rows]},
            torch.zeros_like(rows),
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
        """The categories to learn, each 0 to 1, shape (n, 26)."""
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
        taught = self.targets(sample.targets[CATEGORIES_HEAD], sample.targets[VAD_HEAD])
        return sample._replace(targets={**sample.targets, CATEGORIES_HEAD: taught})

    def targets(self, categories: Tensor, vad: Tensor) -> Tensor:
        """The categories to learn, each 0 to 1, shape (n, 26)."""
        return categories if self.lesson is None else self.lesson.targets(categories, vad)


def read_labelled(manifests: Sequence[Manifest], pictured: Sequence[Manifest]) -> LabelledPeople:
    """The training people of manifests of labels whose picture is in no manifest of pictures.

    Raises:
        DataError: none is left.
    """
    dataset = RowDataset(manifests, ("train",), {GEOMETRY: None}, PEOPLE_HEADS)
    known = {row.unit or row.picture for manifest in pictured for row in manifest.rows()}
    kept = torch.tensor([(row.unit or row.picture) not in known for row in dataset.rows])
    if not kept.any():
        raise DataError("data.labels_only: every person's picture is in data.manifests already")
    everybody = collate([dataset[item] for item in range(len(dataset))])
    categories, vad = (everybody.targets[head][kept] for head in PEOPLE_HEADS)
    return LabelledPeople(everybody.inputs[GEOMETRY][kept], categories, vad)
