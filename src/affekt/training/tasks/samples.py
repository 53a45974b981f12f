"""The people to learn from, as batches: decoded, or read from a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.bundle import StreamSpec
from affekt.data.torch.batches import fill_batches
from affekt.data.torch.dataset import Inputs, RowDataset
from affekt.data.torch.sample import GEOMETRY, Sample, collate
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.labels import CATEGORIES, VAD
from affekt.training.features.store import FeatureStore
from affekt.training.loading import batches_of, loader_of

PEOPLE_HEADS = {CATEGORIES_HEAD: CATEGORIES, VAD_HEAD: VAD}


@dataclass(frozen=True, slots=True)
class People:
    """A data set, and the features of its people where they were computed before.

    Attributes:
        dataset: who there is.
        store: of the same people.
        workers: processes that decode and crop.
    """

    dataset: RowDataset
    store: FeatureStore | None = None
    workers: int = 0

    def batches(self, pictures: Sequence[Sequence[int]], epoch: int = 0) -> Iterator[Sample]:
        """One sample per batch of pictures; from a store, ``inputs`` holds features.

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
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # its own: the network's draws must not depend on it
        )
        return (Sample(*batch) for batch in batches_of(loader))

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

    def _stored(self, store: FeatureStore, items: Sequence[int], epoch: int) -> Sample:
        places, view = self.places(items), epoch % store.views
        rows, dataset = places.numpy(), self.dataset
        return Sample(
            {**store.features(places, view), GEOMETRY: store.geometry(places, view)},
            {kind: torch.from_numpy(own[rows]) for kind, own in dataset.present.items()},
            {head: torch.from_numpy(own[rows]) for head, own in dataset.targets.items()},
            torch.from_numpy(dataset.source_of[rows]),
            places,
        )


def inputs_of(streams: Mapping[str, StreamSpec]) -> Inputs:
    """What a context network is fed with: its image streams, and always the geometry."""
    return {**streams, GEOMETRY: None}


def known_of(sample: Sample) -> list[Tensor]:
    """Who has a face, who is in a picture, and the geometry: what the head asks beside features."""
    return [sample.present["face"], sample.present["scene"], sample.inputs[GEOMETRY]]
