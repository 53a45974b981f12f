"""Manifests of people as a torch data set: each picture is decoded once for all its crops."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from affekt.arrays import FloatArray, FloatArray32
from affekt.bundle import StreamSpec
from affekt.crops import check_streams, crop_stream
from affekt.data.augment.people import (
    PersonAugmentation,
    PersonAugmentConfig,
    crop_varied,
    draw,
    move_box,
)
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.manifests.row import Row
from affekt.errors import DataError
from affekt.geometry import person_geometry
from affekt.labels import CATEGORIES
from affekt.media import ImageRgb


class PersonSample(NamedTuple):
    """The n people of one picture, or of a batch of pictures.

    Attributes:
        images: for each stream its crops, uint8 RGB of shape (n, 3, size, size); black where
            there is no face or no picture.
        has_face: shape (n,), bool: whether the face was found.
        pictured: shape (n,), bool: whether there is a picture at all, or labels only.
        geometry: shape (n, 13), float32, see `affekt.geometry.person_geometry`.
        categories: shape (n, 26), float32, 1 where the category was marked.
        vad: shape (n, 3), float32 from 1 to 10, NaN where there is none.
        place: shape (n,), int64: positions in the data set.
    """

    images: dict[str, Tensor]
    has_face: Tensor
    pictured: Tensor
    geometry: Tensor
    categories: Tensor
    vad: Tensor
    place: Tensor


@dataclass(frozen=True, slots=True)
class _Picture:
    """One item: the people at ``first`` up to ``last`` of the data set, all in one picture."""

    manifest: Manifest
    first: int
    last: int

    @property
    def people(self) -> int:
        return self.last - self.first


class PersonDataset(Dataset[PersonSample]):
    """The people of some splits of several manifests; an item is a picture with all of them.

    Every random choice about a picture follows from the seed, the epoch and its index alone, so
    neither the number of workers nor a resumed run changes what is seen.

    Attributes:
        rows: the people, those of one picture one after the other.
        categories: shape (persons, 26), float32.
        vad: shape (persons, 3), float32, NaN where there is none.
        pictures: shape (persons,): the item each person is in.
        has_face: shape (persons,), bool.
        pictured: shape (persons,), bool.
        epoch: set it before each pass; only augmentation depends on it.
    """

    def __init__(
        self,
        manifests: Sequence[Manifest],
        splits: tuple[str, ...],
        streams: Mapping[str, StreamSpec],
        *,
        augment: PersonAugmentConfig | None = None,
        seed: int = 0,
        tuning: bool = False,
    ) -> None:
        check_streams(streams)
        self.manifests, self.splits = tuple(manifests), splits
        self.streams, self.augment, self.seed = dict(streams), augment, seed
        self.tuning, self.epoch = tuning, 0
        self.rows: list[Row] = []
        self.items: list[_Picture] = []
        for manifest in manifests:
            for split in splits:
                self._add(manifest, split)
        if not self.rows:
            where = ", ".join(str(manifest.path) for manifest in manifests)
            raise DataError(f"no people in the splits {', '.join(splits)} of {where}")
        self.categories = np.stack([_marked(row.categories or ()) for row in self.rows])
        self.vad = np.array([row.vad or (np.nan,) * 3 for row in self.rows], np.float32)
        sizes = [item.people for item in self.items]
        self.pictures = np.repeat(np.arange(len(self.items)), sizes)
        self.pictured = np.array([row.pictured for row in self.rows])
        self.has_face = self.pictured & np.array([row.face is not None for row in self.rows])

    def _add(self, manifest: Manifest, split: str) -> None:
        for people in manifest.pictures(split):
            kept = [row for row in people if not (self.tuning and row.leak)]
            if kept:
                first = len(self.rows)
                self.items.append(_Picture(manifest, first, first + len(kept)))
                self.rows += kept

    @property
    def persons(self) -> int:
        """How many people there are, over all pictures."""
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
            "streams": {name: asdict(spec) for name, spec in self.streams.items()},
        }

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.items)

    def __getitem__(self, index: int) -> PersonSample:
        item = self.items[index]
        rows = self.rows[item.first : item.last]
        drawn = self._draw(index, len(rows))
        images = self._images(item, rows, drawn)
        span = slice(item.first, item.last)
        return PersonSample(
            {name: torch.from_numpy(crops) for name, crops in images.items()},
            torch.from_numpy(self.has_face[span]),
            torch.from_numpy(self.pictured[span]),
            torch.from_numpy(_geometry(rows, drawn)),
            torch.from_numpy(self.categories[span]),
            torch.from_numpy(self.vad[span]),
            torch.arange(item.first, item.last),
        )

    def _draw(self, index: int, people: int) -> PersonAugmentation | None:
        if self.augment is None:
            return None
        rng = np.random.default_rng((self.seed, self.epoch, index))
        return draw(self.augment, rng, people)

    def _images(
        self, item: _Picture, rows: list[Row], drawn: PersonAugmentation | None
    ) -> dict[str, npt.NDArray[np.uint8]]:
        """The crops of every stream, shape (n, 3, size, size) each."""
        images = {
            name: np.zeros((len(rows), 3, spec.size, spec.size), np.uint8)
            for name, spec in self.streams.items()
        }
        if not rows[0].pictured:
            return images
        picture = read_row_picture(item.manifest, rows[0])
        for name, spec in self.streams.items():
            crops = _crops(picture, spec, rows[:1] if spec.shared else rows, drawn)
            for place, crop in enumerate(crops):
                if crop is not None:
                    images[name][slice(None) if spec.shared else place] = crop.transpose(2, 0, 1)
        return images


def collate_people(samples: Sequence[PersonSample]) -> PersonSample:
    """The people of several pictures as one batch."""
    return PersonSample(
        {name: torch.cat([s.images[name] for s in samples]) for name in samples[0].images},
        *(torch.cat(parts) for parts in zip(*(sample[1:] for sample in samples), strict=True)),
    )


def picture_batches(
    dataset: PersonDataset,
    batch: int,
    seed: int,
    epoch: int,
    *,
    balance: float = 0.0,
    among: Sequence[int] | None = None,
) -> list[list[int]]:
    """The items of each batch of one epoch: shuffled pictures, filled up to ``batch`` people.

    A picture with more people than that is a batch of its own.

    Args:
        dataset: gives the number of people in each picture.
        batch: most people in a batch.
        seed: of the run.
        epoch: the order follows from it and the seed alone.
        balance: 0 takes every picture once. Over 0, as many are drawn with replacement by
            `picture_weights`, so that rare categories come more often.
        among: the pictures to take; all where not given.

    Returns:
        For a `torch.utils.data.DataLoader` as its ``batch_sampler``.
    """
    rng = np.random.default_rng((seed, epoch, 1))
    items = np.arange(len(dataset)) if among is None else np.asarray(among)
    if balance > 0:
        weights = picture_weights(dataset, balance)[items]
        order = rng.choice(items, len(items), p=weights / weights.sum())
    else:
        order = rng.permutation(items)
    return fill_batches(dataset, order.tolist(), batch)


def fill_batches(dataset: PersonDataset, order: Sequence[int], batch: int) -> list[list[int]]:
    """Items in the order given, cut into batches of at most ``batch`` people where that can be."""
    batches: list[list[int]] = []
    room = 0
    for picture in order:
        people = dataset.items[picture].people
        if not batches or people > room:
            batches.append([])
            room = batch
        batches[-1].append(picture)
        room -= people
    return batches


def picture_weights(dataset: PersonDataset, balance: float) -> FloatArray:
    """How often each picture should be drawn so that categories are seen more evenly.

    A person counts as the rarest of their categories: ``(people / people with it) ** balance``,
    1 without any. A picture weighs the mean of its people, for it brings them all.

    Args:
        dataset: gives categories and pictures.
        balance: 0 weighs all alike, 1 by inverse frequency.

    Returns:
        Shape (pictures,), summing to 1.
    """
    counts = np.maximum(dataset.categories.sum(axis=0, dtype=np.float64), 1.0)
    rarity = (dataset.persons / counts) ** balance
    of_person = np.maximum((dataset.categories * rarity).max(axis=1), 1.0)
    sizes = np.bincount(dataset.pictures)
    weights = np.bincount(dataset.pictures, weights=of_person) / sizes
    return np.asarray(weights / weights.sum())


def _marked(categories: tuple[str, ...]) -> FloatArray32:
    return np.isin(CATEGORIES, categories).astype(np.float32)


def _bytes_of(file: Path) -> int:
    """A file's size, -1 for a missing one: reading it is what complains."""
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _crops(
    picture: ImageRgb,
    spec: StreamSpec,
    rows: list[Row],
    drawn: PersonAugmentation | None,
) -> Iterator[ImageRgb | None]:
    if drawn is None:
        yield from (crop_stream(picture, spec, row.person_xyxy, row.face) for row in rows)
        return
    for person, row in enumerate(rows):
        yield crop_varied(picture, spec, row.person_xyxy, row.face, drawn=drawn, person=person)


def _geometry(rows: list[Row], drawn: PersonAugmentation | None) -> FloatArray32:
    width, height = rows[0].width, rows[0].height
    boxes = [row.person_xyxy for row in rows]
    if drawn is not None:
        view = drawn.picture.matrix(width, height)
        boxes = [move_box(box, view) for box in boxes]
    return person_geometry(boxes, width, height, rows[0].people)
