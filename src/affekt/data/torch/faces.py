"""Manifests as a torch data set: face crops with soft labels, repeatable sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from affekt.arrays import FloatArray, FloatArray32
from affekt.crops import face_matrix
from affekt.data.augment import faces as augment
from affekt.data.augment.faces import AugmentConfig
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.errors import DataError
from affekt.geometry import compose
from affekt.media import ImageRgb, warp


class Sample(NamedTuple):
    """One face, or a batch of them with a leading axis.

    Attributes:
        face: uint8 RGB, shape (3, size, size).
        target: probability of each label, shape (k,).
        label: index of the hard label, -1 where there is none.
        source: index of the data set the face comes from.
        place: position in the data set.
    """

    face: Tensor
    target: Tensor
    label: Tensor
    source: Tensor
    place: Tensor


class FaceDataset(Dataset[Sample]):
    """The faces of one split of several manifests.

    Every random choice about a sample follows from the seed, the epoch and the sample's index
    alone, so neither the number of workers nor a resumed run changes what is seen.
    """

    def __init__(
        self,
        manifests: Sequence[Manifest],
        split: str,
        labels: tuple[str, ...],
        size: int,
        *,
        augment: AugmentConfig | None = None,
        seed: int = 0,
    ) -> None:
        self.labels = labels
        self.size = size
        self.augment = augment
        self.seed = seed
        self.epoch = 0
        kept = [
            (manifest, row)
            for manifest in manifests
            for row in manifest.rows(split)
            if sum(row.shares.get(label, 0.0) for label in labels) > 0
        ]
        if not kept:
            where = ", ".join(str(manifest.path) for manifest in manifests)
            raise DataError(
                f"no faces with a label in split {split!r} of {where}: prepare the set with a "
                "share for it, or choose labels that are in it"
            )
        self.rows = [row for _, row in kept]
        self.manifests = [manifest for manifest, _ in kept]
        self.sources = tuple(dict.fromkeys(row.source for row in self.rows))
        self.targets = np.stack([soft_target(row.shares, labels) for row in self.rows])
        self.hard = np.array([_position(row.label, labels) for row in self.rows])
        self.source_of = np.array([self.sources.index(row.source) for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        picture = read_row_picture(self.manifests[index], self.rows[index])
        crop = self._crop(picture, index)
        return Sample(
            torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))),
            torch.from_numpy(self.targets[index]),
            torch.tensor(int(self.hard[index])),
            torch.tensor(int(self.source_of[index])),
            torch.tensor(index),
        )

    def _crop(self, picture: ImageRgb, index: int) -> ImageRgb:
        matrix = self._matrix(index)
        if self.augment is None:
            return warp(picture, matrix, self.size)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        drawn = augment.draw(self.augment, rng)
        picture = augment.set_background(picture, drawn, self._plain_crop)
        varied = compose(matrix, augment.crop_matrix(drawn, self.size))
        crop = augment.colour(warp(picture, varied, self.size, drawn.fill), drawn)
        return augment.occlude(augment.degrade(crop, drawn), drawn)

    def _plain_crop(self, place: float) -> ImageRgb:
        index = int(place * len(self))
        row = self.rows[index]
        picture = read_row_picture(self.manifests[index], row)
        return warp(picture, self._matrix(index), self.size)

    def _matrix(self, index: int) -> FloatArray:
        face = self.rows[index].face
        if face is None:
            raise DataError(f"{self.rows[index].name}: no face was found")
        return face_matrix(face, self.size)


def soft_target(soft: dict[str, float], labels: tuple[str, ...]) -> FloatArray32:
    """Shares over ``labels`` in their order, summing to 1; other labels' shares are left out.

    >>> soft_target({"anger": 0.5, "contempt": 0.5}, ("anger", "fear")).tolist()
    [1.0, 0.0]
    """
    shares = np.array([soft.get(label, 0.0) for label in labels], dtype=np.float32)
    return np.asarray(shares / shares.sum(), dtype=np.float32)


def source_priors(dataset: FaceDataset) -> FloatArray:
    """Mean soft label of each source, shape (sources, k): its label prior. Rows sum to 1."""
    return np.stack(
        [
            dataset.targets[dataset.source_of == source].mean(axis=0, dtype=np.float64)
            for source in range(len(dataset.sources))
        ]
    )


def _position(label: str | None, labels: tuple[str, ...]) -> int:
    return labels.index(label) if label in labels else -1
