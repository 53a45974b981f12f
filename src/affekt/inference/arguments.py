"""What is given to `affekt.inference.predictor.load` in Python, checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affekt.errors import UsageError
from affekt.inference.boxes_file import Boxes, boxes_by_picture, read_boxes
from affekt.results import BoxXyxy
from affekt.typed import shown

MOST_THREADS = 1024
"""More are a mistake, and each costs memory."""


def check_model(model: object) -> str | Path:
    """A model's name or folder.

    Raises:
        UsageError: anything else.
    """
    if isinstance(model, str | Path):
        return model
    raise UsageError(f"model: {shown(model)}; give the name of a model or the folder of a bundle")


def check_count(name: str, value: object, most: int | None = None) -> None:
    """Sees that an argument is a whole number of at least 1.

    Raises:
        UsageError: it is none, or is over ``most``.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 1 <= value <= (most or value):  # type: ignore[operator]
        accepted = f"from 1 to {most}" if most else "of 1 or more"
        raise UsageError(f"{name}: {shown(value)}; give a whole number {accepted}")


def check_threads(threads: object) -> None:
    """Sees that a number of threads can be run, None standing for all cores.

    Raises:
        UsageError: it cannot.
    """
    if threads is not None:
        check_count("threads", threads, MOST_THREADS)


def check_detector(name: str, detector: Any, found: str) -> None:
    """Sees that an object of the caller's looks like a detector.

    Args:
        name: of the argument.
        detector: anything.
        found: what ``detect`` gives.

    Raises:
        UsageError: it has no method ``detect``.
    """
    if isinstance(detector, type) or not callable(getattr(detector, "detect", None)):
        raise UsageError(
            f"{name}: {shown(detector)}; give a file, or an object whose method "
            f"detect(image_rgb) returns a list of {found}"
        )


def check_boxes(boxes: Mapping[Any, Sequence[BoxXyxy]] | Boxes | str | Path) -> Boxes:
    """Boxes of people, from a mapping or a file.

    Raises:
        UsageError: they are neither, or one is no box.
    """
    if isinstance(boxes, Boxes):
        return boxes
    if isinstance(boxes, Mapping):
        return boxes_by_picture(boxes)
    if isinstance(boxes, str | Path):
        return read_boxes(boxes)
    raise UsageError(
        f"boxes: {shown(boxes)}; give a CSV or JSON file, or a dict from the name of each picture "
        "to its boxes"
    )
