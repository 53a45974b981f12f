"""TIFF: entries may name the same bytes, tiles be larger than the picture, JPEGs stand inside."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

from affekt.errors import MediaError
from affekt.media.guards import CheckSize
from affekt.media.guards.jpeg import count_scans, most_scans

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
"""Bytes of one value by the number of its type."""

_WIDTH, _HEIGHT, _COMPRESSION, _ROWS_PER_STRIP = 256, 257, 259, 278
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_JPEGS = frozenset({6, 7})


@dataclass(frozen=True, slots=True)
class Listing:
    """What the first picture's entries say.

    Attributes:
        stated: the bytes that they name and the file could give, all together.
        numbers: for each tag whose value is one whole number that number.
    """

    stated: int
    numbers: Mapping[int, int]


def guard_tiff(stream: BinaryIO, check_size: CheckSize) -> BinaryIO:
    """Bounds the entries, the tiles and the scans of JPEGs inside; see `affekt.media.guards`."""
    whole = stream.seek(0, io.SEEK_END)
    listing = read_listing(stream, whole)
    if listing.stated > whole:
        raise MediaError("a TIFF whose entries state more bytes than the file has: not read")
    width, height = (listing.numbers.get(tag, 0) for tag in (_WIDTH, _HEIGHT))
    check_size(width, height)
    check_size(*(listing.numbers.get(tag, 0) for tag in (_TILE_WIDTH, _TILE_HEIGHT)))
    if listing.numbers.get(_COMPRESSION) in _JPEGS:
        most = most_scans(width * height) * pieces(listing.numbers)
        if count_scans(stream, 0, most) > most:
            raise MediaError(
                f"a TIFF of {width} x {height} pixels in JPEGs with over {most} scans, which "
                "would take very long to decode: not read"
            )
    stream.seek(0)
    return stream


def pieces(numbers: Mapping[int, int]) -> int:
    """How many strips or tiles a picture is in, all of one size.

    >>> pieces({256: 100, 257: 90, 278: 40}), pieces({256: 100, 257: 90, 322: 64, 323: 64})
    (3, 4)
    """
    width, height = (max(1, numbers.get(tag, 1)) for tag in (_WIDTH, _HEIGHT))
    columns = -(-width // max(1, numbers.get(_TILE_WIDTH, width)))
    rows = max(1, numbers.get(_TILE_HEIGHT, numbers.get(_ROWS_PER_STRIP, height)))
    return columns * -(-height // rows)


def read_listing(stream: BinaryIO, whole: int) -> Listing:
    """The first picture's entries, of a file of that many bytes; damaged ones left out."""
    stream.seek(0)
    head = stream.read(16)
    order: Literal["big", "little"] = "big" if head[:2] == b"MM" else "little"
    big = int.from_bytes(head[2:4], order) == 43
    word, entry = (8, 20) if big else (4, 12)
    stream.seek(min(whole, int.from_bytes(head[8:16] if big else head[4:8], order)))
    count = int.from_bytes(stream.read(8 if big else 2), order)
    content = stream.read(entry * min(count, 65_536))
    stated, numbers = 0, dict[int, int]()
    for at in range(0, len(content) - entry + 1, entry):
        tag, kind = (int.from_bytes(content[at + i : at + i + 2], order) for i in (0, 2))
        values = int.from_bytes(content[at + 4 : at + 4 + word], order)
        size, place = _SIZES.get(kind, 0), at + 4 + word
        stated += min(size * values, whole) if size * values > word else 0
        if values == 1 and 0 < size <= word:
            numbers[tag] = int.from_bytes(content[place : place + size], order)
    return Listing(stated, numbers)
