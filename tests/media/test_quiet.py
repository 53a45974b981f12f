"""Damaged pictures that are read anyway give no warning, and no error with ``-W error``."""

from __future__ import annotations

import io
import logging
import struct
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from affekt.errors import MediaError
from affekt.media import read_picture
from affekt.media.quiet import without_codec_warnings


@pytest.fixture
def torn_exif() -> bytes:
    """A JPEG of 20 x 30 pixels whose EXIF block turns it and holds less than it says."""
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(stream, "JPEG", exif=exif)
    content = bytearray(stream.getvalue())
    entries = content.index(b"MM\x00*") + 8
    content[entries : entries + 2] = (9).to_bytes(2, "big")
    return bytes(content)


def warn(module: str) -> None:
    warnings.warn_explicit("of a tag", UserWarning, "file.py", 1, module)


def test_a_torn_block_is_read_all_the_same(torn_exif: bytes) -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(torn_exif)).getexif()
        assert shown, "the picture must be one that Pillow warns of"
        shown.clear()
        assert read_picture(torn_exif).shape == (30, 20, 3)
        assert not shown
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(torn_exif).shape == (30, 20, 3)


def test_what_pillow_logs_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of the tests
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "TIFF")
    one, many = (struct.pack("<HHI", 277, 3, 1) + struct.pack("<HH", n, 0) for n in (3, 2048))
    assert one in stream.getvalue()
    with pytest.raises(MediaError):
        read_picture(stream.getvalue().replace(one, many))
    assert capfd.readouterr() == ("", "")


def test_other_warnings_and_the_caller_s_filters_stay() -> None:
    before = list(warnings.filters)
    with without_codec_warnings():
        warn("PIL.TiffImagePlugin")
        with pytest.raises(UserWarning, match="of a tag"):
            warn("mine")
    assert list(warnings.filters) == before
    with pytest.raises(UserWarning, match="of a tag"):
        warn("PIL.TiffImagePlugin")


def test_threads_that_overlap_leave_no_filter() -> None:
    before, inside, end = list(warnings.filters), threading.Event(), threading.Event()

    def long() -> None:
        with without_codec_warnings():
            inside.set()
            end.wait()

    thread = threading.Thread(target=long)
    thread.start()
    inside.wait()
    with without_codec_warnings():
        pass
    warn("PIL.TiffImagePlugin")
    end.set()
    thread.join()
    assert list(warnings.filters) == before


def test_filters_that_the_caller_sets_anew_meanwhile_stay() -> None:
    with warnings.catch_warnings():
        with without_codec_warnings():
            warnings.resetwarnings()
            with without_codec_warnings():
                warn("PIL.TiffImagePlugin")
        assert not warnings.filters
