"""The common form of EMOTIC's annotations: what belongs together, and which numbers count."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.data.manifests.row import Vad
from affekt.data.sets.emotic.annotations import (
    AnnotatedPerson,
    AnnotatedPicture,
    category,
    mean_vad,
    merge_pictures,
    source_of,
    stated,
    union,
    usable_vad,
)
from affekt.errors import DataError

RATING = st.floats(1, 10)


def someone(x: float) -> AnnotatedPerson:
    return AnnotatedPerson((x, 0.0, x + 1, 1.0), ("Peace",), None)


@pytest.mark.parametrize(
    ("folder", "filename", "source"),
    [
        ("mscoco/images", "frame_1.jpg", "mscoco"),  # the folder says more than the name
        ("\\framesdb\\images", "x.jpg", "framesdb"),
        ("/emodb_small/images/", "COCO_1.jpg", "emodb_small"),
        ("", "COCO_1.jpg", "mscoco"),
        ("images", "ADE_1.jpg", "ade20k"),
        ("", "x_frame_1.jpg", "emodb_small"),
        ("", "x.jpg", "emodb_small"),
        ("mine/images", "x.jpg", "mine"),
    ],
)
def test_a_picture_belongs_to_the_part_of_its_folder_or_its_prefix(
    folder: str, filename: str, source: str
) -> None:
    assert source_of(folder, filename) == source
    picture = AnnotatedPicture("val", folder, filename, 1, 1)
    assert (picture.source, picture.name) == (source, f"{source}/{filename}")


def test_entries_of_one_picture_are_one_picture_in_the_order_of_the_first() -> None:
    def entry(split: str, filename: str, *people: AnnotatedPerson) -> AnnotatedPicture:
        return AnnotatedPicture(split, "mscoco/images", filename, 9, 9, [*people])

    merged = merge_pictures(
        [
            entry("val", "b.jpg", someone(1)), entry("val", "a.jpg", someone(2)),
            entry("val", "b.jpg", someone(3), someone(4)), entry("test", "b.jpg", someone(5)),
        ]
    )  # fmt: skip
    assert [(p.split, p.filename, [q.box_xyxy[0] for q in p.people]) for p in merged] == [
        ("val", "b.jpg", [1, 3, 4]), ("val", "a.jpg", [2]), ("test", "b.jpg", [5]),
    ]  # fmt: skip


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    ("value", "counts"),
    [(1, True), (10, True), (0.999, False), (10.001, False), (math.nan, False), (math.inf, False)],
)
def test_a_rating_lies_from_1_to_10(place: int, value: float, counts: bool) -> None:
    values = [5.0, 5.0, 5.0]
    values[place] = value
    assert usable_vad(values) == (tuple(values) if counts else None)


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_three_ratings_belong_together(count: int) -> None:
    assert usable_vad([5.0] * count) is None


@settings(max_examples=40)
@given(st.lists(st.none() | st.tuples(RATING, RATING, RATING)))
def test_the_mean_is_over_those_who_rated(vads: list[Vad | None]) -> None:
    given = [vad for vad in vads if vad is not None]
    mean = mean_vad(vads)
    assert (mean is None) == (not given)
    if mean is not None:
        assert mean == pytest.approx(
            [sum(column) / len(given) for column in zip(*given, strict=True)]
        )


def test_what_is_not_stated_is_left_out_and_names_stand_once_in_order() -> None:
    assert stated(gender="", age="Kid", other=None) == {"age": "Kid"}
    assert union([["Peace", "Fear"], [], ["Peace", "Anger"]]) == ("Anger", "Fear", "Peace")


def test_a_category_is_told_by_its_name() -> None:
    assert category("Affections") == "Affection"
    with pytest.raises(DataError, match="unknown EMOTIC category 'Joy'"):
        category("Joy")
