"""How a picture is looked at, so that faces of every size in it are found.

A network sees faces of a limited range of sizes; `detect_at_scales` gives it

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

import numpy as np
import numpy.typing as npt

from affekt.geometry import FloatArray
from affekt.inference.find.found import Finder, Found, concatenate, to_faces
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
        found = concatenate([_find_shrunk(find, image_rgb), _find_in_tiles(find, image_rgb)])
    return to_faces(found, width, height)


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


def _find_shrunk(find: Finder, image_rgb: ImageRgb) -> Found:
    height, width = image_rgb.shape[:2]
    scale = WHOLE / max(height, width)
    small = resize(image_rgb, max(1, round(width * scale)), max(1, round(height * scale)))
    return find(small).move((width / small.shape[1], height / small.shape[0]), (0, 0))


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
            found = find(image_rgb[y1:y2, x1:x2]).move((1, 1), (x1, y1))
            cut = cut_by_border(found.boxes_xyxy, (x1, y1, x2, y2), columns, rows)
            parts.append(found.select(~cut & (found.scores >= MIN_SCORE_TILES)))
    return concatenate(parts).move((width / columns, height / rows), (0, 0))
