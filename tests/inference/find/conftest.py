"""Real faces that come with Affekt and with Matplotlib, both in the public domain."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import get_data_path

import affekt
from affekt.media import ImageRgb, read_picture


@pytest.fixture(scope="session")
def astronaut() -> ImageRgb:
    """Eileen Collins (NASA), 512 x 512 pixels, the face 112 high."""
    return read_picture(Path(affekt.__file__).parent / "assets" / "astronaut.jpg")


@pytest.fixture(scope="session")
def hopper() -> ImageRgb:
    """Grace Hopper (US Navy), 512 x 600 pixels, the face 190 high."""
    return read_picture(Path(get_data_path()) / "sample_data" / "grace_hopper.jpg")
