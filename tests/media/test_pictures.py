"""Pictures of every kind come out right, and bad ones give one line that names the file."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from affekt.errors import MediaError, PictureTooLargeError
from affekt.media import (
    read_picture,
    to_rgb,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, with next to no data: what a bomb looks like."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_every_format_comes_out_as_rgb(quarters: Image.Image, kind: str) -> None:
    options = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
    read = read_picture(encode(quarters, kind, **options))
    difference = np.abs(read.astype(int) - np.asarray(quarters).astype(int))
    assert read.shape == (48, 64, 3) and read.dtype == np.uint8
    assert np.median(difference) <= 3


def test_of_an_animation_the_first_frame() -> None:
    frames = [Image.new("RGB", (9, 5), colour) for colour in (RED, BLUE)]
    for kind in ("GIF", "WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        content = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert read_picture(content)[2, 4].tolist() == list(RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(quarters: Image.Image, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    content = encode(quarters, kind, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))
    assert np.array_equal(read_picture(content), expected)
    assert (read_picture(content).shape[:2] == (64, 48)) == (orientation > 4)
    assert np.array_equal(to_rgb(Image.open(io.BytesIO(content))), expected)


def test_orientation_six_is_a_quarter_turn_clockwise(quarters: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    read = read_picture(encode(quarters, "PNG", exif=exif))
    assert [read[2, 2].tolist(), read[2, -3].tolist()] == [list(BLUE), list(RED)]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_or_odd_exif_block_does_not_matter(quarters: Image.Image) -> None:
    content = encode(quarters, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09broken")
    assert read_picture(content).shape == (48, 64, 3)
    exif = Image.Exif()
    exif[0x0112] = 77
    assert read_picture(encode(quarters, "PNG", exif=exif)).shape == (48, 64, 3)


def test_transparency_is_laid_on_white() -> None:
    rgba = Image.new("RGBA", (3, 1))
    rgba.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    expected = [[255, 0, 0], [255, 255, 255], [127, 127, 127]]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        assert read_picture(encode(rgba, kind, **options))[0].tolist() == expected
    grey = Image.new("LA", (2, 1))
    grey.putdata([(10, 255), (10, 0)])
    assert read_picture(encode(grey, "PNG"))[0].tolist() == [[10] * 3, [255] * 3]


def test_palettes_with_and_without_transparency(quarters: Image.Image) -> None:
    palette = quarters.quantize(4)
    assert np.array_equal(read_picture(encode(palette, "PNG")), np.asarray(quarters))
    index = palette.getpixel((0, 0))
    for kind in ("PNG", "GIF"):
        read = read_picture(encode(palette, kind, transparency=index))
        assert read[0, 0].tolist() == list(WHITE) and read[0, -1].tolist() == list(GREEN)
    keyed = encode(quarters, "PNG", transparency=RED)
    assert read_picture(keyed)[0, 0].tolist() == list(WHITE)


def test_grey_black_and_white_and_cmyk(quarters: Image.Image) -> None:
    grey = Image.linear_gradient("L")
    assert np.array_equal(read_picture(encode(grey, "PNG"))[..., 1], np.asarray(grey))
    assert read_picture(encode(grey.convert("1"), "PNG")).max() == 255
    cmyk = read_picture(encode(quarters.convert("CMYK"), "JPEG", quality=100))
    tiff = read_picture(encode(quarters.convert("CMYK"), "TIFF"))
    for read in (cmyk, tiff):
        assert np.abs(read[5, 5].astype(int) - RED).max() < 8
        assert np.abs(read[-5, -5].astype(int) - WHITE).max() < 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    read = read_picture(encode(Image.fromarray(ramp), kind))
    assert np.array_equal(read[..., 0].ravel(), np.arange(256))


def test_float_tiff() -> None:
    for white in (1.0, 255.0, 65535.0):
        ramp = (np.linspace(0, white, 256, dtype=np.float32)).reshape(16, 16)
        read = read_picture(encode(Image.fromarray(ramp), "TIFF"))
        assert np.array_equal(read[..., 2].ravel(), np.arange(256))


def test_what_is_no_number_is_black_in_a_float_tiff() -> None:
    words = np.array([[0x7F800001, 0xFFC00000, 0x7F800000, 0xFF800000, 0x3F800000]], np.uint32)
    read = read_picture(encode(Image.fromarray(words.view(np.float32)), "TIFF"))
    assert read[0, :, 0].tolist() == [0, 0, 0, 0, 255]


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    content = {
        "missing.jpg": (None, "no such file"),
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"hello, I am not a picture", "not a picture"),
        "bitmap.jpg": (b"BMW makes cars", "damaged BMP"),
        "cut.jpg": (encode(Image.effect_noise((99, 99), 50), "JPEG")[:-900], "damaged JPEG"),
        "header.jpg": (b"\xff\xd8\xff\xe0", "damaged JPEG"),
        "cut.png": (encode(Image.effect_noise((99, 99), 50), "PNG")[:-900], "damaged PNG"),
        "cut.webp": (encode(Image.effect_noise((99, 99), 50), "WEBP")[:-90], "damaged WEBP"),
        "cut.gif": (encode(Image.effect_noise((99, 99), 50), "GIF")[:-900], "damaged GIF"),
        "cut.tif": (encode(Image.effect_noise((99, 99), 50), "TIFF")[:-900], "damaged TIFF"),
    }
    for name, (data, _) in content.items():
        if data is not None:
            (folder / name).write_bytes(data)
    return {name: (folder / name, said) for name, (_, said) in content.items()}


def test_a_bad_file_gives_one_line_that_names_it(tmp_path: Path) -> None:
    for path, said in bad_files(tmp_path).values():
        with pytest.raises(MediaError) as error:
            read_picture(path)
        line = str(error.value)
        assert line.startswith(f"{path}: ") and said in line and "\n" not in line


def test_a_folder_a_null_byte_and_bytes_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a folder"):
        read_picture(tmp_path)
    with pytest.raises(MediaError, match="null"):
        read_picture("a\0b.jpg")
    with pytest.raises(MediaError, match=r"^<bytes>: the file is empty"):
        read_picture(b"")
    with pytest.raises(MediaError, match=r"^-: the file is empty"):
        read_picture(b"", name="-")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_is_a_media_error_or_a_picture(
    quarters: Image.Image, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"]))
    content = bytearray(encode(quarters.resize((24, 16)), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = read_picture(bytes(content), max_pixels=1_000_000)
    except MediaError:
        return
    assert image.ndim == 3 and image.dtype == np.uint8


def test_the_pixel_limit_is_checked_before_decoding() -> None:
    with pytest.raises(PictureTooLargeError) as error:
        read_picture(png_header(20_000, 20_000), name="bomb.png")
    line = str(error.value)
    assert line.startswith("bomb.png: 20000 x 20000 = 400,000,000 pixels")
    assert "100,000,000" in line and "--max-pixels" in line and "max_pixels" in line


def test_the_pixel_limit_can_be_lowered_and_raised(quarters: Image.Image) -> None:
    content = encode(quarters, "PNG")
    assert read_picture(content, max_pixels=64 * 48).shape == (48, 64, 3)
    with pytest.raises(PictureTooLargeError):
        read_picture(content, max_pixels=64 * 48 - 1)
    with pytest.raises(MediaError, match="damaged PNG"):  # let through, and then it has no data
        read_picture(png_header(20_000, 9_000), max_pixels=10**9)


def test_unicode_paths_and_wrong_suffixes(quarters: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "Ünïcode 写真 😀.jpg"
    path.write_bytes(encode(quarters, "PNG"))
    assert np.array_equal(read_picture(path), np.asarray(quarters))
    assert np.array_equal(read_picture(str(path)), np.asarray(quarters))
