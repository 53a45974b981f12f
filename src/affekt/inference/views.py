"""The crops of one stream for all people of a picture, none made twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from affekt.arrays import FloatArray32, IntArray
from affekt.bundle import StreamSpec
from affekt.crops import crop_stream
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face


@dataclass(frozen=True, slots=True)
class View:
    """What a stream sees of a person; equal views are cropped once, whoever asks for them.

    Attributes:
        stream: one of `affekt.crops.STREAMS`.
        spec: without its encoder.
    """

    stream: str
    spec: StreamSpec

    @classmethod
    def of(cls, stream: str, spec: StreamSpec) -> View:
        """The view of a stream, whatever encodes it."""
        return cls(stream, replace(spec, encoder=None))

    def crops(
        self, image_rgb: ImageRgb, boxes_xyxy: Sequence[BoxXyxy], faces: Sequence[Face | None]
    ) -> Crops:
        """The crops of a picture's people; a scene that shows all of them is one crop for all.

        Args:
            image_rgb: shape (height, width, 3).
            boxes_xyxy: the people, in pixels.
            faces: theirs, in the same order.
        """
        shared = self.stream == "scene" and not self.spec.blank_person
        images: list[ImageRgb] = []
        rows: list[int] = []
        for box, face in zip(boxes_xyxy, faces, strict=True):
            if shared and images:
                rows.append(0)
                continue
            crop = crop_stream(image_rgb, self.stream, self.spec, box, face)
            rows.append(-1 if crop is None else len(images))
            images += [] if crop is None else [crop]
        side = self.spec.size
        return Crops(
            np.stack(images) if images else np.zeros((0, side, side, 3), np.uint8),
            np.asarray(rows, dtype=np.intp),
        )


@dataclass(frozen=True, slots=True)
class Crops:
    """Crops and whose they are.

    Attributes:
        images: shape (m, size, size, 3).
        rows: shape (n,), for each person the place of their crop, -1 where there is none.
    """

    images: ImageRgb
    rows: IntArray


def join(parts: Sequence[Crops]) -> Crops:
    """The crops of several pictures as those of one.

    >>> one = Crops(np.zeros((1, 2, 2, 3), np.uint8), np.array([-1, 0]))
    >>> join([one, one]).rows.tolist()
    [-1, 0, -1, 1]
    """
    before = np.cumsum([0, *(len(part.images) for part in parts)])
    rows = [np.where(p.rows < 0, -1, p.rows + b) for p, b in zip(parts, before, strict=False)]
    return Crops(np.concatenate([part.images for part in parts]), np.concatenate(rows))


def spread_rows(values: FloatArray32, rows: IntArray, absent: float) -> FloatArray32:
    """Values of crops (m, k) as values of people (n, k), ``absent`` where there is no crop.

    >>> spread_rows(np.array([[5.0]], np.float32), np.array([0, -1, 0]), 0.0).tolist()
    [[5.0], [0.0], [5.0]]
    """
    spread = np.full((len(rows), values.shape[1]), absent, dtype=np.float32)
    spread[rows >= 0] = values[rows[rows >= 0]]
    return spread
