"""The people to learn from, as batches: decoded, or read from a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.arrays import IntArray
from affekt.data.torch.people import PersonDataset, PersonSample, collate_people
from affekt.training.features.store import FeatureStore
from affekt.training.loading import batches_of, loader_of
from affekt.training.planning import fill_batches


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
        return fill_batches(self.sizes, range(len(self.dataset))[share], batch)

    @property
    def sizes(self) -> IntArray:
        """How many people each picture holds."""
        return np.array([item.people for item in self.dataset.items])

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
