"""Rows of manifests as a torch data set: an item is a picture, decoded once for all in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from affekt.bundle import StreamSpec
from affekt.crops import check_streams
from affekt.data.augment.config import AugmentConfig
from affekt.data.augment.draw import draw
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_face_crop, read_row_picture
from affekt.data.manifests.row import Row
from affekt.data.manifests.targets import Heads, target_of, targets_of
from affekt.data.torch.sample import Sample
from affekt.data.torch.views import VIEWS, Look
from affekt.errors import DataError, UsageError, nearest
from affekt.media import ImageRgb

Inputs = Mapping[str, StreamSpec | None]
"""The streams of a model: kind of input to how its crops are made, None for one without pixels."""

OTHER_SIDE = 96
"""Side in pixels of the crop that lends a face its surroundings."""


@dataclass(frozen=True, slots=True)
class Item:
    """The subjects at ``first`` up to ``last`` of the data set, all in one picture."""

    manifest: Manifest
    first: int
    last: int

    @property
    def subjects(self) -> int:
        """How many there are."""
        return self.last - self.first


class RowDataset(Dataset[Sample]):
    """The labelled subjects of some splits of several manifests; an item is a picture.

    Every random choice about an item follows from the seed, the epoch and its index alone, so
    neither the number of workers nor a resumed run changes what is seen.

    Args:
        manifests: of faces or people in context.
        splits: of each, one after the other.
        inputs: the model's streams; each name is a key of `affekt.data.torch.views.VIEWS`.
        heads: the model's heads with their labels; rows without a label of any, and those that no
            stream shows, are left out.
        augment: how strongly pictures are varied; None shows them plain.
        seed: of the run.
        tuning: leaves out rows that nothing should be tuned on.

    Attributes:
        rows: of the subjects, those of one picture one after the other.
        items: the pictures.
        targets: by head, see `Sample`.
        present: by kind of input, see `Sample`.
        item_of: shape (subjects,): the item each is in.
        sources: names of the data sets.
        source_of: shape (subjects,): the position of each one's in ``sources``.
        epoch: set it before each pass; only augmentation depends on it.

    Raises:
        UsageError: an unknown stream, or a crop rule that it cannot follow.
        DataError: no row is left, or one lacks the person's box that a stream needs.
    """

    def __init__(
        self,
        manifests: Sequence[Manifest],
        splits: tuple[str, ...],
        inputs: Inputs,
        heads: Heads,
        *,
        augment: AugmentConfig | None = None,
        seed: int = 0,
        tuning: bool = False,
    ) -> None:
        check_inputs(inputs)
        self.manifests, self.splits = tuple(manifests), splits
        self.inputs, self.heads = dict(inputs), dict(heads)
        self.augment, self.seed, self.tuning, self.epoch = augment, seed, tuning, 0
        self.rows: list[Row] = []
        self.items: list[Item] = []
        for manifest in manifests:
            for split in splits:
                self._add(manifest, split)
        if not self.rows:
            raise self._empty()
        self.targets = targets_of(self.rows, heads)
        self.present = {
            kind: np.array([view.present(row) for row in self.rows]) for kind, view in VIEWS.items()
        }
        self.item_of = np.repeat(np.arange(len(self.items)), [i.subjects for i in self.items])
        self.sources = tuple(dict.fromkeys(row.source for row in self.rows))
        self.source_of = np.array([self.sources.index(row.source) for row in self.rows])

    @property
    def subjects(self) -> int:
        """How many there are, over all pictures."""
        return len(self.rows)

    def identity(self) -> dict[str, Any]:
        """What the plain samples follow from, ready for JSON: data, splits and preprocessing.

        Pictures count by their names and sizes in bytes; their pixels are not read.
        """
        sizes = hashlib.sha256()
        for item in self.items:
            name = self.rows[item.first].medium
            if name is not None:
                sizes.update(f"{name} {_bytes_of(item.manifest.root / name)}\n".encode())
        return {
            "manifests": [manifest.fingerprint for manifest in self.manifests],
            "pictures": sizes.hexdigest(),
            "splits": list(self.splits),
            "tuning": self.tuning,
            "heads": {head: list(labels) for head, labels in self.heads.items()},
            "inputs": {n: None if s is None else asdict(s) for n, s in self.inputs.items()},
        }

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        item = self.items[index]
        span = slice(item.first, item.last)
        look = self._look(index, item)

        def part(values: Mapping[str, Any]) -> dict[str, Tensor]:
            return {name: torch.from_numpy(array[span]) for name, array in values.items()}

        return Sample(
            {n: torch.from_numpy(VIEWS[n].read(look, spec)) for n, spec in self.inputs.items()},
            part(self.present),
            part(self.targets),
            torch.from_numpy(self.source_of[span]),
            torch.arange(item.first, item.last),
        )

    def _add(self, manifest: Manifest, split: str) -> None:
        for people in manifest.pictures(split):
            kept = [row for row in people if self._is_kept(row)]
            if kept:
                first = len(self.rows)
                self.items.append(Item(manifest, first, first + len(kept)))
                self.rows += kept

    def _is_kept(self, row: Row) -> bool:
        if self.tuning and row.leak:
            return False
        if all(target_of(row, head, labels) is None for head, labels in self.heads.items()):
            return False
        for name, spec in self.inputs.items():
            if row.box_xyxy is None and VIEWS[name].boxed(spec):
                raise DataError(f"{row.name}: the stream {name} needs the person's box")
        return not self.inputs or any(VIEWS[name].present(row) for name in self.inputs)

    def _look(self, index: int, item: Item) -> Look:
        rows = self.rows[item.first : item.last]
        seen = rows[0].pictured and any(VIEWS[name].pixels for name in self.inputs)
        picture = read_row_picture(item.manifest, rows[0]) if seen else None
        if self.augment is None:
            return Look(rows, picture, None, self._other)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        return Look(rows, picture, draw(self.augment, rng, len(rows)), self._other)

    def _other(self, place: float) -> ImageRgb:
        """The plain crop of another face, from its place as a fraction from 0 to 1."""
        faces = np.flatnonzero(self.present["face"])
        chosen = int(faces[int(place * len(faces))])
        manifest = self.items[self.item_of[chosen]].manifest
        return read_face_crop(manifest, self.rows[chosen], OTHER_SIDE)

    def _empty(self) -> DataError:
        where = ", ".join(str(manifest.path) for manifest in self.manifests)
        return DataError(
            f"no rows with a label of {' or '.join(self.heads)} in the splits "
            f"{', '.join(self.splits)} of {where}: prepare the set with a share for it, or choose "
            "labels that are in it"
        )


def check_inputs(inputs: Inputs) -> None:
    """Refuse a stream that no view shows, or whose crops cannot be made so.

    Raises:
        UsageError: an unknown stream or crop rule.
    """
    for name in inputs:
        if name not in VIEWS:
            raise UsageError(f"unknown stream {name!r}: {nearest(name, VIEWS)}")
    check_streams({name: spec for name, spec in inputs.items() if spec is not None})


def _bytes_of(file: Path) -> int:
    """A file's size, -1 for a missing one: reading it is what complains."""
    try:
        return file.stat().st_size
    except OSError:
        return -1
