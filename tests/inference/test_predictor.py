"""From any kind of picture to frames: in order, in batches, whatever fails."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import affekt
from affekt.bundle import Bundle
from affekt.errors import AffektError, BundleError, MediaError, UsageError
from affekt.geometry import face_crop_matrix, roll_degrees
from affekt.inference.ahead import WORKERS
from affekt.inference.find.faces import FaceDetector
from affekt.inference.predictor import Prediction, Predictor, load
from affekt.inference.prepared import BATCH_PICTURES
from affekt.inference.read.crop_model import CropModel
from affekt.inference.read.networks import CropNetwork
from affekt.inference.yolox import PersonBox
from affekt.labels import CATEGORIES
from affekt.media import ImageRgb, Source, warp
from affekt.results import Face

LANDMARKS = ((12.0, 16.0), (28.0, 20.0), (20.0, 26.0), (12.0, 34.0), (26.0, 36.0))


class OneFacePerRow:
    """Detects a face on every red pixel of the first column: pictures say what is in them."""

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        rows = np.flatnonzero(image_rgb[:, 0, 0] == 255)
        return [Face((float(y), 2.0, float(y) + 30, 42.0), 0.9, LANDMARKS) for y in rows]


def picture(people: int, seed: int = 0) -> ImageRgb:
    image = np.random.default_rng(seed).integers(0, 250, (60, 80, 3), dtype=np.uint8)
    image[:people, 0, 0] = 255
    return image


def png(people: int, seed: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(people, seed)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def predictor(tiny_bundle: Bundle) -> Predictor:
    return Predictor(tiny_bundle, OneFacePerRow(), threads=1)


def test_every_kind_of_picture_gives_the_same(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "é 1.png"
    path.write_bytes(png(2))
    kinds = [path, str(path), png(2), picture(2), Image.fromarray(picture(2))]
    frames = [predictor.predict(kind) for kind in kinds]
    assert [f.source for f in frames] == [str(path), str(path), "<bytes>", "<array>", "<image>"]
    assert all(f.people == frames[0].people and len(f.people) == 2 for f in frames)
    assert all((f.width, f.height, f.index, f.time_s) == (80, 60, 0, None) for f in frames)


def test_probabilities_are_those_of_the_model_on_the_one_crop(
    predictor: Predictor, tiny_bundle: Bundle
) -> None:
    (person,) = predictor.predict(picture(1)).people
    matrix = face_crop_matrix(person.box_xyxy, 32, roll_degrees(LANDMARKS))
    crop = warp(picture(1), matrix, 32)
    expected = CropModel(tiny_bundle, 1).probabilities(crop[None])[0]
    assert list(person.emotion.primary) == list(affekt.PRIMARY)
    assert np.allclose(list(person.emotion.primary.values()), expected, atol=1e-6)
    assert sum(person.emotion.primary.values()) == pytest.approx(1, abs=1e-5)
    assert person.face is not None and person.face.box_xyxy == person.box_xyxy


def test_nobody_is_an_empty_frame(predictor: Predictor) -> None:
    assert predictor.predict(picture(0)).people == ()
    assert predictor.predict([]) == []
    assert [frame.people for frame in predictor.predict([picture(0)] * 3)] == [()] * 3


def test_a_list_keeps_its_order_over_many_batches(predictor: Predictor) -> None:
    counts = [3, 0, 40, 1, 2, 0, 0, 5, 1, 33, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]
    pictures = [picture(count, seed) for seed, count in enumerate(counts)]
    frames = predictor.predict(pictures)
    assert [len(frame.people) for frame in frames] == counts
    for frame, image in zip(frames, pictures, strict=True):
        for a, b in zip(frame.people, predictor.predict(image).people, strict=True):
            assert a.box_xyxy == b.box_xyxy
            assert a.emotion.primary == pytest.approx(b.emotion.primary, abs=1e-5)


def test_several_pictures_go_through_the_model_at_once(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = CropNetwork.run

    def spy(self: CropNetwork, crops: ImageRgb, outputs: list[str]) -> list[np.ndarray]:
        sizes.append(len(crops))
        return real(self, crops, outputs)

    monkeypatch.setattr(CropNetwork, "run", spy)
    predictor.predict([picture(1)] * 16)
    assert sizes == [8, 8]


def test_a_bad_picture_does_not_stop_the_others(predictor: Predictor, tmp_path: Path) -> None:
    missing, given = str(tmp_path / "missing.jpg"), MediaError("empty: the folder holds no picture")
    items = [png(1), missing, given, Source("-", png(2)), Source("named", b"text"), picture(3)]
    results = list(predictor.predict_stream(items))
    kinds = [type(result) for result in results]
    assert kinds == [Prediction, MediaError, MediaError, Prediction, MediaError, Prediction]
    good = [result.frame for result in results if isinstance(result, Prediction)]
    assert [(frame.source, len(frame.people)) for frame in good] == [
        ("<bytes>", 1),
        ("-", 2),
        ("<array>", 3),
    ]
    assert str(results[1]).startswith(missing) and results[2] is given
    assert str(results[4]).startswith("named: not a picture")
    with pytest.raises(MediaError, match=r"missing\.jpg"):
        predictor.predict(items[:2])
    assert list(predictor.predict_stream([given, given])) == [given, given]


def test_the_decoded_picture_is_given_on_request(predictor: Predictor) -> None:
    kept, dropped = (
        next(predictor.predict_stream([png(1)], keep_images=keep)) for keep in (True, False)
    )
    assert isinstance(kept, Prediction) and isinstance(dropped, Prediction)
    assert kept.image_rgb is not None and np.array_equal(kept.image_rgb, picture(1))
    assert dropped.image_rgb is None


def test_the_pixel_limit_is_passed_on(tiny_bundle: Bundle) -> None:
    small = Predictor(tiny_bundle, OneFacePerRow(), max_pixels=100)
    with pytest.raises(MediaError, match="limit of 100"):
        small.predict(png(1))


def test_a_stream_takes_no_more_than_it_needs(predictor: Predictor) -> None:
    taken = 0

    def endless() -> Iterator[ImageRgb]:
        nonlocal taken
        while True:
            taken += 1
            yield picture(1)

    stream = predictor.predict_stream(endless())
    for _ in range(20):
        next(stream)
    assert taken <= 20 + BATCH_PICTURES + WORKERS + 1
    before = threading.active_count()
    stream.close()
    assert threading.active_count() < before


def test_an_interrupt_stops_promptly_and_leaves_no_thread(tiny_bundle: Bundle) -> None:
    class Slow(OneFacePerRow):
        def detect(self, image_rgb: ImageRgb) -> list[Face]:
            time.sleep(0.05)
            return super().detect(image_rgb)

    def interrupted() -> Iterator[ImageRgb]:
        yield from [picture(1)] * 3
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        list(Predictor(tiny_bundle, Slow(), threads=1).predict_stream(interrupted()))
    assert threading.active_count() == before


def test_several_threads_get_what_one_gets(predictor: Predictor) -> None:
    pictures = [picture(i % 4, i) for i in range(12)]
    expected = predictor.predict(pictures)
    results: list[bool] = []

    def work() -> None:
        results.append(predictor.predict(pictures) == expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_load_by_folder_and_by_name(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    detector: FaceDetector = OneFacePerRow()
    assert len(load(tiny_bundle.folder, face_detector=detector).predict(picture(2)).people) == 2
    monkeypatch.setenv("AFFEKT_MODELS", str(tiny_bundle.folder.parent))
    assert load("tiny", face_detector=detector).bundle == tiny_bundle
    with pytest.raises(BundleError, match="no model 'nothing'"):
        load("nothing", face_detector=detector)
    with pytest.raises(AffektError, match="no such file"):
        load("tiny", face_detector="missing.onnx")


def test_a_real_photo_with_the_default_detector(tiny_bundle: Bundle) -> None:
    photo = Path(affekt.__file__).parent / "assets" / "astronaut.jpg"
    frame = affekt.load(tiny_bundle.folder).predict(photo)
    assert (frame.width, frame.height, len(frame.people)) == (512, 512, 1)


class OnePerson:
    def detect(self, image_rgb: ImageRgb) -> list[PersonBox]:
        return [PersonBox((0.0, 0.0, 34.0, 60.0), 0.8)]


def test_a_person_detector_and_boxes_are_for_context_models(
    tiny_bundle: Bundle, tiny_context: Bundle
) -> None:
    boxes = {"<array>": [(40.0, 0.0, 80.0, 60.0)]}
    for given in ({"person_detector": OnePerson()}, {"boxes": boxes}):
        with pytest.raises(UsageError, match="'tiny' reads faces alone"):
            load(tiny_bundle.folder, face_detector=OneFacePerRow(), **given)
    with pytest.raises(UsageError, match="give one of them"):
        load(tiny_context.folder, person_detector=OnePerson(), boxes=boxes)


def test_people_of_several_pictures_are_read_together_and_as_alone(tiny_context: Bundle) -> None:
    predictor = load(
        tiny_context.folder, face_detector=OneFacePerRow(), person_detector=OnePerson(), threads=1
    )
    pictures = [picture(count, seed) for seed, count in enumerate((1, 0, 3))]
    frames = predictor.predict(pictures)
    assert [len(frame.people) for frame in frames] == [1, 1, 3]
    assert frames[1].people[0].emotion.primary is None
    for frame, image in zip(frames, pictures, strict=True):
        for a, b in zip(frame.people, predictor.predict(image).people, strict=True):
            assert a.box_xyxy == b.box_xyxy and a.face == b.face
            assert a.emotion.categories == pytest.approx(b.emotion.categories, abs=1e-5)
            assert a.emotion.valence == pytest.approx(b.emotion.valence, abs=1e-4)
    assert (predictor.primary_labels, predictor.categories) == (affekt.PRIMARY, CATEGORIES)


def test_a_box_outside_fails_its_picture_alone(tiny_context: Bundle) -> None:
    given = {"a.png": [(500.0, 0.0, 600.0, 60.0)], "b.png": [(0.0, 0.0, 34.0, 60.0)]}
    predictor = load(tiny_context.folder, face_detector=OneFacePerRow(), boxes=given)
    first, second = predictor.predict_stream([Source("a.png", png(1)), Source("b.png", png(1))])
    assert isinstance(first, MediaError) and "less than one pixel inside" in str(first)
    assert isinstance(second, Prediction) and second.frame.people[0].score == 1
