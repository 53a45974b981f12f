"""What people have: rarer kinds are read, and what is not read is named."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, features

from affekt.errors import MediaError
from affekt.media import read_picture
from affekt.media.formats import is_picture_name, reads_heif

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_of_mpo_and_apng_the_first_picture(encode) -> None:
    first, second = Image.new("RGB", (16, 8), RED), Image.new("RGB", (16, 8), BLUE)
    for kind, default in (("MPO", False), ("PNG", False), ("PNG", True)):
        options = {"default_image": True} if default else {}
        content = encode(first, kind, save_all=True, append_images=[second, first], **options)
        read = read_picture(content)
        assert read.shape == (8, 16, 3) and np.abs(read[4, 8].astype(int) - RED).max() < 4


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_avif(encode, quarters: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_picture(encode(quarters, "AVIF", quality=95, exif=exif))
    turned = {1: quarters, 3: quarters.rotate(180), 6: quarters.rotate(-90, expand=True)}
    expected = np.asarray(turned[orientation]).astype(int)
    assert read.shape == expected.shape and np.median(np.abs(read - expected)) <= 3
    assert is_picture_name("a.AVIF")


def test_heic_is_read_where_its_package_is(quarters: Image.Image) -> None:
    heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    heif.from_pillow(quarters).save(stream, quality=95)
    read = read_picture(stream.getvalue()).astype(int)
    assert np.median(np.abs(read - np.asarray(quarters))) <= 3
    assert is_picture_name("a.heic")


def box(brand: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(body) + 4) + body + bytes(200)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            box(b"heic", b"mif1"),
            "a HEIC picture; install the package pillow-heif",
            marks=pytest.mark.skipif(reads_heif(), reason="pillow-heif is installed"),
        ),
        (box(b"isom", b"mp42"), "a video (MP4"),
        (box(b"qt  "), "a video (MP4"),
        (box(b"crx "), "a raw picture"),
        (box(b"mif1", b"avif"), "damaged AVIF"),
        (b"\x1aE\xdf\xa3 and so on", "a video (Matroska or WebM)"),
        (b"\xff\x0a and so on", "a JPEG XL picture"),
        (b"%PDF-1.7", "a PDF document"),
        (b"8BPS and so on", "a Photoshop document"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"hello", "not a picture"),
    ],
)
def test_what_is_not_read_is_named(content: bytes, said: str) -> None:
    with pytest.raises(MediaError) as error:
        read_picture(content, name="x")
    assert str(error.value).startswith("x: ") and said in str(error.value)
