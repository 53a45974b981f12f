"""From people's crops to their emotions: by a face model, or by a context model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from affekt.arrays import FloatArray32
from affekt.bundle import Bundle
from affekt.inference.context import ContextModel, ContextOutput, PersonCrops
from affekt.inference.runtime import FaceModel
from affekt.inference.views import Crops, View, join, spread_rows
from affekt.labels import VAD
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Emotion, Face

_Kept = TypeVar("_Kept")

CONTEXT_KINDS = ("context", "ensemble")
"""The kinds of bundle that read people, not faces alone."""


class Reader(Protocol[_Kept]):
    """One kind of model, behind the one way in which pictures are read."""

    primary_labels: tuple[str, ...]
    """The primary emotions that it tells apart."""

    categories: tuple[str, ...]
    """The categories that it gives."""

    def crop(
        self, image_rgb: ImageRgb, boxes_xyxy: Sequence[BoxXyxy], faces: Sequence[Face | None]
    ) -> _Kept:
        """What the model needs of a picture (height, width, 3); safe in several threads."""

    def read(self, batch: Sequence[_Kept]) -> list[Emotion]:
        """The emotions of the people of several pictures, in order."""


def open_reader(bundle: Bundle, threads: int | None = None) -> Reader[Any]:
    """The reader for a bundle's kind.

    Raises:
        BundleError: the bundle cannot be used.
    """
    in_context = bundle.info.kind in CONTEXT_KINDS
    return ContextReader(bundle, threads) if in_context else FaceReader(bundle, threads)


class FaceReader:
    """Primary emotions by a face model."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self._model = FaceModel(bundle, threads)
        self._view = View.of("face", self._model.spec)
        self.primary_labels: tuple[str, ...] = self._model.labels
        self.categories: tuple[str, ...] = ()

    def crop(
        self, image_rgb: ImageRgb, boxes_xyxy: Sequence[BoxXyxy], faces: Sequence[Face | None]
    ) -> Crops:
        """The face crops of a picture."""
        return self._view.crops(image_rgb, boxes_xyxy, faces)

    def read(self, batch: Sequence[Crops]) -> list[Emotion]:
        """One run for all faces."""
        if not batch:
            return []
        crops = join(batch)
        rows = spread_rows(self._model.probabilities(crops.images), crops.rows, np.nan)
        return [Emotion(_primary(self.primary_labels, row)) for row in rows]


class ContextReader:
    """Primary emotions, categories and VAD by a context model or an ensemble."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self._model = ContextModel(bundle, threads)
        self.primary_labels = self._model.primary_labels
        self.categories = self._model.labels

    def crop(
        self, image_rgb: ImageRgb, boxes_xyxy: Sequence[BoxXyxy], faces: Sequence[Face | None]
    ) -> PersonCrops:
        """The crops of every stream."""
        return self._model.crop(image_rgb, boxes_xyxy, faces)

    def read(self, batch: Sequence[PersonCrops]) -> list[Emotion]:
        """One run per stream for all people."""
        output = self._model.run(batch)
        return [self._emotion(output, row) for row in range(len(output.vad))]

    def _emotion(self, output: ContextOutput, row: int) -> Emotion:
        categories = _by_label(self.categories, output.probabilities[row])
        thresholds = self._model.thresholds
        over = tuple(name for name, p in categories.items() if thresholds and p >= thresholds[name])
        return Emotion(
            _primary(self.primary_labels, output.primary[row]),
            categories,
            over if thresholds else None,
            **_by_label(VAD, output.vad[row]),
            spread=None if output.spread is None else float(output.spread[row]),
        )


def _primary(labels: tuple[str, ...], row: FloatArray32) -> dict[str, float] | None:
    """Probabilities by label; None for the NaN of an unseen face."""
    return None if np.isnan(row).any() else _by_label(labels, row)


def _by_label(labels: tuple[str, ...], row: FloatArray32) -> dict[str, float]:
    return dict(zip(labels, row.astype(float).tolist(), strict=True))
