"""The shared library called directly gives what its packages' own modules give."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import affekt
from affekt.inference import libfacedetection
from affekt.inference.libfacedetection import PACKAGES, library_path, open_finder
from affekt.media import ImageRgb, read_picture

INSTALLED = [package for package in PACKAGES if find_spec(package)]


@pytest.fixture(scope="module")
def portrait() -> ImageRgb:
    return read_picture(Path(affekt.__file__).parent / "assets" / "astronaut.jpg")


@pytest.mark.parametrize("package", INSTALLED)
@pytest.mark.parametrize("cut", [0, 70])
def test_the_library_equals_the_module(
    package: str, cut: int, portrait: ImageRgb, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = portrait[cut:]  # the second one cuts the forehead: coordinates over the edge
    direct = open_finder(package)(picture)
    monkeypatch.setattr(libfacedetection, "library_path", lambda _: None)
    through_module = open_finder(package)(picture)
    assert len(direct) >= 1
    assert np.array_equal(direct[:, :5], through_module[:, :5])
    known = ~np.isnan(through_module)
    assert np.array_equal(direct[known], through_module[known])


@pytest.mark.parametrize("package", INSTALLED)
@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (33, 17)])
def test_nothing_in_odd_pictures(package: str, shape: tuple[int, int]) -> None:
    assert open_finder(package)(np.zeros((*shape, 3), np.uint8)).shape == (0, 15)


def test_the_library_is_in_the_package() -> None:
    for package in INSTALLED:
        path = library_path(package)
        folder = Path(str(import_module(package).__file__)).parent
        assert path is None or path.parent == folder
    assert library_path("affekt_is_no_such_package") is None
