"""Tiny valid pictures of every kind that Pillow can write, each a few kilobytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image, features

EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class Seed:
    """A valid picture: what it is, the suffix that goes with it, its bytes."""

    name: str
    suffix: str
    content: bytes


@cache
def seeds() -> tuple[Seed, ...]:
    """Pictures of every kind, the same at every call."""
    return tuple(
        Seed(*made) for kind in (_jpegs, _pngs, _webps, _others, _tiffs) for made in kind()
    )


Made = tuple[str, str, bytes]


def _jpegs() -> Iterator[Made]:
    face, exif = face_48(), Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    yield "jpeg", ".jpg", encoded(face, "JPEG")
    yield "progressive jpeg", ".jpeg", encoded(face, "JPEG", progressive=True)
    yield "turned jpeg", ".jpe", encoded(face, "JPEG", exif=exif, restart_marker_blocks=2)
    yield "grey jpeg", ".jfif", encoded(face.convert("L"), "JPEG")
    yield "cmyk jpeg", ".jpg", encoded(face.convert("CMYK"), "JPEG")
    yield "mpo", ".mpo", encoded(face, "MPO", save_all=True, append_images=[face.rotate(9)])


def _pngs() -> Iterator[Made]:
    face, grey = face_48(), np.asarray(face_48().convert("L"))
    alpha = face.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(face.size))
    yield "png", ".png", encoded(face, "PNG")
    yield "png of 1 bit", ".png", encoded(face.convert("1"), "PNG")
    yield "png of 12 bits", ".png", encoded(Image.fromarray(grey.astype(np.uint16) * 16), "PNG")
    yield "png of 16 bits", ".png", encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")
    yield "png of a palette", ".png", encoded(face.quantize(16), "PNG", transparency=3)
    yield "png of grey and alpha", ".png", encoded(alpha.convert("LA"), "PNG")
    yield "png with alpha", ".png", encoded(alpha, "PNG", icc_profile=bytes(200))
    frames = [face.rotate(angle) for angle in (9, 18)]
    yield "apng", ".apng", encoded(face, "PNG", save_all=True, append_images=frames)


def _webps() -> Iterator[Made]:
    face = face_48()
    frames = {"save_all": True, "append_images": [face.rotate(9), face.rotate(18)]}
    yield "webp", ".webp", encoded(face, "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")
    yield "lossless webp", ".webp", encoded(face.convert("RGBA"), "WEBP", lossless=True)
    yield "animated webp", ".webp", encoded(face, "WEBP", **frames)
    if features.check("avif"):
        yield "avif", ".avif", encoded(face, "AVIF", quality=40)


def _others() -> Iterator[Made]:
    face = face_48()
    frames = [face.rotate(angle).quantize(16) for angle in (9, 18)]
    yield "gif", ".gif", encoded(face.quantize(16), "GIF")
    yield "animated gif", ".gif", encoded(face, "GIF", save_all=True, append_images=frames)
    yield "bmp", ".bmp", encoded(face, "BMP")
    yield "bmp of 1 bit", ".dib", encoded(face.convert("1"), "BMP")
    yield "bmp with alpha", ".bmp", encoded(face.convert("RGBA"), "BMP")
    for kind, suffix in (("JPEG2000", ".jp2"), ("TGA", ".tga"), ("ICO", ".ico"), ("PPM", ".ppm")):
        yield kind.lower(), suffix, encoded(face, kind)


def _tiffs() -> Iterator[Made]:
    face = face_48()
    grey = np.asarray(face.convert("L"))
    for name in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"tiff {name}", ".tif", encoded(face, "TIFF", compression=name)
    for name in ("group3", "group4"):
        yield f"tiff {name}", ".tiff", encoded(face.convert("1"), "TIFF", compression=name)
    for kind in (np.float32, np.uint16, np.int32):
        yield f"tiff {kind.__name__}", ".tiff", encoded(Image.fromarray(grey.astype(kind)), "TIFF")
    yield "tiff cmyk", ".tif", encoded(face.convert("CMYK"), "TIFF")
    yield "tiff lab", ".tif", encoded(Image.merge("LAB", face.split()), "TIFF")
    yield "tiff pages", ".tif", encoded(face, "TIFF", save_all=True, append_images=[face])
    yield "big tiff", ".tiff", encoded(face, "TIFF", big_tiff=True)


@cache
def face_48() -> Image.Image:
    """A real face, 48 x 40, so that some of what is made has somebody in it."""
    with Image.open(str(files("affekt") / "assets" / "astronaut.jpg")) as photo:
        box = (0.33 * photo.width, 0.02 * photo.height, 0.57 * photo.width, 0.40 * photo.height)
        return photo.convert("RGB").resize((40, 48), box=box)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
