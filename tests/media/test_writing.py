"""Pictures out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affekt.errors import OutputError
from affekt.media import (
    read_picture,
    write_picture,
)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp", ".bmp", ".tif", ".gif"])
def test_written_pictures_are_read_back(quarters: Image.Image, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"é{suffix}"
    write_picture(path, np.asarray(quarters))
    assert np.median(np.abs(read_picture(path).astype(int) - np.asarray(quarters))) <= 3
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_an_unwritable_picture(quarters: Image.Image, tmp_path: Path) -> None:
    picture = np.asarray(quarters)
    with pytest.raises(OutputError, match=r"unknown picture suffix.*\.jpg"):
        write_picture(tmp_path / "a.xyz", picture)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write_picture(tmp_path / "file" / "a.png", picture)
    (tmp_path / "b.png").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_picture(tmp_path / "b.png", picture)
    assert not list(tmp_path.glob("*.partial"))
