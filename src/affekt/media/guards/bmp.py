"""BMP: run lengths are unpacked one by one."""

from __future__ import annotations

import io
from typing import BinaryIO

from affekt.errors import MediaError
from affekt.media.guards import CheckSize

PACKED_LIMIT = 16_000_000
"""Bytes of a run-length encoded picture; about 5 seconds."""


def guard_bmp(stream: BinaryIO, check_size: CheckSize) -> BinaryIO:
    """Bounds the bytes of run lengths; see `affekt.media.guards`."""
    head = stream.read(34)
    packed = int.from_bytes(head[14:18], "little") >= 40 and head[30:31] in (b"\1", b"\2")
    if packed and stream.seek(0, io.SEEK_END) > PACKED_LIMIT:
        raise MediaError(
            f"a run-length encoded BMP of over {PACKED_LIMIT // 10**6} MB, which would take very "
            "long to decode: save it as PNG"
        )
    stream.seek(0)
    return stream
