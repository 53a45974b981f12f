"""The pictures that speed is measured on: those given, or made from the packaged photo."""

from __future__ import annotations

import shutil
import statistics
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from affekt.errors import MediaError
from affekt.media import ImageRgb, Source, expand_sources, read_picture, write_picture
from peers.environment import BUILD

MONTAGES = ((1, 1), (2, 1), (3, 2))
"""Columns and rows of astronauts in the pictures that are used by default."""

LARGE, SIDES = (1866, 1400), ((1400, 1), (700, 2), (300, 6))
"""The size of a photo of 2.6 megapixels, and the sides and numbers of the astronauts in each."""


def find_photos(sources: list[str]) -> list[Path]:
    """The pictures given, or the packaged one and montages of it."""
    if not sources:
        return _montages()
    found = []
    for item in expand_sources(sources).items:
        if isinstance(item, MediaError):
            raise item
        if not isinstance(item, Source) or not isinstance(item.picture, str):
            raise MediaError(f"{item.name}: give files")
        found.append(Path(item.picture))
    return found


def photos_note(photos: list[Path], given: bool) -> dict[str, Any]:
    """What the pictures are, without their names where they are not ours."""
    sizes = [read_picture(photo).shape for photo in photos]
    montages = "the packaged astronaut photo and montages of it, 1, 2 and 6 faces each"
    return {
        "what": "photos given" if given else montages,
        "count": len(photos),
        "mean_megapixels": statistics.mean(s[0] * s[1] for s in sizes) / 1e6,
    }


def large_photos() -> list[Path]:
    """Files of 2.6 megapixels with 1, 2 and 6 faces, so many that a stream flows."""
    astronaut = Image.fromarray(_astronaut())
    folder, made = _empty("large"), []
    for side, count in SIDES:
        picture = astronaut.resize(LARGE).filter(ImageFilter.GaussianBlur(40))
        for i in range(count):
            place = (10 + i % 3 * (side + 10), i // 3 * (side + 10))
            picture.paste(astronaut.resize((side, side), Image.Resampling.BICUBIC), place)
        for number in range(8):
            made.append(folder / f"{count}_{number}.jpg")
            write_picture(made[-1], np.asarray(picture))
    return made


def _montages() -> list[Path]:
    """Twelve files: each montage four times, so that a round lasts long enough to be timed."""
    folder, astronaut, made = _empty("photos"), _astronaut(), []
    for number in range(4):
        for columns, rows in MONTAGES:
            made.append(folder / f"{columns}x{rows}_{number}.jpg")
            write_picture(made[-1], np.tile(astronaut, (rows, columns, 1)))
    return made


def _astronaut() -> ImageRgb:
    with as_file(files("affekt") / "assets" / "astronaut.jpg") as path:
        return read_picture(path)


def _empty(name: str) -> Path:
    folder = BUILD / "benchmarks" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
