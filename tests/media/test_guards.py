"""Pictures that ask for minutes or gigabytes are refused from their headers; all others are not."""

from __future__ import annotations

import io
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from affekt.errors import MediaError, PictureTooLargeError
from affekt.media import read_picture
from affekt.media.guards import jpeg, png
from affekt.media.guards.spans import Spans
from affekt.media.guards.tiff import read_listing
from affekt.media.guards.webp import stated_size


def noise(width: int, height: int) -> Image.Image:
    return Image.effect_noise((width, height), 60).convert("RGB")


def with_scans(content: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan is there that many times more."""
    last, end = content.rindex(b"\xff\xc4"), content.rindex(b"\xff\xd9")
    return content[:end] + content[last:end] * count + content[end:]


@pytest.mark.parametrize("restart", [0, 2])
def test_scans_are_counted(encode, restart: int) -> None:
    content = encode(noise(64, 64), "JPEG", progressive=True, restart_marker_rows=restart)
    by_hand = len(re.findall(rb"\xff\xda", content))
    assert by_hand == 10
    found = list(jpeg.segments(io.BytesIO(content)))
    assert jpeg.count_scans(io.BytesIO(content), found[-1].start, 1000) == by_hand
    many = with_scans(content, 30)
    assert jpeg.count_scans(io.BytesIO(many), found[-1].start, 1000) == by_hand + 30
    assert read_picture(many).shape == (64, 64, 3)


def test_a_jpeg_of_hundreds_of_scans_is_refused(encode) -> None:
    content = with_scans(encode(noise(64, 64), "JPEG", progressive=True), 1000)
    with pytest.raises(MediaError, match=r"^<bytes>: a JPEG of 64 x 64 .* over 1000 scans"):
        read_picture(content)


def test_filling_between_segments_is_read_to_a_limit(encode) -> None:
    content = encode(noise(32, 32), "JPEG")
    expected, first = read_picture(content), 20
    for filling in (b"\xff", b"\xff\xff\xff", b"\xff" * 60_000, b"\0\xff\0"):
        filled = content[:first] + filling + content[first:]
        assert np.array_equal(read_picture(filled), expected)
    for filling in (b"\xff" * 20_000_000, b"\x00" * 20_000_000, b"\xff\x00" * 70_000):
        with pytest.raises(MediaError, match="filling in its header"):
            read_picture(content[:first] + filling + content[first:])
    scan = content.rindex(b"\xff\xda") + 40
    for size, said in ((2**20, "damaged JPEG"), (5 * 2**20, "filling in its scans")):
        filled = content[:scan] + b"\xff" * size + content[scan:]
        with pytest.raises(MediaError, match=said):
            read_picture(filled)
    with pytest.raises(MediaError, match="filling in its scans"):
        read_picture(content + b"\xff" * (5 * 2**20))
    comments = b"\xff\xfe\x00\x02" * 5000
    with pytest.raises(MediaError, match="over 4,096 segments"):
        read_picture(content[:2] + comments + content[2:])


sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


@given(
    size=sizes,
    progressive=st.booleans(),
    comment=st.binary(max_size=300),
    quality=st.integers(5, 100),
)
def test_every_jpeg_of_an_encoder_passes(
    encode, size: tuple[int, int], progressive: bool, comment: bytes, quality: int
) -> None:
    width, height = size
    image = noise(width, height)
    content = encode(image, "JPEG", progressive=progressive, comment=comment, quality=quality)
    found = list(jpeg.segments(io.BytesIO(content)))
    assert found[-1].marker == 0xDA
    frame = next(s for s in found if s.marker in (0xC0, 0xC2))
    assert struct.unpack(">HH", frame.head[3:7]) == (height, width)
    assert read_picture(content).shape == (height, width, 3)


def compressed(kind: bytes, size: int) -> tuple[bytes, bytes]:
    head = {b"iCCP": b"p\0\0", b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0"}[kind]
    return kind, head + zlib.compress(np.random.default_rng(0).bytes(size // 2) + bytes(size // 2))


TEXTS = [(kind, place) for kind in (b"zTXt", b"iTXt", b"tEXt") for place in ("before", "after")]


@pytest.mark.parametrize(("kind", "place"), [(b"iCCP", "before"), *TEXTS])
@pytest.mark.parametrize("size", [300, 3_000_000])
def test_profiles_and_texts_of_any_size_are_read(
    make_png, kind: bytes, place: str, size: int
) -> None:
    chunk = (kind, b"k\0" + b"x" * size) if kind == b"tEXt" else compressed(kind, size)
    rows = bytes(range(36))
    content = make_png(4, 3, rows, **{place: [chunk]})
    assert read_picture(content).tobytes() == rows


def test_a_short_text_still_tells_the_orientation(make_png) -> None:
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'
    large = compressed(b"iCCP", 2_000_000)
    content = make_png(4, 3, bytes(36), before=[large, (b"iTXt", xmp)])
    assert read_picture(content).shape == (4, 3, 3)


def test_a_png_in_very_many_pieces_is_refused(make_png) -> None:
    many = [(b"teXt", b"")] * (png.CHUNK_LIMIT + 1)
    with pytest.raises(MediaError, match="in over 200,000 pieces"):
        read_picture(make_png(4, 3, bytes(36), before=many))


@given(
    content=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=8), data=st.data()
)
def test_spans_are_the_parts_one_after_the_other(
    content: bytes, cuts: list[int], data: st.DataObject
) -> None:
    places = sorted(min(cut, len(content)) for cut in cuts)
    pairs = list(zip(places[::2], places[1::2], strict=False))
    expected = b"".join(content[a:b] for a, b in pairs)
    if not pairs:
        return
    stream = io.BufferedReader(Spans(io.BytesIO(content), pairs), 4)
    assert stream.read() == expected
    at = data.draw(st.integers(0, len(expected)))
    assert stream.seek(at) == at
    assert stream.read(5) == expected[at : at + 5]


def gif(screen: tuple[int, int], before: bytes = b"", picture: tuple[int, int] = (1, 1)) -> bytes:
    head = b"GIF89a" + struct.pack("<HH", *screen) + b"\x80\0\0" + bytes(3) + b"\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, *picture, 0) + b"\x02\x02\x44\x01\x00;"
    return head + before + frame


def test_both_sizes_of_a_gif_obey_the_limit() -> None:
    disposal = b"!\xf9\x04\x08\0\0\0\0"
    assert read_picture(gif((2, 2))).shape == (2, 2, 3)
    for content in (gif((9000, 9000), disposal), gif((2, 2), disposal, (9000, 9000))):
        with pytest.raises(PictureTooLargeError, match=r"9000 x 9000 = 81,000,000 pixels"):
            read_picture(content, max_pixels=1000)
    with pytest.raises(PictureTooLargeError, match="65535 x 65535"):
        read_picture(gif((65535, 65535)))


def test_a_gif_with_very_many_blocks_is_refused() -> None:
    comment = b"!\xfe" + b"\x01x" * 200_000 + b"\0"
    for before in (comment, b"!\xfe\0" * 200_000, b"\x01" * 200_000):
        with pytest.raises(MediaError, match="a GIF with over 100,000 blocks"):
            read_picture(gif((2, 2), before))
    assert read_picture(gif((2, 2), b"!\xfe" + b"\x01x" * 9000 + b"\0")).shape == (2, 2, 3)


@given(size=sizes, alpha=st.booleans(), lossless=st.booleans(), frames=st.integers(1, 2))
def test_the_size_that_a_webp_states(
    encode, size: tuple[int, int], alpha: bool, lossless: bool, frames: int
) -> None:
    image = noise(*size).convert("RGBA" if alpha else "RGB")
    more = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)] * (frames - 1)
    content = encode(image, "WEBP", lossless=lossless, save_all=frames > 1, append_images=more)
    assert stated_size(content[:30]) == size
    with pytest.raises(PictureTooLargeError):
        read_picture(content, max_pixels=size[0] * size[1] - 1)


def test_a_tiff_whose_entries_share_bytes_is_refused(encode) -> None:
    content = encode(noise(16, 16), "TIFF")
    listing = read_listing(io.BytesIO(content), len(content))
    assert 0 < listing.stated < len(content) and listing.numbers[256] == 16
    entries = [struct.pack("<HHII", 40_000 + i, 1, 500_000, 8) for i in range(3000)]
    bomb = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(entries) + bytes(500_000)
    with pytest.raises(MediaError, match="entries state more bytes"):
        read_picture(bomb)


@given(st.binary(max_size=80), st.sampled_from([b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]))
def test_any_tiff_header_is_listed(content: bytes, magic: bytes) -> None:
    whole = len(magic + content)
    listing = read_listing(io.BytesIO(magic + content), whole)
    assert listing.stated >= 0 and all(number >= 0 for number in listing.numbers.values())


def tiff(entries: dict[int, int], data: bytes, places: int, sizes: int) -> bytes:
    """A TIFF of one strip or tile; where it is and its size stand in the last two tags."""
    at = 8 + 2 + 12 * (len(entries) + 2) + 4
    numbers = sorted({**entries, places: at, sizes: len(data)}.items())
    listing = b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in numbers)
    return struct.pack("<2sHIH", b"II", 42, 8, len(numbers)) + listing + bytes(4) + data


GREY = {256: 16, 257: 16, 258: 8, 262: 1, 277: 1}


def test_the_tiles_of_a_tiff_obey_the_limit() -> None:
    for side, read in ((16, True), (112, False)):
        tile = {322: side, 323: side, 259: 8}
        content = tiff(GREY | tile, zlib.compress(bytes(side**2)), 324, 325)
        if read:
            assert read_picture(content, max_pixels=9999).shape == (16, 16, 3)
        else:
            with pytest.raises(PictureTooLargeError, match="112 x 112 = 12,544 pixels"):
                read_picture(content, max_pixels=9999)


def test_scans_inside_a_tiff_are_counted(encode) -> None:
    strip = encode(noise(16, 16).convert("L"), "JPEG", progressive=True)
    whole = GREY | {278: 16, 259: 7}
    assert read_picture(tiff(whole, strip, 273, 279)).shape == (16, 16, 3)
    with pytest.raises(MediaError, match="in JPEGs with over 1000 scans"):
        read_picture(tiff(whole, with_scans(strip, 1000), 273, 279))


def test_libtiff_writes_nothing_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    for kind in (5, 7, 8):
        content = tiff(GREY | {322: 1600, 323: 1600, 259: kind}, bytes(1000), 324, 325)
        with pytest.raises(MediaError, match="damaged TIFF"):
            read_picture(content)
    assert capfd.readouterr().err == ""


def test_a_long_run_length_bmp_is_refused() -> None:
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54) + struct.pack(
        "<IiiHHIIiiII", 40, 2, 2, 1, 8, 1, 0, 0, 0, 0, 0
    )
    with pytest.raises(MediaError, match="run-length encoded BMP"):
        read_picture(head + b"\0\0" * 8_000_000)


def test_a_very_long_side_is_refused(make_png) -> None:
    for size in ((1, 1_000_001), (1_000_001, 1)):
        with pytest.raises(PictureTooLargeError, match=r"a side over the limit of 1,000,000"):
            read_picture(make_png(*size, bytes(3 * 1_000_001)))
    assert read_picture(make_png(1, 70_000, bytes(210_000))).shape == (70_000, 1, 3)


def test_an_exif_block_of_any_size_is_looked_at_to_a_limit(make_png) -> None:
    entries = [(0x0112, 3, 1, 6)] + [(0x9000 + i, 7, 100_000, 200) for i in range(3000)]
    listing = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    block = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + listing + bytes(200_000)
    content = make_png(4, 3, bytes(36), before=[(b"eXIf", block)])
    assert read_picture(content).shape == (4, 3, 3)
