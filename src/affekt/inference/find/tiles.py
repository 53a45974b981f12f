"""How a picture is looked at, so that faces of every size in it are found, each once.

A network sees faces of a limited range of sizes, best those that fill a tenth to half of what it
is shown. `look_at_scales` shows it

* the whole picture, shrunk to 480 pixels on the long side where it is larger: for the large faces,
  up to one that fills the picture;
* and, where it was shrunk, the picture at its own size (at most 1920 pixels on the long side), in
  overlapping tiles as wide as it is and at most 768 pixels high, for the small ones. Faces over 240
  pixels are left to the first look, which knows them better, and so is what lies within one of its
  faces. Faces cut by the inner border of a tile are left to the neighbour, which sees them whole
  thanks to the overlap.

What is not sure enough to be reported is kept too: what has a weak score, is cut by a border, or is
too large for the look that saw it may be a face, and is blurred where faces are to be.

Measured on clear faces pasted into real pictures without one: in pictures of 1280 and 1920 pixels
72% to 93% of faces 20 pixels high are found, 93% to 100% of those of 24, all from 32 on; of 4000
pixels 90% of those of 48 and all from 64 on. On a cluttered picture of 1920 pixels, with faces of
films that are turned, blurred or covered, 57% of those of 24 pixels, 74% of 32 and all of 64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from affekt.arrays import BoolArray, FloatArray
from affekt.geometry import area_xyxy, intersection_xyxy
from affekt.inference.find.found import Finder, Found, concatenate, merge
from affekt.media import ImageRgb, resize

MIN_SCORE, MIN_SCORE_TILES = 0.6, 0.7
"""Faces with a lower score are not reported, by any detector: chosen by looking at real photos.

Tiles of pictures over `SMALL` ask for more, for there are many more places to look at, and large
plain ones (a knot of a tie).
"""

WHOLE, TILE, OVERLAP, LARGEST, MOST_IN_TILE = 480, 768, 128, 1920, 240
"""Pixels of the picture as a look sees it; see the head of this file."""

SMALL, TINY = 960, 80
"""Pixels on the long side: up to `SMALL` tiles trust as much, up to `TINY` a look is doubled."""

LARGE = 0.25
"""A face of more than that share of the picture's long side is seen best where it is shrunk."""

WITHIN = 0.7
"""A box of which a larger share lies in another one is within it."""

SizeXy = tuple[int, int]
TileXyxy = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen in a picture, in its pixels.

    Attributes:
        sure: the faces to report, none twice, best score first.
        unsure: what may be a face too, for blurring.
    """

    sure: Found
    unsure: Found


def look_at_scales(find: Finder, image_rgb: ImageRgb) -> Looked:
    """What a finder sees in the looks that the head of this file describes.

    Args:
        find: sees what may be a face in a picture of at most 1920 x 768 pixels.
        image_rgb: shape (height, width, 3).
    """
    height, width = image_rgb.shape[:2]
    small = fitted(image_rgb)
    whole = find(small).move((width / small.shape[1], height / small.shape[0]), (0, 0))
    good = whole.scores >= MIN_SCORE
    sure, unsure = [whole.select(good)], [whole.select(~good)]
    if max(height, width) > WHOLE:
        tiles, doubtful = _find_in_tiles(find, image_rgb)
        parts = _part_of(tiles.boxes_xyxy, sure[0].boxes_xyxy, LARGE * max(height, width))
        sure.append(tiles.select(~parts))
        unsure += [tiles.select(parts), doubtful]
    reported = merge(concatenate(sure))
    others = concatenate([*unsure, *sure])
    others = others.select(~covered_by(others.boxes_xyxy, reported.boxes_xyxy))
    return Looked(reported, merge(others, max_iou=0.5, max_inside=1.0))


def fitted(image_rgb: ImageRgb, whole: int = WHOLE) -> ImageRgb:
    """The picture as it is looked at as a whole, with at most that many pixels on its long side."""
    longest = max(image_rgb.shape[:2])
    if longest > whole:
        return _scaled(image_rgb, whole / longest, gap=1.0)
    return _scaled(image_rgb, 2.0) if longest <= TINY else image_rgb


def tile_spans(length: int, tile: int = TILE, overlap: int = OVERLAP) -> list[tuple[int, int]]:
    """The fewest equal tiles that cover a length and overlap by at least ``overlap``.

    >>> tile_spans(700), tile_spans(1700)
    ([(0, 700)], [(0, 652), (524, 1176), (1048, 1700)])
    """
    if length <= tile:
        return [(0, length)]
    count = math.ceil((length - overlap) / (tile - overlap))
    side = math.ceil((length + (count - 1) * overlap) / count)
    starts = [round(i * (length - side) / (count - 1)) for i in range(count)]
    return [(start, start + side) for start in starts]


def cut_by_border(boxes_xyxy: FloatArray, tile_xyxy: TileXyxy, size_xy: SizeXy) -> BoolArray:
    """Which boxes reach a border of the tile that is not a border of the picture.

    A box within 10% of its size of the border counts, for half a face looks like a smaller one.

    >>> cut_by_border(np.array([[5.0, 5, 9, 9], [2, 2, 6, 6]]), (0, 0, 10, 10), (20, 10)).tolist()
    [True, False]
    """
    margin = 1 + 0.1 * (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2])
    start, end = np.array(tile_xyxy[:2]), np.array(tile_xyxy[2:])
    before = (start > 0) & (boxes_xyxy[:, :2] < start + margin)
    behind = (end < np.array(size_xy)) & (boxes_xyxy[:, 2:] > end - margin)
    return np.asarray((before | behind).any(axis=1))


def covered_by(boxes_xyxy: FloatArray, others_xyxy: FloatArray, share: float = WITHIN) -> BoolArray:
    """Which boxes lie, by more than a share of their own area, in one of the others.

    >>> covered_by(np.array([[0, 0, 2, 2], [0, 0, 9, 9]]), np.array([[0, 0, 3, 3]])).tolist()
    [True, False]
    """
    shared = intersection_xyxy(boxes_xyxy, others_xyxy).max(axis=1, initial=0.0)
    return np.asarray(shared > share * area_xyxy(boxes_xyxy))


def _find_in_tiles(find: Finder, image_rgb: ImageRgb) -> tuple[Found, Found]:
    """The faces, and what may be one, in pixels of the picture."""
    height, width = image_rgb.shape[:2]
    if max(height, width) > LARGEST:
        image_rgb = _scaled(image_rgb, LARGEST / max(height, width))
    rows, columns = image_rgb.shape[:2]
    least = MIN_SCORE if max(rows, columns) <= SMALL else MIN_SCORE_TILES
    good, doubtful = [], []
    for tile in _tiles(columns, rows):
        x1, y1, x2, y2 = tile
        found = find(image_rgb[y1:y2, x1:x2]).move((1, 1), (x1, y1))
        large = (found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]).max(axis=1) > MOST_IN_TILE
        cut = cut_by_border(found.boxes_xyxy, tile, (columns, rows))
        trusted = ~cut & ~large & (found.scores >= least)
        good.append(found.select(trusted))
        doubtful.append(found.select(~trusted))
    scale = (width / columns, height / rows)
    return concatenate(good).move(scale, (0, 0)), concatenate(doubtful).move(scale, (0, 0))


def _scaled(image_rgb: ImageRgb, scale: float, gap: float = 2.0) -> ImageRgb:
    height, width = image_rgb.shape[:2]
    return resize(image_rgb, max(1, round(width * scale)), max(1, round(height * scale)), gap)


def _tiles(columns: int, rows: int) -> Iterator[TileXyxy]:
    for top, bottom in tile_spans(rows):
        yield 0, top, columns, bottom


def _part_of(boxes_xyxy: FloatArray, others_xyxy: FloatArray, large: float) -> BoolArray:
    """Which boxes are parts of other, much larger or at all large ones: an eye, half a face."""
    areas, whole = area_xyxy(boxes_xyxy)[:, None], area_xyxy(others_xyxy)[None]
    inside = intersection_xyxy(boxes_xyxy, others_xyxy) > WITHIN * areas
    return np.asarray((inside & ((4 * areas < whole) | (whole > large**2))).any(axis=1))
