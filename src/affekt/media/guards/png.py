"""PNG: what stands beside the pixels may be large, and unpack to a thousand times its size."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from affekt.errors import MediaError
from affekt.media.guards import CheckSize
from affekt.media.guards.spans import Spans

CHUNK_LIMIT = 200_000
TEXT_LIMIT = 65_536
"""Bytes of text that are looked at, for the orientation that some programs write there."""

UNPACKED_LIMIT = 500_000
"""Pillow refuses a picture with a text that unpacks to a million."""

_NEEDED = frozenset({b"tRNS", b"eXIf"})
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_SIGNATURE = 8


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its kind, where it starts, and the length of its data."""

    kind: bytes
    start: int
    length: int

    @property
    def end(self) -> int:
        """Where the next one starts."""
        return self.start + 12 + self.length


def guard_png(stream: BinaryIO, check_size: CheckSize) -> BinaryIO:
    """Leaves out colour profiles, long texts, animation and what else no pixel depends on."""
    found = list(chunks(stream))
    texts = 0
    kept: list[Chunk] = []
    for chunk in found:
        if chunk.kind in _TEXTS:
            texts += chunk.length
            keep = texts <= TEXT_LIMIT and _unpacks_small(stream, chunk)
        else:
            keep = not chunk.kind[:1].islower() or chunk.kind in _NEEDED
        if keep:
            kept.append(chunk)
    stream.seek(0)
    if len(kept) == len(found) or not kept:
        return stream
    spans = [(0, _SIGNATURE), *((chunk.start, chunk.end) for chunk in kept)]
    return io.BufferedReader(Spans(stream, spans), 65_536)


def chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """The chunks up to the last, or to where the file is damaged.

    Raises:
        MediaError: more than `CHUNK_LIMIT`.
    """
    at = _SIGNATURE
    for _ in range(CHUNK_LIMIT):
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            return
        chunk = Chunk(head[4:], at, int.from_bytes(head[:4], "big"))
        yield chunk
        if chunk.kind == b"IEND":
            return
        at = chunk.end
    raise MediaError(f"a PNG in over {CHUNK_LIMIT:,} pieces: not read")


def _unpacks_small(stream: BinaryIO, chunk: Chunk) -> bool:
    """Whether a text is plain, or unpacks to a size that is read."""
    if chunk.kind == b"tEXt":
        return True
    stream.seek(chunk.start + 8)
    _, _, rest = stream.read(chunk.length).partition(b"\0")
    if chunk.kind == b"iTXt":
        if rest[:1] == b"\0":
            return True
        rest = b"\0" + rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    try:
        unpacker = zlib.decompressobj()
        unpacker.decompress(rest[1:], UNPACKED_LIMIT)
    except zlib.error:
        return False
    return not unpacker.unconsumed_tail
