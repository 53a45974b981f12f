"""WebP: its decoder makes room for the whole canvas as soon as it is made."""

from __future__ import annotations

from typing import BinaryIO

from affekt.media.guards import CheckSize


def guard_webp(stream: BinaryIO, check_size: CheckSize) -> BinaryIO:
    """Checks the size that the header states; see `affekt.media.guards`."""
    size = stated_size(stream.read(30))
    if size is not None:
        check_size(*size)
    stream.seek(0)
    return stream


def stated_size(head: bytes) -> tuple[int, int] | None:
    r"""Width and height from the first 30 bytes, None where they do not say.

    >>> stated_size(b"RIFF    WEBPVP8X" + bytes(8) + b"\x0f\0\0\x07\0\0")
    (16, 8)
    """
    kind = head[12:16]
    if kind == b"VP8X" and len(head) >= 30:
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if kind == b"VP8L" and len(head) >= 25 and head[20] == 0x2F:
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(head) >= 30 and head[23:26] == b"\x9d\x01\x2a":
        return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    return None


def _little(content: bytes) -> int:
    return int.from_bytes(content, "little")
