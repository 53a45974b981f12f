"""Where the face lies in a picture: found by a detector, or measured once for a set of crops.

Sets of ready-made face crops are cut differently from each other and from detected faces. A set's
framing is the median box that the detector finds in its pictures, relative to their sides: with it
the one crop rule (`affekt.geometry.face_crop_matrix`) shows a face alike, whatever its source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from affekt.data.sets.packing import moved_face
from affekt.geometry import similarity_matrix
from affekt.media import ImageRgb, warp
from affekt.results import BoxXyxy, Face

Detect = Callable[[ImageRgb], list[Face]]
"""Finds the faces of a picture of shape (height, width, 3), RGB."""

CROP_SIDE = 224
"""A ready-made crop is brought to this many pixels before the detector looks at it."""
CROP_MARGIN = 0.4
"""Black border around it, as a share of its side: detectors miss faces that fill a picture."""
WHOLE_PICTURE: BoxXyxy = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Framing:
    """How a set of face crops is cut.

    Attributes:
        box: the face's box as shares of a picture's width and height; may exceed 0 to 1.
        sampled: pictures that the detector looked at.
        found: pictures in which it found a face.
        measured: False where too few were found, and the whole picture stands for the face.
    """

    box: BoxXyxy
    sampled: int
    found: int
    measured: bool

    def box_xyxy(self, width: int, height: int) -> BoxXyxy:
        """The face's box in pixels in a picture of this set.

        >>> Framing((0.1, 0.0, 0.9, 1.0), 8, 8, True).box_xyxy(100, 50)
        (10.0, 0.0, 90.0, 50.0)
        """
        x1, y1, x2, y2 = self.box
        return (x1 * width, y1 * height, x2 * width, y2 * height)

    def describe(self) -> str:
        """One line for the manifest's note and the summary."""
        found = f"faces found in {self.found} of {self.sampled} sampled pictures"
        if not self.measured:
            return f"whole picture taken as the face: {found}, too few to measure the framing"
        return f"median face box {', '.join(f'{v:.3f}' for v in self.box)}: {found}"


def measure_framing(pictures: Iterable[ImageRgb], detect: Detect) -> Framing:
    """The median relative face box over sampled crops.

    Where the detector finds a face in fewer than half of them, the whole picture is taken, and
    ``measured`` is False.
    """
    boxes: list[list[float]] = []
    sampled = 0
    for image in pictures:
        sampled += 1
        face = find_face_in_crop(image, detect)
        if face is not None:
            height, width = image.shape[:2]
            boxes.append((np.array(face.box_xyxy) / [width, height, width, height]).tolist())
    if not boxes or 2 * len(boxes) < sampled:
        return Framing(WHOLE_PICTURE, sampled, len(boxes), measured=False)
    x1, y1, x2, y2 = np.median(boxes, axis=0).tolist()
    return Framing((x1, y1, x2, y2), sampled, len(boxes), measured=True)


def find_face(image_rgb: ImageRgb, detect: Detect) -> Face | None:
    """The main face of a portrait or of a tight crop, or None."""
    height, width = image_rgb.shape[:2]
    face = main_face(detect(image_rgb), width, height)
    return find_face_in_crop(image_rgb, detect) if face is None else face


def find_face_in_crop(image_rgb: ImageRgb, detect: Detect) -> Face | None:
    """The main face of a tight crop, found on the enlarged picture with a black border."""
    height, width = image_rgb.shape[:2]
    side = round(CROP_SIDE * (1 + 2 * CROP_MARGIN))
    scale = max(width, height) / CROP_SIDE
    matrix = similarity_matrix((width / 2, height / 2), scale, 0.0, (side / 2, side / 2))
    faces = [moved_face(face, matrix) for face in detect(warp(image_rgb, matrix, side))]
    return main_face(faces, width, height)


def main_face(faces: list[Face], width: int, height: int) -> Face | None:
    """The face that a picture is of: large, sure and near the middle; None without faces.

    >>> small, large = Face((0, 0, 10, 10), 0.9), Face((20, 20, 80, 80), 0.9)
    >>> main_face([small, large], 100, 100) is large
    True
    """

    def weight(face: Face) -> float:
        x1, y1, x2, y2 = face.box_xyxy
        off = math.hypot((x1 + x2) / 2 - width / 2, (y1 + y2) / 2 - height / 2)
        side = math.sqrt(max(0.0, x2 - x1) * max(0.0, y2 - y1))
        return side * face.score * max(0.0, 1 - off / math.hypot(width, height))

    return max(faces, key=weight, default=None)
