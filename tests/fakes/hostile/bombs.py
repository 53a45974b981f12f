"""Pictures made by hand that ask for much time or memory, or say what cannot be.

Each is made by a function of its size: small for tests, large to see what becomes of a program.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from random import Random

from PIL import Image

from fakes.hostile.damage import PNG
from fakes.hostile.seeds import EXIF_ORIENTATION, encoded, face_48

Made = tuple[str, str, bytes]
"""What it is, a suffix, the bytes."""

KIB = 1024


def bombs(large: bool) -> Iterator[Made]:
    """All of them; ``large`` ones take most programs minutes or gigabytes."""
    for make in (_jpegs, _pngs, _sizes, _blocks, _metadata, _no_pictures):
        yield from make(200 if large else 1)


def _jpegs(size: int) -> Iterator[Made]:
    side, small = (4000 if size > 1 else 64), encoded(face_48(), "JPEG")
    flat = encoded(Image.new("RGB", (side, side), "gray"), "JPEG", progressive=True)
    yield "jpeg of many scans", ".jpg", with_scans(flat, 600)
    yield "jpeg of more scans", ".jpg", with_scans(flat, 6000 if size > 1 else 1200)
    filling = b"\xff" * (100 * KIB * size)
    start = small.index(b"\xff\xda")
    yield "jpeg with filling before its header", ".jpg", small[:2] + filling + small[2:]
    yield "jpeg with filling before its scan", ".jpg", small[:start] + filling + small[start:]
    yield "jpeg with filling in its scan", ".jpg", small[:-40] + filling + small[-40:]
    yield "jpeg with zeros in its header", ".jpg", small[:2] + bytes(len(filling)) + small[2:]
    for marker in (0xE1, 0xE2, 0xED, 0xFE, 0xDB, 0xC4):
        segment = struct.pack(">BBH", 0xFF, marker, 40) + bytes(38)
        many = small[:2] + segment * (500 * size) + small[2:]
        yield f"jpeg with many segments {marker:x}", ".jpg", many
    restarts = small[:-2] + b"\xff\xd0\xff\xd1" * (9000 * size) + small[-2:]
    yield "jpeg with many restarts", ".jpg", restarts


def with_scans(progressive: bytes, scans: int) -> bytes:
    """A progressive JPEG whose last scan comes many times."""
    start = progressive.rindex(b"\xff\xda")
    return progressive[:-2] + progressive[start:-2] * scans + b"\xff\xd9"


def _pngs(size: int) -> Iterator[Made]:
    zeros = zlib.compress(bytes(1_200_000 * size), 9)
    texts = {b"iCCP": b"p\0\0", b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0"}
    for kind, head in texts.items():
        yield f"png with a {kind.decode()} bomb", ".png", png(8, 8, before=[(kind, head + zeros)])
    yield "png with a long text", ".png", png(8, 8, before=[(b"tEXt", b"k\0" + b"x" * 2 * 10**6)])
    yield "png with more rows than it says", ".png", png(8, 8, data=zeros)
    yield "png of one long line", ".png", png(1_200_000 * size // 4, 1, data=zeros)
    yield "png of one long column", ".png", png(1, 1_200_000 * size // 4, data=zeros)
    many = [(b"teXt", b"")] * (2000 * size)
    yield "png in many pieces", ".png", png(8, 8, before=many)
    yield "png with many pixels' pieces", ".png", png(8, 8, before=[(b"IDAT", b"")] * 2000)
    frames = struct.pack(">II", 2**31 - 1, 0)
    yield "apng of very many frames", ".apng", png(8, 8, before=[(b"acTL", frames)])
    yield "png of nothing", ".png", png(0, 0)
    palette = bytes(range(9))
    yield "png over its palette", ".png", png(64, 64, colour=3, before=[(b"PLTE", palette)])
    for colour, depth in ((2, 3), (5, 8), (3, 16), (6, 1)):
        yield f"png of kind {colour}, {depth}", ".png", png(8, 8, colour=colour, depth=depth)


def png(
    width: int,
    height: int,
    *,
    colour: int = 2,
    depth: int = 8,
    before: list[tuple[bytes, bytes]] | None = None,
    data: bytes | None = None,
) -> bytes:
    """A PNG that says what is given, with chunks before its pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(bytes(4 * 64 * 64)) if data is None else data
    parts = [(b"IHDR", head), *(before or []), (b"IDAT", pixels), (b"IEND", b"")]
    return PNG + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def _sizes(size: int) -> Iterator[Made]:
    """A few bytes that claim a huge picture."""
    yield "png that claims much", ".png", png(60_000, 60_000)
    yield "png that claims more", ".png", png(2**31 - 1, 2**31 - 1)
    small = encoded(face_48(), "JPEG")
    frame = small.index(b"\xff\xc0") + 5
    for height, width in ((65_500, 65_500), (0, 40), (48, 0), (9999, 9999)):
        claim = struct.pack(">HH", height, width)
        yield f"jpeg of {width} x {height}", ".jpg", small[:frame] + claim + small[frame + 4 :]
    for width, height in ((2**31 - 1, 2**31 - 1), (-40, 48), (40, -(2**31)), (30_000, 30_000)):
        head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54)
        body = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        yield f"bmp of {width} x {height}", ".bmp", head + body + bytes(999)
    for screen, frame_size in (((65_535, 65_535), (1, 1)), ((1, 1), (65_535, 65_535))):
        yield f"gif of {screen} and {frame_size}", ".gif", gif(screen, picture=frame_size)
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + b"\xff" * 6
    yield "webp that claims much", ".webp", b"RIFF" + struct.pack("<I", len(webp)) + webp
    yield "tiff that claims much", ".tif", tiff([(256, 4, 1, 2**32 - 1), (257, 4, 1, 2**32 - 1)])
    yield "tiff of 90,000 x 90,000", ".tif", tiff([(256, 4, 1, 90_000), (257, 4, 1, 90_000)])


def gif(screen: tuple[int, int], before: bytes = b"", picture: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF that claims both sizes, with blocks before its picture."""
    head = b"GIF89a" + struct.pack("<HH", *screen) + b"\x80\0\0" + bytes(3) + b"\xff\xff\xff"
    return head + before + b"," + struct.pack("<HHHHB", 0, 0, *picture, 0) + b"\x02\x02\x44\x01\0;"


Entry = tuple[int, int, int, int]


def tiff(entries: list[Entry], rest: bytes = b"", then: int = 0) -> bytes:
    """A TIFF of entries (tag, type, count, value), and where the next page is said to be."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + body + struct.pack("<I", then) + rest


def _blocks(size: int) -> Iterator[Made]:
    """Many small parts, and parts that lead round in a circle."""
    yield "gif with many comments", ".gif", gif((2, 2), b"!\xfe\x01x\0" * (3000 * size))
    yield (
        "gif with a long comment",
        ".gif",
        gif((2, 2), b"!\xfe" + b"\x01x" * (3000 * size) + b"\0"),
    )
    yield "gif with rubbish between", ".gif", gif((2, 2), b"\x01" * (9000 * size))
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54)
    body = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 8, 1, 0, 0, 0, 0, 0)
    yield "bmp of empty runs", ".bmp", head + body + b"\0\0" * (40_000 * size)
    page = [(256, 4, 1, 8), (257, 4, 1, 8), (273, 4, 1, 8), (279, 4, 1, 64)]
    yield "tiff whose pages go round", ".tif", tiff(page, then=8)
    yield "tiff whose pages go round in itself", ".tif", tiff([*page, (330, 4, 1, 8)], then=8)
    shared = [(40_000 + i, 1, 2500 * size, 8) for i in range(3000)]
    yield "tiff whose entries share bytes", ".tif", tiff(shared, bytes(2500 * size))
    yield "tiff of very many entries", ".tif", tiff([(40_000, 3, 1, 1)] * 60_000)
    strips = [(256, 4, 1, 8), (257, 4, 1, 2**20), (278, 4, 1, 1), (273, 4, 2**20, 8)]
    yield "tiff of very many strips", ".tif", tiff(strips, bytes(999))


def _metadata(size: int) -> Iterator[Made]:
    """What stands beside the pixels is damaged: a picture all the same."""
    face = face_48()
    for name, block in _exif_blocks():
        for kind, suffix in (("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")):
            content = encoded(face, kind, exif=b"Exif\0\0" + block)
            yield f"{kind.lower()}, exif {name}", suffix, content
    noise = Random(0).randbytes(50 * KIB * min(size, 20))
    for kind, suffix in (("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("TIFF", ".tif")):
        yield (
            f"{kind.lower()} with a damaged profile",
            suffix,
            encoded(face, kind, icc_profile=noise),
        )


def _exif_blocks() -> Iterator[tuple[str, bytes]]:
    turned = (EXIF_ORIENTATION, 3, 1, 6)
    yield "torn", tiff([turned] * 9)[:40]
    yield "without entries", tiff([])
    yield "beyond its end", b"II*\0" + struct.pack("<I", 2**31)
    yield "round", tiff([turned, (0x8769, 4, 1, 8), (0x8825, 4, 1, 8)], then=8)
    yield "of huge counts", tiff([turned, (0x9286, 7, 2**32 - 1, 30), (0x010F, 2, 2**31, 4)])
    yield "of unknown types", tiff([(EXIF_ORIENTATION, kind, 1, 6) for kind in (0, 13, 99, 65_535)])
    for kind in (1, 2, 5, 7, 10, 12):
        yield f"turned by type {kind}", tiff([(EXIF_ORIENTATION, kind, 1, 6)], bytes(40))
    yield "turned by 77", tiff([(EXIF_ORIENTATION, 3, 1, 77)])
    yield "turned by many", tiff([(EXIF_ORIENTATION, 3, 9, 8)])
    yield "noise", Random(1).randbytes(300)


def _no_pictures(size: int) -> Iterator[Made]:
    """Files that are called pictures and are none."""
    heads = (b"\xff\xd8\xff", PNG, b"BM", b"II*\0", b"MM\0*", b"II+\0", b"GIF89a", b"RIFF____WEBP")
    others = {
        "empty": b"",
        "one byte": b"\xff",
        "zeros": bytes(100 * KIB),
        "noise": Random(2).randbytes(9000),
        "page": b"<!DOCTYPE html><title>404</title>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "video": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(99),
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
        "avif": b"\0\0\0\x1cftypavif\0\0\0\0mif1miafavif" + bytes(99),
        "program": b"\x7fELF" + bytes(99),
    }
    for name, content in others.items():
        yield name, ".jpg", content
    for suffix, head in zip(_SUFFIXES, heads, strict=True):
        yield f"head of {suffix}", suffix, head
        yield f"head of {suffix} and noise", suffix, head + Random(3).randbytes(500)


_SUFFIXES = (".jpg", ".png", ".bmp", ".tif", ".tiff", ".tiff", ".gif", ".webp")
