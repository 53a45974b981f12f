"""What is learnt from, as batches: decoded, or read from a store of features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.arrays import BoolArray
from affekt.data.manifests.targets import hard_labels
from affekt.data.torch.batches import fill_batches
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import Sample, collate
from affekt.heads import KINDS_OF_HEADS, Kind
from affekt.training.features.store import FeatureStore
from affekt.training.loading import batches_of, loader_of
from affekt.training.scores import Truth


@dataclass(frozen=True, slots=True)
class Subjects:
    """A data set, and the features of its subjects where they were computed before.

    Attributes:
        dataset: who there is.
        store: of the same subjects.
        workers: processes that decode and crop.
    """

    dataset: RowDataset
    store: FeatureStore | None = None
    workers: int = 0

    def batches(self, items: Sequence[Sequence[int]], epoch: int = 0) -> Iterator[Sample]:
        """One sample per batch of items; from a store, inputs of crops are features.

        Args:
            items: of each batch.
            epoch: what augmentation depends on; a store shows its views in turn.
        """
        if self.store is not None:
            return (self._stored(self.store, batch, epoch) for batch in items)
        self.dataset.epoch = epoch
        loader = loader_of(
            self.dataset,
            self.workers,
            batch_sampler=items,
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # its own: the network's draws must not depend on it
        )
        return (Sample(*batch) for batch in batches_of(loader))

    def all_batches(self, batch: int, share: slice = slice(None)) -> list[list[int]]:
        """Every item once and in order, in batches of about so many subjects.

        Args:
            batch: subjects.
            share: of the items.
        """
        return fill_batches(self.dataset, range(len(self.dataset))[share], batch)

    def places(self, items: Sequence[int]) -> Tensor:
        """The positions of the subjects in some items."""
        spans = [self.dataset.items[item] for item in items]
        return torch.cat([torch.arange(span.first, span.last) for span in spans])

    def stored(self, places: Tensor, view: int = 0) -> Sample:
        """Some subjects whose features were computed before."""
        if self.store is None:
            raise ValueError("there is no store")
        dataset, chosen = self.dataset, places.numpy()
        inputs = self.store.features(places, view)
        return Sample(
            inputs,
            {name: torch.from_numpy(there[chosen]) for name, there in dataset.present.items()},
            {name: torch.from_numpy(truth[chosen]) for name, truth in dataset.targets.items()},
            torch.from_numpy(dataset.source_of[chosen]),
            places,
        )

    def truth(self, rows: slice | BoolArray = slice(None)) -> Truth:
        """What is known of all subjects, or of some."""
        dataset = self.dataset
        hard = {
            head: hard_labels(dataset.rows, head, labels)
            for head, labels in dataset.heads.items()
            if KINDS_OF_HEADS[head] is Kind.SINGLE_LABEL
        }
        return Truth(
            {head: truth[rows] for head, truth in dataset.targets.items()},
            dataset.heads,
            {head: own[rows] for head, own in hard.items()},
            dataset.source_of[rows],
            dataset.sources,
        )

    def _stored(self, store: FeatureStore, items: Sequence[int], epoch: int) -> Sample:
        return self.stored(self.places(items), epoch % store.views)
