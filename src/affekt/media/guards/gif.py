"""GIF: what stands before the first picture, and the size of the screen and of that picture."""

from __future__ import annotations

from typing import BinaryIO

from affekt.errors import MediaError
from affekt.media.guards import CheckSize

BLOCK_LIMIT = 100_000
"""Blocks before the first picture: comments and what programs put there."""

_EXTENSION, _PICTURE = b"!", b","


def guard_gif(stream: BinaryIO, check_size: CheckSize) -> BinaryIO:
    """Bounds the blocks and checks both sizes; see `affekt.media.guards`."""
    width, height, at = _screen(stream.read(13))
    check_size(width, height)
    blocks = 0
    while blocks <= BLOCK_LIMIT:
        stream.seek(at)
        kind = stream.read(1)
        if kind == _PICTURE:
            x, y, own_width, own_height = _shorts(stream.read(8))
            check_size(max(width, x + own_width), max(height, y + own_height))
        if kind in (_PICTURE, b";", b""):
            stream.seek(0)
            return stream
        at += 1
        if kind == _EXTENSION:
            at, skipped = _after_blocks(stream, at + 1)
            blocks += skipped
        blocks += 1
    raise MediaError(f"a GIF with over {BLOCK_LIMIT:,} blocks before its picture: not read")


def _screen(head: bytes) -> tuple[int, int, int]:
    """Width, height, and where the first block starts."""
    if len(head) < 13:
        return 0, 0, len(head)
    width, height = _shorts(head[6:10])
    colours = 3 * 2 ** ((head[10] & 7) + 1) if head[10] & 128 else 0
    return width, height, 13 + colours


def _shorts(content: bytes) -> tuple[int, ...]:
    padded = content.ljust(len(content) + len(content) % 2, b"\0")
    found = [int.from_bytes(padded[i : i + 2], "little") for i in range(0, len(padded), 2)]
    return tuple(found) if len(found) in (2, 4) else (0, 0, 0, 0)


def _after_blocks(stream: BinaryIO, at: int) -> tuple[int, int]:
    """Where a chain of blocks ends, and how many there are; not many more than the limit."""
    count = 0
    while count <= BLOCK_LIMIT:
        stream.seek(at)
        size = stream.read(1)
        at += 1 + (size[0] if size else 0)
        if not size or not size[0]:
            break
        count += 1
    return at, count
