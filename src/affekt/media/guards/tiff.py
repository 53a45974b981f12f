"""TIFF: its entries may all name the same bytes, each to be read anew."""

from __future__ import annotations

import io
from typing import BinaryIO, Literal

from affekt.errors import MediaError
from affekt.media.guards import CheckSize

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
"""Bytes of one value by the number of its type."""


def guard_tiff(stream: BinaryIO, check_size: CheckSize) -> BinaryIO:
    """Refuses entries that state more bytes than the file has; see `affekt.media.guards`."""
    whole = stream.seek(0, io.SEEK_END)
    if stated_bytes(stream, whole) > whole:
        raise MediaError("a TIFF whose entries state more bytes than the file has: not read")
    stream.seek(0)
    return stream


def stated_bytes(stream: BinaryIO, whole: int) -> int:
    """The bytes that the first picture's entries name and the file could give, all together."""
    stream.seek(0)
    head = stream.read(16)
    order: Literal["big", "little"] = "big" if head[:2] == b"MM" else "little"
    big = int.from_bytes(head[2:4], order) == 43
    word, entry = (8, 20) if big else (4, 12)
    stream.seek(min(whole, int.from_bytes(head[8:16] if big else head[4:8], order)))
    count = int.from_bytes(stream.read(8 if big else 2), order)
    listing = stream.read(entry * min(count, 65_536))
    total = 0
    for at in range(0, len(listing) - entry + 1, entry):
        kind = int.from_bytes(listing[at + 2 : at + 4], order)
        size = _SIZES.get(kind, 0) * int.from_bytes(listing[at + 4 : at + 4 + word], order)
        total += min(size, whole) if size > word else 0
    return total
