"""A picture that tells every rotation and mirroring apart."""

from __future__ import annotations

import pytest
from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(scope="session")
def quarters() -> Image.Image:
    """Red, green, blue and white quarters: tells every rotation and mirroring apart."""
    image = Image.new("RGB", (64, 48), WHITE)
    image.paste(RED, (0, 0, 32, 24))
    image.paste(GREEN, (32, 0, 64, 24))
    image.paste(BLUE, (0, 24, 32, 48))
    return image
