"""Fixtures of the command line's tests."""

from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image

PHOTO = Path(str(files("affekt") / "assets" / "astronaut.jpg"))


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small copy of the demo's photo, to be quick."""
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    with Image.open(PHOTO) as image:
        image.resize((256, 256)).save(path, quality=95)
    return path
