"""People found by a YOLOX file (Ge et al. 2021, arXiv 2107.08430) in ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from affekt.arrays import FloatArray, FloatArray32
from affekt.errors import UsageError
from affekt.geometry import clip_xyxy, nms_xyxy
from affekt.inference.session import Node, open_detector
from affekt.media import ImageRgb, resize
from affekt.results import BoxXyxy

STRIDES = (8, 16, 32)
PERSON = 0
"""The number of the class among COCO's 80."""

MIN_SCORE = 0.4
MAX_IOU = 0.45
"""Boxes with a lower score are dropped, and of boxes that overlap more the best is kept.

With these, YOLOX-nano finds 93.4% of 1,010 annotated people of EMOTIC (overlap 0.5 or more); an
overlap of 0.65, common for YOLOX, finds 94.1% but gives many people two boxes and one face.
"""

MOST_SIDE = 4096
"""Of an input, in pixels; the largest published has 1280."""

MOST_LOG = 20.0
"""Of a size: what is larger is cut to the picture anyway, and its exponential may have no end."""

GREY = 114
"""What YOLOX is trained to see beside a picture of another shape than its input."""


@dataclass(frozen=True, slots=True)
class PersonBox:
    """A person found in a picture.

    Attributes:
        box_xyxy: in pixels of the picture, inside it.
        score: the detector's confidence, 0 to 1.
    """

    box_xyxy: BoxXyxy
    score: float


class PersonDetector(Protocol):
    """Whatever finds people; it must be safe to call from several threads."""

    def detect(self, image_rgb: ImageRgb) -> list[PersonBox]:
        """The people of a picture of shape (height, width, 3), largest first."""


class YoloxDetector:
    """Finds people with a YOLOX file trained on COCO, of any size (nano to x).

    Args:
        path: the ONNX file as the official export writes it: one input of fixed size, one output
            that is not decoded yet.
        threads: for one run; all cores by default.

    Raises:
        UsageError: the file is missing or is no such model.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        self._session = open_detector(path, "YOLOX", threads)
        inputs, outputs = self._session.inputs, self._session.outputs
        size = _size(*inputs.values(), *outputs.values()) if len(inputs) == 1 else None
        if size is None:
            raise UsageError(
                f"{path}: not a YOLOX model, input {[n.describe() for n in inputs.values()]} and "
                f"output {[n.describe() for n in outputs.values()]}; the input must be "
                "[1, 3, height, width] and the output [1, cells, 5 + classes]"
            )
        self._input, self._output, self._size = next(iter(inputs)), next(iter(outputs)), size

    def detect(self, image_rgb: ImageRgb) -> list[PersonBox]:
        """The people of a picture, largest first; the picture is seen once, as a whole."""
        planes, scale = letterbox(image_rgb, *self._size)
        raw: FloatArray32 = self._session.run([self._output], {self._input: planes}, 1)[0][0]
        boxes, scores = decode(raw, *self._size)
        height, width = image_rgb.shape[:2]
        boxes = clip_xyxy(boxes / scale, width, height)
        kept = nms_xyxy(boxes, scores, MAX_IOU)
        sides = boxes[kept, 2:] - boxes[kept, :2]
        order = np.argsort(-sides.prod(axis=1), kind="stable")
        return [_person(boxes[kept[i]], scores[kept[i]]) for i in order if sides[i].min() >= 1]


def letterbox(image_rgb: ImageRgb, width: int, height: int) -> tuple[FloatArray32, float]:
    """The picture as YOLOX takes it: in the upper left corner of a grey input, aspect kept.

    Returns:
        Shape (1, 3, height, width), BGR, 0 to 255; and how many of its pixels a pixel of the
        picture takes.

    >>> planes, scale = letterbox(np.zeros((10, 20, 3), np.uint8), 8, 8)
    >>> scale, planes[0, 0, :, 0].tolist()
    (0.4, [0.0, 0.0, 0.0, 0.0, 114.0, 114.0, 114.0, 114.0])
    """
    rows, columns = image_rgb.shape[:2]
    scale = min(width / columns, height / rows)
    small = resize(image_rgb, max(1, round(columns * scale)), max(1, round(rows * scale)))
    planes = np.full((1, 3, height, width), GREY, dtype=np.float32)
    planes[0, :, : small.shape[0], : small.shape[1]] = small[..., ::-1].transpose(2, 0, 1)
    return planes, scale


def decode(raw: FloatArray32, width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """The people in a raw output, in pixels of the input.

    Args:
        raw: shape (cells, 5 + classes): centre relative to the cell and logarithm of the size,
            both in strides; probability of any object; probability of each class. The cells of
            the finest stride come first, row by row.
        width: of the input in pixels.
        height: likewise.

    Returns:
        Boxes (n, 4) and scores (n,), those of at least `MIN_SCORE` whose likeliest class is a
        person.
    """
    scores = raw[:, 4].astype(np.float64) * raw[:, 5 + PERSON]
    chosen = (scores >= MIN_SCORE) & (raw[:, 5:].argmax(axis=1) == PERSON)
    cells, strides = _grid(width, height)
    values = raw[chosen].astype(np.float64)
    centre = (values[:, :2] + cells[chosen]) * strides[chosen]
    half = np.exp(np.minimum(values[:, 2:4], MOST_LOG)) * strides[chosen] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes, scores[chosen]


def _grid(width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """Column and row of every cell (n, 2), and its stride (n, 1)."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64))
        strides.append(np.full((rows.size, 1), float(stride)))
    return np.concatenate(cells), np.concatenate(strides)


def _size(takes: Node, gives: Node, *_: Node) -> tuple[int, int] | None:
    """Width and height of the input; None where these are no YOLOX model's input and output."""
    height, width = [side if isinstance(side, int) else 0 for side in (0, 0, *takes.shape)[-2:]]
    cells = sum((height // stride) * (width // stride) for stride in STRIDES)
    classes = gives.shape[-1] if gives.shape else None
    fits = (
        isinstance(classes, int)
        and cells > 0
        and max(height, width) <= MOST_SIDE
        and takes.is_like(1, 3, height, width)
        and gives.is_like(1, cells, max(classes, 6))
    )
    return (width, height) if fits else None


def _person(box: FloatArray, score: float) -> PersonBox:
    x1, y1, x2, y2 = (float(v) for v in box)
    return PersonBox((x1, y1, x2, y2), min(float(score), 1.0))
