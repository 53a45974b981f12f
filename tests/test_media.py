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

from affekt.errors import MediaError, OutputError, PictureTooLargeError
from affekt.geometry import face_crop_matrix, stretch_crop_matrix
from affekt.media import (
    Source,
    expand_sources,
    read_picture,
    resize,
    to_rgb,
    warp,
    write_picture,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, blue and white quarters: tells every rotation and mirroring apart."""
    image = Image.new("RGB", (width, height), WHITE)
    half = (width // 2, height // 2)
    image.paste(RED, (0, 0, *half))
    image.paste(GREEN, (half[0], 0, width, half[1]))
    image.paste(BLUE, (0, half[1], half[0], height))
    return image


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
def test_every_format_comes_out_as_rgb(kind: str) -> None:
    options = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
    read = read_picture(encode(quarters(), kind, **options))
    difference = np.abs(read.astype(int) - np.asarray(quarters()).astype(int))
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
def test_exif_orientation(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    content = encode(quarters(), kind, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))
    assert np.array_equal(read_picture(content), expected)
    assert (read_picture(content).shape[:2] == (64, 48)) == (orientation > 4)
    assert np.array_equal(to_rgb(Image.open(io.BytesIO(content))), expected)


def test_orientation_six_is_a_quarter_turn_clockwise() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    read = read_picture(encode(quarters(), "PNG", exif=exif))
    assert [read[2, 2].tolist(), read[2, -3].tolist()] == [list(BLUE), list(RED)]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_or_odd_exif_block_does_not_matter() -> None:
    content = encode(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09broken")
    assert read_picture(content).shape == (48, 64, 3)
    exif = Image.Exif()
    exif[0x0112] = 77
    assert read_picture(encode(quarters(), "PNG", exif=exif)).shape == (48, 64, 3)


def test_transparency_is_laid_on_white() -> None:
    rgba = Image.new("RGBA", (3, 1))
    rgba.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    expected = [[255, 0, 0], [255, 255, 255], [127, 127, 127]]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        assert read_picture(encode(rgba, kind, **options))[0].tolist() == expected
    grey = Image.new("LA", (2, 1))
    grey.putdata([(10, 255), (10, 0)])
    assert read_picture(encode(grey, "PNG"))[0].tolist() == [[10] * 3, [255] * 3]


def test_palettes_with_and_without_transparency() -> None:
    palette = quarters().quantize(4)
    assert np.array_equal(read_picture(encode(palette, "PNG")), np.asarray(quarters()))
    index = palette.getpixel((0, 0))
    for kind in ("PNG", "GIF"):
        read = read_picture(encode(palette, kind, transparency=index))
        assert read[0, 0].tolist() == list(WHITE) and read[0, -1].tolist() == list(GREEN)
    keyed = encode(quarters(), "PNG", transparency=RED)
    assert read_picture(keyed)[0, 0].tolist() == list(WHITE)


def test_grey_black_and_white_and_cmyk() -> None:
    grey = Image.linear_gradient("L")
    assert np.array_equal(read_picture(encode(grey, "PNG"))[..., 1], np.asarray(grey))
    assert read_picture(encode(grey.convert("1"), "PNG")).max() == 255
    cmyk = read_picture(encode(quarters().convert("CMYK"), "JPEG", quality=100))
    tiff = read_picture(encode(quarters().convert("CMYK"), "TIFF"))
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


def test_arrays() -> None:
    rgb = np.asarray(quarters())
    assert np.array_equal(to_rgb(rgb), rgb)
    assert np.array_equal(to_rgb(rgb / 255), rgb)
    assert np.array_equal(to_rgb(rgb.astype(np.uint16) * 257), rgb)
    assert np.array_equal(to_rgb(rgb[..., 0]), np.dstack([rgb[..., 0]] * 3))
    assert np.array_equal(to_rgb(rgb[..., :1]), np.dstack([rgb[..., 0]] * 3))
    assert np.array_equal(to_rgb(rgb > 0), rgb)
    clear = np.dstack([rgb, np.zeros_like(rgb[..., 0])])
    assert (to_rgb(clear) == 255).all()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 4, 2), np.uint8), "shape (4, 4, 2)"),
        (np.zeros(4, np.uint8), "shape (4,)"),
        (np.zeros((0, 4, 3), np.uint8), "shape (0, 4, 3)"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.full((4, 4, 3), 200.0), "0 to 1"),
        (np.full((4, 4, 3), np.nan), "0 to 1"),
        (np.zeros((4, 4, 3), object), "object"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, said: str) -> None:
    with pytest.raises(MediaError) as error:
        to_rgb(array)
    assert said in str(error.value)


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
def test_any_damage_is_a_media_error_or_a_picture(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"]))
    content = bytearray(encode(quarters(24, 16), kind))
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


def test_the_pixel_limit_can_be_lowered_and_raised() -> None:
    content = encode(quarters(), "PNG")
    assert read_picture(content, max_pixels=64 * 48).shape == (48, 64, 3)
    with pytest.raises(PictureTooLargeError):
        read_picture(content, max_pixels=64 * 48 - 1)
    with pytest.raises(MediaError, match="damaged PNG"):  # let through, and then it has no data
        read_picture(png_header(20_000, 9_000), max_pixels=10**9)


def test_unicode_paths_and_wrong_suffixes(tmp_path: Path) -> None:
    path = tmp_path / "Ünïcode 写真 😀.jpg"
    path.write_bytes(encode(quarters(), "PNG"))
    assert np.array_equal(read_picture(path), np.asarray(quarters()))
    assert np.array_equal(read_picture(str(path)), np.asarray(quarters()))


def names(found: list[Source | MediaError]) -> list[str]:
    return [item.name if isinstance(item, Source) else f"! {item}" for item in found]


def test_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.JPG", "a.png", "sub/c.webp", "sub/notes.txt", ".hidden.jpg", ".git/d.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"")
    Path("odd[1].png").write_bytes(b"")
    assert names(expand_sources(["."])) == ["a.png", "b.JPG", "odd[1].png", "sub/c.webp"]
    assert names(expand_sources(["sub", "a.png"])) == ["sub/c.webp", "a.png"]
    assert names(expand_sources(["*.png"])) == ["a.png", "odd[1].png"]
    assert names(expand_sources(["**/*.webp"])) == ["sub/c.webp"]
    assert names(expand_sources(["odd[1].png"])) == ["odd[1].png"]
    assert names(expand_sources(["missing.jpg"])) == ["missing.jpg"]
    assert expand_sources([]) == []


def test_empty_folders_and_patterns_leave_the_others(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "a.png").write_bytes(b"")
    (empty / "notes.txt").write_text("no picture")
    found = names(expand_sources([str(empty), str(full), f"{empty}/*.jpg"]))
    assert found[0].startswith(f"! {empty}: the folder holds no picture")
    assert found[1] == str(full / "a.png")
    assert found[2].startswith(f"! {empty}/*.jpg: the pattern matches no picture")


def test_an_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)  # the tests may run as root, who may read anything
    found = names(expand_sources([str(tmp_path)]))
    assert found == [f"! {tmp_path}: the folder cannot be read (Permission denied)"]


def test_standard_input_is_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encode(quarters(), "PNG")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert expand_sources(["-"]) == [Source("-", content)]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp", ".bmp", ".tif", ".gif"])
def test_written_pictures_are_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"é{suffix}"
    write_picture(path, np.asarray(quarters()))
    assert np.median(np.abs(read_picture(path).astype(int) - np.asarray(quarters()))) <= 3
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_an_unwritable_picture(tmp_path: Path) -> None:
    picture = np.asarray(quarters())
    with pytest.raises(OutputError, match=r"unknown picture suffix.*\.jpg"):
        write_picture(tmp_path / "a.xyz", picture)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write_picture(tmp_path / "file" / "a.png", picture)
    (tmp_path / "b.png").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_picture(tmp_path / "b.png", picture)
    assert not list(tmp_path.glob("*.partial"))


def test_a_warp_of_a_whole_square_is_the_square() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    matrix = face_crop_matrix((0, 0, 40, 40), 40)
    assert np.array_equal(warp(picture, matrix, 40), picture)
    shifted = warp(picture, face_crop_matrix((10, 5, 50, 45), 40), 40, fill=(1, 2, 3))
    assert np.array_equal(shifted[:35, :30], picture[5:, 10:])
    assert (shifted[35:] == (1, 2, 3)).all() and (shifted[:, 30:] == (1, 2, 3)).all()


def test_a_warp_that_stretches_is_antialiased_along_each_axis() -> None:
    picture = np.zeros((40, 400, 3), np.uint8)
    picture[:, ::2] = 255
    narrow = warp(picture, stretch_crop_matrix((0, 0, 400, 40), 40), 40)[:, 2:-2].astype(int)
    assert abs(narrow - 127).max() < 20


def test_a_warp_that_shrinks_is_antialiased() -> None:
    checkers = np.indices((256, 256)).sum(axis=0) % 2 * 255
    picture = np.dstack([checkers.astype(np.uint8)] * 3)
    small = warp(picture, face_crop_matrix((0, 0, 256, 256), 32), 32)[2:-2, 2:-2]
    assert np.abs(small.astype(int) - 127).max() <= 12


@settings(max_examples=25, deadline=None)
@given(roll=st.floats(-60, 60), side=st.floats(30, 90), x=st.floats(60, 100), y=st.floats(60, 100))
def test_a_warp_brings_what_the_matrix_says(roll: float, side: float, x: float, y: float) -> None:
    rows, columns = np.mgrid[0:160, 0:160].astype(np.float64) + 0.5
    picture = np.dstack([columns, rows, columns]).astype(np.uint8)
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    matrix = face_crop_matrix(box, 48, roll)
    warped = warp(picture, matrix, 48, fill=(0, 0, 0)).astype(float)
    for crop_x, crop_y in ((24, 24), (12.5, 30.5), (33.5, 17.5)):
        want_x, want_y = matrix @ (crop_x, crop_y, 1)
        got = warped[int(crop_y), int(crop_x)]
        assert abs(got[0] - want_x) < 3 and abs(got[1] - want_y) < 3


def test_resize() -> None:
    assert resize(np.asarray(quarters()), 16, 12).shape == (12, 16, 3)
