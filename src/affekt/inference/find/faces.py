"""The `FaceDetector` seam: whatever finds faces, and the one that comes with Affekt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from affekt.bundle import EMBEDDED
from affekt.inference.find.turned import Look
from affekt.inference.find.yunet import YuNetDetector
from affekt.media import ImageRgb
from affekt.results import Face

YUNET = EMBEDDED / "yunet" / "yunet.onnx"
"""Beside it lie its card and its licence."""


class FaceDetector(Protocol):
    """Whatever finds faces; it must be safe to call from several threads."""

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        """The faces of a picture of shape (height, width, 3), largest first.

        Boxes reach from forehead to chin, in pixels of the picture.
        """


def look_at(detector: FaceDetector, image_rgb: ImageRgb) -> Look:
    """What a detector sees, and which way is up.

    A detector that only has ``detect`` is sure of all it gives, and takes pictures as upright;
    one with a method ``look``, as `YuNetDetector` has it, may say more.
    """
    look: Callable[[ImageRgb], Look] | None = getattr(detector, "look", None)
    return Look(tuple(detector.detect(image_rgb))) if look is None else look(image_rgb)


def load_face_detector(path: str | Path | None = None, threads: int | None = 1) -> FaceDetector:
    """The detector of a YuNet file, or the one that comes with Affekt.

    Args:
        path: see `YuNetDetector`.
        threads: for one run; None for all cores.

    Raises:
        UsageError: the file is missing or is no YuNet model.
    """
    return YuNetDetector(YUNET if path is None else path, threads)
