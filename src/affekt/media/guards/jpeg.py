"""JPEG: every scan goes over the whole picture, and filling is skipped a byte at a time."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from affekt.errors import MediaError
from affekt.media.guards import CheckSize

SEGMENT_LIMIT = 4096
FILLING_LIMIT = 65_536
"""Bytes between the header's segments."""

LATE_FILLING_LIMIT = 4 * 2**20
"""Bytes of filling after the header, over which the decoder goes again for every 64 KiB more."""

SCANNED_PIXELS = 1_600_000_000
"""Pixels times scans; about 8 seconds. Encoders write up to 12 scans."""

FEWEST_SCANS, MOST_SCANS = 24, 1000

_START_OF_SCAN = 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_BLOCK = 2**20
_FILLING = b"\xff" * 64
"""Compressed data never hold two such bytes together."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the header: its marker, its place after the marker, the bytes there."""

    marker: int
    start: int
    head: bytes


def guard_jpeg(stream: BinaryIO, check_size: CheckSize) -> BinaryIO:
    """Bounds the header's segments and filling, and the scans; see `affekt.media.guards`."""
    frame = scan = None
    for segment in segments(stream):
        if segment.marker in _FRAMES:
            frame = segment
        if segment.marker == _START_OF_SCAN:
            scan = segment
    if frame is not None and scan is not None and len(frame.head) > 7 and len(scan.head) > 2:
        height, width = (int.from_bytes(frame.head[i : i + 2], "big") for i in (3, 5))
        at_once = frame.marker in _SEQUENTIAL and frame.head[7] == scan.head[2]
        most = most_scans(width * height)
        if not at_once and count_scans(stream, scan.start, most) > most:
            raise MediaError(
                f"a JPEG of {width} x {height} pixels with over {most} scans, which would take "
                "very long to decode: not read"
            )
        if has_late_filling(stream, scan.start):
            raise MediaError("a JPEG with over 4 MiB of filling in its scans: not read")
    stream.seek(0)
    return stream


def most_scans(pixels: int) -> int:
    """How many scans a JPEG may have.

    >>> most_scans(12_000_000), most_scans(100_000_000), most_scans(64)
    (133, 24, 1000)
    """
    return max(FEWEST_SCANS, min(MOST_SCANS, SCANNED_PIXELS // max(1, pixels)))


def segments(stream: BinaryIO) -> Iterator[Segment]:
    """The segments up to the first scan's, or to where the header is damaged.

    Raises:
        MediaError: more than `SEGMENT_LIMIT` segments or `FILLING_LIMIT` bytes between them.
    """
    at, filling = 2, 0
    for _ in range(SEGMENT_LIMIT):
        stream.seek(at)
        head = stream.read(12)
        if len(head) > 1 and not (head[0] == 0xFF and 0 < head[1] < 0xFF):
            found = _MARKER.search(head + stream.read(FILLING_LIMIT))
            filling += FILLING_LIMIT if found is None else found.end() - 2
            if filling >= FILLING_LIMIT:
                raise MediaError("a JPEG with over 64 KiB of filling in its header: not read")
            at += 0 if found is None else found.end() - 2
            stream.seek(at)
            head = stream.read(12)
        if len(head) < 4:
            return
        yield Segment(head[1], at + 2, head[2:])
        if head[1] == _START_OF_SCAN:
            return
        at += 2 if head[1] in _WITHOUT_LENGTH else 2 + int.from_bytes(head[2:4], "big")
    raise MediaError(f"a JPEG with over {SEGMENT_LIMIT:,} segments in its header: not read")


def count_scans(stream: BinaryIO, start: int, enough: int) -> int:
    """The scans from that place on; counting may stop once there are more than ``enough``.

    Within a scan the marker's two bytes cannot stand, so that counting them is enough.
    """
    stream.seek(start)
    scans, last = 1, b""
    while scans <= enough and (block := stream.read(_BLOCK)):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:]
    return scans


def has_late_filling(stream: BinaryIO, start: int) -> bool:
    """Whether `LATE_FILLING_LIMIT` bytes of filling stand from that place on."""
    if stream.seek(0, io.SEEK_END) - start <= LATE_FILLING_LIMIT:
        return False
    stream.seek(start)
    found = 0
    while block := stream.read(_BLOCK):
        found += block.count(_FILLING)
    return found * len(_FILLING) >= LATE_FILLING_LIMIT
