"""Faces by YuNet (Wu et al. 2023, doi:10.1007/s11633-023-1423-y) in ONNX Runtime."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from affekt.arrays import FloatArray32
from affekt.errors import UsageError
from affekt.inference.find.found import MAYBE, Found, concatenate, merge
from affekt.inference.find.turned import Look, look_any_way_up, turn_face, turned_size
from affekt.inference.session import open_detector
from affekt.media import ImageRgb
from affekt.results import Face

STRIDES = (8, 16, 32)
KINDS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""What a YuNet file gives for every stride, and the numbers per cell, see `decode_yunet`."""

MOST_LOG = 20.0
"""Of a size in strides: what is larger is cut to the picture anyway."""


class YuNetDetector:
    """A YuNet file (Wu et al. 2023) in ONNX Runtime, decoded here.

    Args:
        path: the ONNX file, of the layout that OpenCV's ``FaceDetectorYN`` reads.
        threads: for one run; all cores by default.

    Raises:
        UsageError: the file is missing or is no YuNet model.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        self._session = open_detector(path, "YuNet", threads)
        self._input = next(iter(self._session.inputs), "")
        self._outputs = [f"{kind}_{s}" for s in STRIDES for kind in KINDS]
        missing = {*self._outputs} - {*self._session.outputs}
        if missing:
            raise UsageError(f"{path}: not a YuNet model, it has no output {min(missing)!r}")

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        """The faces of a picture, whichever way up it is, in its own pixels; largest first."""
        look = self.look(image_rgb)
        size = turned_size(image_rgb, look.rotation)
        return [turn_face(face, -look.rotation, size) for face in look.faces]

    def look(self, image_rgb: ImageRgb) -> Look:
        """The faces of a picture, what may be one, and which way is up."""
        return look_any_way_up(self._find, image_rgb)

    def _find(self, image_rgb: ImageRgb) -> Found:
        padded = _pad_bgr(image_rgb, max(STRIDES))
        values = self._session.run(self._outputs, {self._input: padded})
        rows, columns = padded.shape[2:]
        kinds, levels = len(KINDS), []
        for i, stride in enumerate(STRIDES):
            level = values[kinds * i : kinds * (i + 1)]
            cells = (rows // stride) * (columns // stride)
            if [v.shape for v in level] != [(1, cells, width) for width in KINDS.values()]:
                raise UsageError(
                    f"{self._session.path}: not a YuNet model, at stride {stride} it gives "
                    f"{[v.shape for v in level]}"
                )
            levels.append(decode_yunet(level, stride, columns // stride))
        return merge(concatenate(levels))


def decode_yunet(level: list[FloatArray32], stride: int, columns: int) -> Found:
    """One level of YuNet's outputs as the faces over `MAYBE`, in pixels of its input.

    Args:
        level: ``cls`` (1, cells, 1), probability of a face; ``obj`` (1, cells, 1), expected
            overlap of the box; ``bbox`` (1, cells, 4), centre relative to the cell and logarithm
            of the size, in strides; ``kps`` (1, cells, 10), five points relative to the cell.
        stride: pixels per cell.
        columns: cells per row.
    """
    cls, obj, bbox, kps = (values[0] for values in level)
    scores = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
    index = np.flatnonzero(scores >= MAYBE)
    cell = np.stack([index % columns, index // columns], axis=1).astype(np.float64)
    centre = cell + bbox[index, :2]
    half = np.exp(np.minimum(bbox[index, 2:].astype(np.float64), MOST_LOG)) / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    points = cell[:, None] + kps[index].reshape(-1, 5, 2)
    return Found(stride * boxes, scores[index].astype(np.float64), stride * points)


def _pad_bgr(image_rgb: ImageRgb, multiple: int) -> FloatArray32:
    """Shape (1, 3, h, w) in BGR order, padded at the right and below to a multiple, 0 to 255."""
    height, width = image_rgb.shape[:2]
    size = (math.ceil(height / multiple) * multiple, math.ceil(width / multiple) * multiple)
    padded = np.empty((1, 3, *size), dtype=np.float32)
    padded[..., height:, :] = padded[..., width:] = 0
    for channel in range(3):  # one by one: twice as fast
        padded[0, channel, :height, :width] = image_rgb[..., 2 - channel]
    return padded
