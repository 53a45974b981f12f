"""Other people's names for labels, whatever their case and ornament."""

from __future__ import annotations

import pytest

from affekt.errors import DataError
from affekt.labels import (
    CATEGORIES,
    PRIMARY_AND_CONTEMPT,
    SYNONYMS,
    VAD,
    VAD_RANGE,
    parse_category,
    parse_emotion,
)


@pytest.mark.parametrize("label", PRIMARY_AND_CONTEMPT)
@pytest.mark.parametrize("written", ["{}", " {} ", "03_{}", "{}-2", "7. {}"])
def test_a_label_is_known_by_any_spelling(label: str, written: str) -> None:
    assert parse_emotion(written.format(label)) == label
    assert parse_emotion(written.format(label.title())) == label


def test_a_synonym_means_its_label() -> None:
    assert {parse_emotion(name.upper()): label for name, label in SYNONYMS.items()} == {
        label: label for label in SYNONYMS.values()
    }


@pytest.mark.parametrize("name", ["", "12", "happines", "fear and joy"])
def test_another_name_is_refused_with_the_nearest(name: str) -> None:
    with pytest.raises(DataError, match=f"unknown emotion '{name}': "):
        parse_emotion(name)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_is_known_by_its_letters(category: str) -> None:
    for name in (category.upper(), f" {category}_", category.replace("/", " / ")):
        assert parse_category(name) == category
    assert parse_category(f"{category}s") == category


@pytest.mark.parametrize("name", ["", "Joy", "Angers and Fears", "Peacess"])
def test_another_category_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=f"unknown EMOTIC category '{name}': "):
        parse_category(name)


def test_the_sets_are_emotics() -> None:
    assert len(CATEGORIES) == 26 and list(CATEGORIES) == sorted(CATEGORIES)
    assert (VAD, VAD_RANGE) == (("valence", "arousal", "dominance"), (1.0, 10.0))
