"""`Found`: what one look at a picture gives, and how such looks are put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.geometry import clip_xyxy, nms_xyxy
from affekt.media import ImageRgb
from affekt.results import Face

MAX_IOU, MAX_INSIDE = 0.3, 0.7
"""Boxes that overlap more are one face, see `affekt.geometry.nms_xyxy`."""


@dataclass(frozen=True, slots=True)
class Found:
    """Faces of one pass.

    Attributes:
        boxes_xyxy: shape (n, 4).
        scores: shape (n,), 0 to 1.
        landmarks_xy: shape (n, 5, 2); NaN where the detector gives none.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray
    landmarks_xy: FloatArray

    def select(self, which: npt.NDArray[np.generic]) -> Found:
        """Those of a mask, or of indices and in their order."""
        return Found(self.boxes_xyxy[which], self.scores[which], self.landmarks_xy[which])

    def move(self, scale_xy: tuple[float, float], offset_xy: tuple[float, float]) -> Found:
        """The same faces in other coordinates: first scaled, then moved."""
        scale, offset = np.array(scale_xy), np.array(offset_xy)
        boxes = self.boxes_xyxy.reshape(-1, 2, 2) * scale + offset
        return Found(boxes.reshape(-1, 4), self.scores, self.landmarks_xy * scale + offset)


Finder = Callable[[ImageRgb], Found]
"""Sees whatever may be a face, of any score over `MAYBE`."""

MAYBE = 0.3
"""What has a lower score is no face; see `affekt.inference.find.tiles` for what is one."""


def concatenate(parts: Sequence[Found]) -> Found:
    """All faces of several passes."""
    return Found(
        np.concatenate([part.boxes_xyxy for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.landmarks_xy for part in parts]),
    )


def merge(found: Found, max_iou: float = MAX_IOU, max_inside: float = MAX_INSIDE) -> Found:
    """Duplicates merged: of boxes that overlap, or lie in one another, the best scored."""
    return found.select(nms_xyxy(found.boxes_xyxy, found.scores, max_iou, max_inside))


def to_faces(found: Found, width: int, height: int) -> tuple[Face, ...]:
    """Cut to the picture, largest first; those of less than a pixel are left out."""
    boxes = clip_xyxy(found.boxes_xyxy, width, height)
    sides = boxes[:, 2:] - boxes[:, :2]
    order = [i for i in np.argsort(-sides.prod(axis=1), kind="stable") if sides[i].min() >= 1]
    return tuple(_face(boxes[i], found.scores[i], found.landmarks_xy[i]) for i in order)


def _face(box: FloatArray, score: float, landmarks: FloatArray) -> Face:
    x1, y1, x2, y2 = (float(v) for v in box)
    points = (
        None if np.isnan(landmarks).any() else tuple((float(x), float(y)) for x, y in landmarks)
    )
    return Face((x1, y1, x2, y2), min(float(score), 1.0), points)
