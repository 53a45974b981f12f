"""Pictures as Python code has them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from affekt.errors import MediaError
from affekt.media import read_any, to_rgb
from affekt.media.pictures import name_of


class Slow(io.RawIOBase):
    """A stream without a way back, such as that of a web request."""

    def __init__(self, content: bytes) -> None:
        self.content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.content.readinto(memoryview(buffer)[:7])


def test_encoded_pictures_in_memory_and_in_files(
    encode, quarters: Image.Image, tmp_path: Path
) -> None:
    content, expected = encode(quarters, "PNG"), np.asarray(quarters)
    written = io.BytesIO()
    quarters.save(written, "PNG")  # it now stands at its end
    path = tmp_path / "a.png"
    path.write_bytes(content)
    given = [
        content,
        bytearray(content),
        memoryview(content),
        written,
        Slow(content),
        path,
        str(path),
    ]
    for picture in given:
        assert np.array_equal(read_any(picture), expected)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        assert np.array_equal(read_any(file), expected)
        assert np.array_equal(read_any(raw), expected)
        assert not file.closed
    with os.scandir(tmp_path) as entries:
        assert all(np.array_equal(read_any(entry), expected) for entry in entries)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (None, "<None>: None, as cv2.imread gives"),
        (7, "<image>: int is no picture; a picture is a path"),
        ({"a": 1}, "dict is no picture"),
        (io.StringIO("text"), "<stream>: a stream of text; open the file with mode 'rb'"),
        (io.BytesIO(), "<stream>: the file is empty"),
        (bytearray(b"abc"), "<bytes>: not a picture"),
        (np.zeros((3, 9, 9), np.uint8), "(channels come last)"),
        (np.full((4, 4, 3), 1.01), "a float picture is 0 to 1"),
        (np.full((4, 4, 3), -0.01), "a float picture is 0 to 1"),
    ],
)
def test_what_is_no_picture_is_one_line(picture: Any, said: str) -> None:
    with pytest.raises(MediaError) as error:
        read_any(picture)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_closed_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with (tmp_path / "a.png").open("rb") as file:
        pass
    with pytest.raises(MediaError, match="<stream>: cannot be read"):
        read_any(file)


def test_floats_that_overshoot_by_rounding_are_clipped() -> None:
    values = np.array([[[-0.003, 0.5, 1.003]]])
    for kind in (np.float16, np.float32, np.float64):
        assert to_rgb(values.astype(kind)).tolist() == [[[0, 128, 255]]]


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    ramp = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    whole = torch.from_numpy(ramp.copy())
    share = whole.float() / 255
    for tensor in (whole, share, share.requires_grad_(), share.half(), share.double()):
        assert np.array_equal(to_rgb(tensor), ramp)
    assert np.abs(to_rgb(share.bfloat16()).astype(int) - ramp).max() <= 1
    assert np.array_equal(to_rgb(share.requires_grad_() * 1), ramp)
    assert name_of(whole) == "<array>"
    with pytest.raises(MediaError, match=r"<array>: shape \(3, 4, 5\).*channels come last"):
        to_rgb(share.permute(2, 0, 1))
