"""A picture that tells every rotation and mirroring apart, and files made piece by piece."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

MakePng = Callable[..., bytes]
Encode = Callable[..., bytes]


@pytest.fixture(scope="session")
def quarters() -> Image.Image:
    """Red, green, blue and white quarters: tells every rotation and mirroring apart."""
    image = Image.new("RGB", (64, 48), WHITE)
    image.paste(RED, (0, 0, 32, 24))
    image.paste(GREEN, (32, 0, 64, 24))
    image.paste(BLUE, (0, 24, 32, 48))
    return image


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.fixture(scope="session")
def make_png() -> MakePng:
    """A PNG of any size, depth and colour type, with chunks before and after its pixels."""

    def make(
        width: int,
        height: int,
        rows: bytes,
        *,
        depth: int = 8,
        colour: int = 2,
        before: list[tuple[bytes, bytes]] | None = None,
        after: list[tuple[bytes, bytes]] | None = None,
    ) -> bytes:
        step = len(rows) // height
        lines = b"".join(b"\0" + rows[y * step : (y + 1) * step] for y in range(height))
        head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        parts = [(b"IHDR", head), *(before or []), (b"IDAT", zlib.compress(lines))]
        parts += [*(after or []), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)

    return make


@pytest.fixture(scope="session")
def encode() -> Encode:
    """A picture as a file of that kind."""

    def encode(image: Image.Image, kind: str, **options: object) -> bytes:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    return encode
