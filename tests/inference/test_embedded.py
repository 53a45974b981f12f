"""The models that ship inside the package, on the photo that ships with it."""

from importlib.resources import files

import numpy as np
import pytest

import affekt
from affekt.bundle import EMBEDDED, MultiLabel, read_bundle
from affekt.labels import CATEGORIES, PRIMARY

PHOTO = files("affekt") / "assets" / "astronaut.jpg"
MOST_BYTES = 15_000_000


@pytest.fixture(scope="module")
def person() -> affekt.Person:
    """The astronaut, read by the default model."""
    [found] = affekt.load().predict(PHOTO.read_bytes()).people
    return found


def test_the_default_model_reads_categories_and_vad_beside_the_primary_emotions(person) -> None:
    emotion = person.emotion
    assert tuple(emotion.primary) == PRIMARY and tuple(emotion.categories) == CATEGORIES
    assert emotion.primary_label == "happiness"
    assert sum(emotion.primary.values()) == pytest.approx(1, abs=1e-3)
    said = np.array(list(emotion.categories.values()))
    assert (said > 0).all() and (said < 1).all()
    assert 5.5 < emotion.valence <= 10  # a smile
    assert 1 <= emotion.arousal <= 10 and 1 <= emotion.dominance <= 10


def test_its_labels_are_those_over_their_thresholds(person) -> None:
    head = read_bundle(EMBEDDED / "context").info.outputs["categories"]
    assert isinstance(head, MultiLabel)
    thresholds = head.thresholds
    over = [name for name, p in person.emotion.categories.items() if p >= thresholds[name]]
    assert list(person.emotion.category_labels) == over
    assert "Happiness" in over and "Sadness" not in over


def test_its_primary_emotions_are_the_face_models(person) -> None:
    [alone] = affekt.load("face").predict(PHOTO.read_bytes()).people
    assert alone.emotion.categories is None
    assert person.emotion.primary == pytest.approx(alone.emotion.primary, abs=1e-4)


def test_they_are_small_and_say_what_they_may_be_used_for() -> None:
    bundles = [read_bundle(info.parent) for info in sorted(EMBEDDED.glob("*/bundle.json"))]
    assert [bundle.info.name for bundle in bundles] == ["context", "face"]
    size = sum(file.stat().st_size for file in EMBEDDED.rglob("*") if file.is_file())
    assert size < MOST_BYTES
    assert all("research use only" in bundle.info.licence for bundle in bundles)
    assert all("Prohibited use" in (bundle.folder / "CARD.md").read_text() for bundle in bundles)
