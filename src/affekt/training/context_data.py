"""The people that a context model learns from, as batches: decoded, or read from a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.people import (
    PersonDataset,
    PersonSample,
    collate_people,
    fill_batches,
    picture_batches,
)
from affekt.errors import DataError
from affekt.training.feature_store import FeatureStore
from affekt.training.loading import batches_of, loader_of


@dataclass(frozen=True, slots=True)
class People:
    """A data set, and the features of its people where they were computed before.

    Attributes:
        dataset: who there is.
        store: of the same people.
        workers: processes that decode and crop.
    """

    dataset: PersonDataset
    store: FeatureStore | None = None
    workers: int = 0

    def batches(self, pictures: Sequence[Sequence[int]], epoch: int = 0) -> Iterator[PersonSample]:
        """One sample per batch of pictures; from a store, ``images`` holds features.

        Args:
            pictures: the items of each batch.
            epoch: what augmentation depends on; a store shows its views in turn.
        """
        if self.store is not None:
            return (self._stored(self.store, items, epoch) for items in pictures)
        self.dataset.epoch = epoch
        loader = loader_of(
            self.dataset,
            self.workers,
            batch_sampler=pictures,
            collate_fn=collate_people,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # its own: the network's draws must not depend on it
        )
        return (PersonSample(*batch) for batch in batches_of(loader))

    def all_batches(self, batch: int, share: slice = slice(None)) -> list[list[int]]:
        """Every picture once and in order, in batches of about so many people.

        Args:
            batch: people.
            share: of the pictures.
        """
        return fill_batches(self.dataset, range(len(self.dataset))[share], batch)

    def places(self, pictures: Sequence[int]) -> Tensor:
        """The positions of the people in some pictures."""
        items = [self.dataset.items[picture] for picture in pictures]
        return torch.cat([torch.arange(item.first, item.last) for item in items])

    def _stored(self, store: FeatureStore, items: Sequence[int], epoch: int) -> PersonSample:
        places, view = self.places(items), epoch % store.views
        return PersonSample(
            store.features(places, view),
            store.has_face[places],
            store.pictured[places],
            store.geometry(places, view),
            torch.from_numpy(self.dataset.categories[places.numpy()]),
            torch.from_numpy(self.dataset.vad[places.numpy()]),
            places,
        )


class Part(NamedTuple):
    """What one process computes at once.

    Attributes:
        pictures: items of the data set.
        weight: of its mean loss: these sum, over the parts that one process computes in a step,
            to its share of the step's people times the number of processes. The mean over the
            processes is then the mean over the people.
    """

    pictures: list[int]
    weight: float


def plan_steps(
    dataset: PersonDataset,
    batch: int,
    processes: int,
    accumulate: int,
    *,
    seed: int,
    epoch: int,
    balance: float = 0.0,
    among: Sequence[int] | None = None,
) -> list[list[Part]]:
    """The steps of an epoch, each in processes x accumulate parts.

    A part without a picture of its own gets one that does not count, so that no process waits
    for another.

    Args:
        dataset: see `affekt.data.torch.people.picture_batches`, likewise the others.
        batch: people per step.
        processes: that share a step; every one of them takes each such part in turn.
        accumulate: parts of each process.
        seed: of the run.
        epoch: the order follows from it and the seed.
        balance: towards rare categories.
        among: the pictures to take; all where not given.
    """
    batches = picture_batches(dataset, batch, seed, epoch, balance=balance, among=among)
    return [_split(dataset, pictures, processes, accumulate) for pictures in batches]


def _split(
    dataset: PersonDataset, pictures: list[int], processes: int, accumulate: int
) -> list[Part]:
    people = sum(dataset.items[picture].people for picture in pictures)
    parts = processes * accumulate
    shares = [pictures[part::parts] for part in range(parts)]
    counts = [sum(dataset.items[picture].people for picture in share) for share in shares]
    return [
        Part(share or pictures[:1], processes * count / people)
        for share, count in zip(shares, counts, strict=True)
    ]


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

    def draw(self, count: int, seed: tuple[int, ...]) -> PersonSample:
        """Some of them, drawn with replacement, as a sample without images."""
        rng = np.random.default_rng(seed)
        rows = torch.from_numpy(rng.integers(0, len(self.geometry), count))
        nobody = torch.zeros(count, dtype=torch.bool)
        parts = (self.geometry[rows], self.categories[rows], self.vad[rows])
        return PersonSample({}, nobody, nobody, *parts, rows)


def read_labelled(manifests: Sequence[Manifest], pictured: Sequence[Manifest]) -> LabelledPeople:
    """The training people of manifests of labels whose picture is in no manifest of pictures.

    Raises:
        DataError: none is left.
    """
    dataset = PersonDataset(manifests, ("train",), {})
    known = {row.unit or row.picture for manifest in pictured for row in manifest.rows()}
    kept = torch.tensor([(row.unit or row.picture) not in known for row in dataset.rows])
    if not kept.any():
        raise DataError("data.labels_only: every person's picture is in data.manifests already")
    geometry = torch.cat([dataset[item].geometry for item in range(len(dataset))])
    labels = torch.from_numpy(dataset.categories), torch.from_numpy(dataset.vad)
    return LabelledPeople(geometry[kept], labels[0][kept], labels[1][kept])
