"""The faces that a face model learns from: one stream, one head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import StreamSpec
from affekt.data.augment.config import AugmentConfig
from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.dataset import RowDataset
from affekt.heads import PRIMARY_HEAD

FACE = "face"
_GREY = (0.5, 0.5, 0.5)


def face_dataset(
    manifests: Sequence[Manifest],
    split: str,
    labels: tuple[str, ...],
    size: int,
    *,
    augment: AugmentConfig | None = None,
    seed: int = 0,
) -> RowDataset:
    """The faces of one split that have some of these primary labels; see `RowDataset`."""
    inputs, heads = {FACE: face_stream(size)}, {PRIMARY_HEAD: labels}
    tuning = split == "val"
    return RowDataset(manifests, (split,), inputs, heads, augment=augment, seed=seed, tuning=tuning)


def face_stream(size: int) -> StreamSpec:
    """How crops of that side in pixels are made; the network itself knows its normalisation."""
    return StreamSpec(size, _GREY, _GREY, kind=FACE)


def source_priors(dataset: RowDataset) -> FloatArray:
    """Mean soft label of each source, shape (sources, k): its label prior. Rows sum to 1."""
    targets = dataset.targets[PRIMARY_HEAD]
    return np.stack(
        [
            targets[dataset.source_of == source].mean(axis=0, dtype=np.float64)
            for source in range(len(dataset.sources))
        ]
    )
