"""What callers bring: pictures, detectors and iterables that raise, and arguments of any kind."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import affekt
from affekt.bundle import Bundle
from affekt.errors import BundleError, DetectorError, MediaError, UsageError
from affekt.inference.predictor import Prediction, Predictor, load
from affekt.media import ImageRgb, Source
from affekt.results import Face

PHOTO = Path(affekt.__file__).parent / "assets" / "astronaut.jpg"


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


class ArrayLike:
    def __array__(self, *given: object, **named: object) -> np.ndarray:
        raise UnspeakableError


class Opened(Image.Image):
    def load(self) -> Any:
        raise KeyError("a tile")


class Whole:
    """Finds one face in every picture, unless its first pixel says how to fail."""

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        kind = image_rgb[0, 0, 0]
        if kind == 1:
            raise RuntimeError("a bug")
        if kind == 2:
            raise BundleError("the file is damaged")
        if kind == 3:
            return [object()]  # type: ignore[list-item]
        if kind == 4:
            return [Face((0.0, 0.0, float("nan"), 9.0), 0.9, None)]
        return [Face((2.0, 2.0, 40.0, 42.0), 0.9, None)]


def picture(kind: int = 9) -> ImageRgb:
    return np.full((60, 80, 3), kind, np.uint8)


@pytest.fixture
def predictor(tiny_bundle: Bundle) -> Predictor:
    return Predictor(tiny_bundle, Whole(), threads=1)


@pytest.mark.parametrize(
    ("item", "kind", "cause", "line"),
    [
        (ArrayLike(), MediaError, UnspeakableError, "<image>: cannot be read (UnspeakableError)"),
        (Source("mine", ArrayLike()), MediaError, UnspeakableError, "mine: cannot be read"),  # type: ignore[arg-type]
        (Opened(), MediaError, None, "a tile"),
        (picture(1), DetectorError, RuntimeError, "the detector failed (RuntimeError: a bug)"),
        (picture(3), DetectorError, AttributeError, "the detector failed (AttributeError"),
        (picture(4), DetectorError, ValueError, "the detector failed (ValueError"),
    ],
)
def test_what_a_picture_causes_is_its_error_alone(
    predictor: Predictor, item: Any, kind: type, cause: type | None, line: str
) -> None:
    results = list(predictor.predict_stream([picture(), item, picture()]))
    assert [type(result) for result in results] == [Prediction, kind, Prediction]
    assert line in str(results[1]) and "\n" not in str(results[1])
    assert cause is None or isinstance(results[1].__cause__, cause)  # type: ignore[union-attr]
    with pytest.raises(kind):
        predictor.predict(item)


def stumbling(*items: Any, error: BaseException) -> Iterator[Any]:
    yield from items
    raise error


@pytest.mark.parametrize("before", [0, 1, 2, 11])
def test_what_ends_a_stream_comes_after_the_results(predictor: Predictor, before: int) -> None:
    good = [picture()] * before
    streams: list[tuple[Any, type[Exception]]] = [
        (stumbling(*good, error=ZeroDivisionError()), ZeroDivisionError),
        ([*good, picture(2), picture()], BundleError),
    ]
    for pictures, expected in streams:
        results = []
        with pytest.raises(expected):
            for result in predictor.predict_stream(pictures):
                results.append(result)
        assert [type(result) for result in results] == [Prediction] * before


def test_a_generator_is_as_good_as_a_list(predictor: Predictor) -> None:
    pictures = [picture(9 + i) for i in range(5)]
    assert predictor.predict(p for p in pictures) == predictor.predict(pictures)
    assert predictor.predict(iter(())) == []


def test_an_error_that_is_kept_keeps_no_picture(predictor: Predictor) -> None:
    class Kept(np.ndarray):
        pass

    image = np.zeros((9, 9, 2), np.uint8).view(Kept)
    alive = weakref.ref(image)
    stream = predictor.predict_stream([image])
    del image
    errors = list(stream)
    gc.collect()
    assert isinstance(errors[0], MediaError) and alive() is None


def test_a_predictor_works_in_another_process(tiny_context: Bundle) -> None:
    boxes = {"astronaut.jpg": [(0.0, 0.0, 300.0, 500.0)]}
    for given in ({}, {"boxes": boxes}):
        here = load(tiny_context.folder, threads=1, **given)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            there = pool.submit(here.predict, str(PHOTO)).result()
        assert there == here.predict(str(PHOTO)) and there.people


def test_a_copy_of_a_predictor_is_one(predictor: Predictor) -> None:
    for again in (pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)):
        assert again.predict(picture()) == predictor.predict(picture())
    assert len(pickle.dumps(predictor)) < 10_000


class Silent:
    pass


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("model", [None, 3, ["face"], b"face"]),
        ("threads", [0, -1, "2", 1.5, True, 10**9]),
        ("max_pixels", [0, -1, "2", None, 1e9, True]),
        ("face_detector", [3, Silent(), Whole, lambda image: [], "nowhere.onnx", ""]),
        ("person_detector", [3, Silent(), Whole, "nowhere.onnx"]),
        ("boxes", [3, [], [(1, 2, 3, 4)], {"a": 3}, {"a": [(1, 2, 3)]}, {3: []}, "nowhere.csv"]),
        ("boxes", [{"a": [(1, 2, 3, "x")]}, {"a": [(0, 0, 9, float("nan"))]}, {"a": [None]}]),
    ],
)
def test_an_argument_of_another_kind_is_said(
    argument: str, values: list[Any], tiny_context: Bundle
) -> None:
    for value in values:
        with pytest.raises(UsageError) as caught:
            load(**{"model": tiny_context.folder, argument: value})
        said = str(caught.value)
        assert "\n" not in said and len(said) < 300
        assert said.startswith((argument, str(value)))


@pytest.mark.parametrize("given", ["photo.jpg", Path("photo.jpg"), b"photo", None, 3])
def test_one_picture_is_no_stream(predictor: Predictor, given: Any) -> None:
    with pytest.raises(UsageError, match=r"predict_stream: .*give a list"):
        predictor.predict_stream(given)


def test_a_table_is_a_data_frame_s_rows(predictor: Predictor) -> None:
    rows = list(affekt.to_table(predictor.predict([picture(), picture()])))
    assert [row["person"] for row in rows] == [0, 0]
    assert {"source", "x1", "primary_label", "happiness"} <= {*rows[0]}
