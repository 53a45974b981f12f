"""Values come out right: alpha that means nothing, fewer bits than stated, pictures in strips."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from affekt.errors import PictureWarning
from affekt.media import read_picture, to_rgb

RED = (255, 0, 0)


def bmp(alpha: int) -> bytes:
    """A BMP of 2 x 1 red pixels with masks for four channels."""
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 108, 2, 1, 1, 32, 3, 8, 0, 0, 0, 0) + masks + bytes(52)
    pixels = bytes([0, 0, 255, alpha]) * 2
    head = struct.pack("<2sIHHI", b"BM", 14 + len(info) + len(pixels), 0, 0, 14 + len(info))
    return head + info + pixels


def test_an_alpha_that_is_zero_everywhere_is_none() -> None:
    assert read_picture(bmp(0))[0].tolist() == [list(RED)] * 2
    assert read_picture(bmp(255))[0].tolist() == [list(RED)] * 2
    assert read_picture(bmp(128))[0, 0].tolist() == [255, 127, 127]
    assert to_rgb(Image.open(io.BytesIO(bmp(0))))[0].tolist() == [list(RED)] * 2
    for array in (np.array([[[9, 8, 7, 0]]], np.uint8), np.array([[[9, 8, 7, 0]]]) / 255):
        assert to_rgb(array).tolist() == [[[9, 8, 7]]]


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_fewer_bits_than_sixteen_are_brightened_and_said(encode, bits: int, kind: str) -> None:
    ramp = np.linspace(0, 2**bits - 1, 256).round().astype(np.uint16).reshape(16, 16)
    content = encode(Image.fromarray(ramp), kind)
    with pytest.warns(PictureWarning, match=rf"^x: 16 bits .* of which {bits} are used") as said:
        read = read_picture(content, name="x")
    assert len(said) == 1 and np.array_equal(read[..., 0].ravel(), np.arange(256))
    with pytest.warns(PictureWarning, match=rf"^<array>: 16 bits .* of which {bits} are used"):
        assert np.array_equal(to_rgb(ramp)[..., 1].ravel(), np.arange(256))


@pytest.mark.parametrize("colour", [2, 6])
def test_colours_of_twelve_bits_are_brightened_too(make_png, colour: int) -> None:
    channels = 3 if colour == 2 else 4
    values = np.zeros((4, 4, channels), ">u2")
    values[..., :3] = np.linspace(0, 4095, 48).round().reshape(4, 4, 3)
    values[..., 3:] = 65535
    content = make_png(4, 4, values.tobytes(), depth=16, colour=colour)
    with pytest.warns(PictureWarning, match=r"of which 12 are used.* in 16 steps"):
        read = read_picture(content)
    assert read.max() == 255 and np.abs(read - values[..., :3] / 4095 * 255).max() <= 17
    bright = make_png(4, 4, (values * 16).tobytes(), depth=16, colour=colour)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(bright).max() > 200


def test_a_large_picture_is_read_in_strips_like_a_small_one(
    encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    grey = generator.integers(0, 65536, (20, 30), np.uint16)
    rgba = generator.integers(0, 256, (20, 30, 4), np.uint8)
    images = [Image.fromarray(grey), Image.fromarray(grey.astype(np.float32))]
    images += [Image.fromarray(rgba), Image.fromarray(rgba).convert("RGB")]
    images += [images[-1].quantize(9), images[-1].convert("CMYK"), images[-1].convert("1")]
    exif = Image.Exif()
    whole = {}
    for strip in (10**9, 70):
        for module in ("arrays", "decoding"):
            monkeypatch.setattr(f"affekt.media.{module}.STRIP_PIXELS", strip)
        for number, image in enumerate(images):
            for orientation in range(1, 9):
                exif[0x0112] = orientation
                kind = "PNG" if image.mode not in ("F", "CMYK") else "TIFF"
                read = read_picture(encode(image, kind, exif=exif))
                expected = whole.setdefault((number, orientation), read)
                assert np.array_equal(read, expected)
        arrays = (rgba, rgba / 255, grey, grey > 9)
        for number, array in enumerate(arrays):
            assert np.array_equal(to_rgb(array), whole.setdefault((number, 0), to_rgb(array)))
