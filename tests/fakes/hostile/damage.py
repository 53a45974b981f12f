"""What goes wrong with bytes: ways to damage the content of a picture file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from random import Random

PNG = b"\x89PNG\r\n\x1a\n"
HEADER = 64
"""Bytes in which most formats say size, depth and where the rest stands."""

Damage = Callable[[bytes, bytes, Random], bytes]
"""Takes a picture, another one and the dice; gives the damaged picture."""


def cut(content: bytes, other: bytes, dice: Random) -> bytes:
    """A copy that was broken off."""
    return content[: dice.randrange(len(content))]


def cut_late(content: bytes, other: bytes, dice: Random) -> bytes:
    """Only the last bytes are missing."""
    return content[: -dice.randint(1, 40)]


def flip(content: bytes, other: bytes, dice: Random) -> bytes:
    """Single bits are wrong."""
    damaged = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 5, 30))):
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def flip_header(content: bytes, other: bytes, dice: Random) -> bytes:
    """Single bits of the header are wrong."""
    return flip(content[:HEADER], other, dice) + content[HEADER:]


def blank(content: bytes, other: bytes, dice: Random) -> bytes:
    """A run of bytes is all the same, as in a hole of a download."""
    start, end = _part(content, dice)
    return content[:start] + dice.choice((b"\0", b"\xff", b"\x55")) * (end - start) + content[end:]


def scramble(content: bytes, other: bytes, dice: Random) -> bytes:
    """A run of bytes is noise."""
    start, end = _part(content, dice)
    return content[:start] + dice.randbytes(end - start) + content[end:]


def drop(content: bytes, other: bytes, dice: Random) -> bytes:
    """A run of bytes is missing."""
    start, end = _part(content, dice)
    return content[:start] + content[end:]


def repeat(content: bytes, other: bytes, dice: Random) -> bytes:
    """A run of bytes comes many times."""
    start, end = _part(content, dice)
    return content[:end] + content[start:end] * dice.choice((1, 2, 9, 60)) + content[end:]


def swap(content: bytes, other: bytes, dice: Random) -> bytes:
    """Two parts stand in the wrong order."""
    start, end = _part(content, dice)
    return content[:start] + content[end:] + content[start:end]


def splice(content: bytes, other: bytes, dice: Random) -> bytes:
    """The header of one picture stands before the rest of another."""
    at = dice.choice((2, 4, 8, 12, 16, 30, HEADER, 200))
    return content[:at] + other[at:]


def join(content: bytes, other: bytes, dice: Random) -> bytes:
    """Two pictures one after the other."""
    return content + other


def overstate(content: bytes, other: bytes, dice: Random) -> bytes:
    """Numbers of the header, such as sizes and counts, are extreme."""
    damaged = bytearray(content)
    for _ in range(dice.choice((1, 2, 4))):
        form = dice.choice(("<H", ">H", "<I", ">I"))
        most = (1 << 8 * struct.calcsize(form)) - 1
        at = dice.randrange(min(len(content), 4 * HEADER) - 4)
        struct.pack_into(form, damaged, at, dice.choice((0, 1, most // 2, most // 2 + 1, most)))
    return bytes(damaged)


def pad(content: bytes, other: bytes, dice: Random) -> bytes:
    """Something follows the picture."""
    return content + dice.choice((b"\0", b"\xff", b"\n", b"<html>", dice.randbytes(99))) * 200


def prefix(content: bytes, other: bytes, dice: Random) -> bytes:
    """Something stands before the picture."""
    return dice.choice((b"\xef\xbb\xbf", b"\n", b"\0" * 512, b"HTTP/1.1 200 OK\r\n\r\n")) + content


def as_text(content: bytes, other: bytes, dice: Random) -> bytes:
    """A program took the picture for text: line ends or letters were converted."""
    if dice.random() < 0.5:
        return content.replace(b"\n", b"\r\n")
    return content.decode("latin-1").encode("utf-8")


def with_right_sums(content: bytes) -> bytes:
    """A damaged PNG whose check sums agree, so that what is behind them is looked at."""
    if not content.startswith(PNG):
        return content
    repaired, at = bytearray(content), len(PNG)
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        if end + 4 > len(content):
            break
        struct.pack_into(">I", repaired, end, zlib.crc32(content[at + 4 : end]))
        at = end + 4
    return bytes(repaired)


DAMAGES: dict[str, Damage] = {
    "cut": cut,
    "cut late": cut_late,
    "bits": flip,
    "bits of the header": flip_header,
    "run": blank,
    "noise": scramble,
    "missing part": drop,
    "repeated part": repeat,
    "swapped parts": swap,
    "spliced": splice,
    "joined": join,
    "extreme numbers": overstate,
    "padded": pad,
    "prefixed": prefix,
    "as text": as_text,
}


def _part(content: bytes, dice: Random) -> tuple[int, int]:
    start = dice.randrange(len(content))
    return start, min(len(content), start + dice.choice((1, 4, 16, 64, 500)))
