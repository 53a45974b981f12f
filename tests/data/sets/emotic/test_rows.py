"""Each reason and each flag of a person of EMOTIC, at the last value that has it and the first
that has not."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.data.manifests.row import Row
from affekt.data.sets.emotic import rows as emotic_rows
from affekt.data.sets.emotic.annotations import AnnotatedPerson, AnnotatedPicture
from affekt.data.sets.emotic.rows import (
    CORRECTIONS,
    TOLERANCE,
    Seen,
    person_rows,
    restored_size,
    train_boxes,
)
from affekt.results import BoxXyxy, Face

WIDTH, HEIGHT = 100, 60
BOX: BoxXyxy = (10.0, 5.0, 50.0, 55.0)
SOMEONE = AnnotatedPerson(BOX, ("Peace",), (5.0, 4.0, 7.0))
PICTURE = AnnotatedPicture("val", "mscoco/images", "COCO_1.jpg", WIDTH, HEIGHT, [SOMEONE])
SEEN = Seen("a.jpg", WIDTH, HEIGHT)


def rows_of(
    *people: AnnotatedPerson, picture: AnnotatedPicture = PICTURE, seen: Seen = SEEN
) -> tuple[list[Row], Counter[str]]:
    return person_rows(replace(picture, people=list(people or picture.people)), seen, {})


def test_a_person_without_a_fault_is_in_use_and_nothing_is_counted() -> None:
    (row,), counts = rows_of()
    assert (row.exclude, row.box_xyxy, row.leak, row.people) == (None, BOX, None, 1)
    assert counts == Counter()


@pytest.mark.parametrize("dx", [-TOLERANCE - 1, -TOLERANCE, 0, TOLERANCE, TOLERANCE + 1])
@pytest.mark.parametrize("dy", [-TOLERANCE - 1, -TOLERANCE, 0, TOLERANCE, TOLERANCE + 1])
def test_a_picture_may_differ_by_the_tolerance_on_both_sides(dx: int, dy: int) -> None:
    (row,), _ = rows_of(seen=Seen("a.jpg", WIDTH + dx, HEIGHT + dy))
    allowed = max(abs(dx), abs(dy)) <= TOLERANCE
    assert row.exclude == (None if allowed else emotic_rows.OTHER_SIZE)


@pytest.mark.parametrize(
    ("folder", "stated", "actual", "reason", "swaps"),
    [
        ("emodb_small/images", (60, 100), (100, 60), None, 1),
        ("emodb_small/images", (60, 100), (102, 58), None, 1),
        ("emodb_small/images", (60, 100), (103, 60), emotic_rows.OTHER_SIZE, 0),
        ("emodb_small/images", (60, 60), (60, 60), None, 0),
        ("mscoco/images", (60, 100), (100, 60), emotic_rows.OTHER_SIZE, 1),
        ("mscoco/images", (0, 0), (100, 60), None, 0),
        ("mscoco/images", (1, 1), (100, 60), emotic_rows.OTHER_SIZE, 0),
        ("mscoco/images", (100, 60), (0, 60), emotic_rows.NO_SIZE, 0),
        ("mscoco/images", (100, 60), (100, 0), emotic_rows.NO_SIZE, 0),
        ("mscoco/images", (0, 1), (3, 1), None, 0),
        ("mscoco/images", (1, 0), (1, 3), None, 0),
        ("mscoco/images", (0, 3), (3, 1), None, 0),
        ("mscoco/images", (1, 4), (4, 1), emotic_rows.OTHER_SIZE, 1),
        ("mscoco/images", (1, 1), (1, 1), None, 0),
    ],
)
def test_only_one_part_may_state_its_height_first(
    folder: str, stated: tuple[int, int], actual: tuple[int, int], reason: str | None, swaps: int
) -> None:
    picture = replace(PICTURE, folder=folder, width=stated[0], height=stated[1])
    someone = replace(SOMEONE, box_xyxy=(0.0, 0.0, 1.0, 1.0))
    (row,), counts = rows_of(someone, picture=picture, seen=Seen("a.jpg", *actual))
    assert row.exclude == reason
    assert counts[emotic_rows.SWAPPED_COUNT] == swaps


def test_a_swap_that_the_reader_saw_is_counted() -> None:
    _, counts = rows_of(picture=replace(PICTURE, swapped=True))
    assert counts == {emotic_rows.SWAPPED_COUNT: 1}


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((10.0, 5.0, 10.0, 55.0), emotic_rows.NO_AREA),
        ((10.0, 5.0, 50.0, 5.0), emotic_rows.NO_AREA),
        ((11.0, 5.0, 10.0, 55.0), emotic_rows.NO_AREA),
        ((10.0, 6.0, 50.0, 5.0), emotic_rows.NO_AREA),
        ((10.0, 5.0, 10.5, 5.5), None),
        ((10.0, 5.0, math.inf, 55.0), emotic_rows.NO_AREA),
        ((10.0, math.nan, 50.0, 55.0), emotic_rows.NO_AREA),
        ((WIDTH, 5.0, WIDTH + 9.0, 55.0), emotic_rows.OUTSIDE),
        ((WIDTH - 0.5, 5.0, WIDTH + 9.0, 55.0), None),
        ((10.0, HEIGHT, 50.0, HEIGHT + 9.0), emotic_rows.OUTSIDE),
        ((10.0, HEIGHT - 0.5, 50.0, HEIGHT + 9.0), None),
        ((-9.0, 5.0, 0.0, 55.0), emotic_rows.OUTSIDE),
        ((10.0, -9.0, 50.0, 0.0), emotic_rows.OUTSIDE),
    ],
)
def test_a_box_is_used_from_the_first_bit_of_area_inside(box: BoxXyxy, reason: str | None) -> None:
    (row,), _ = rows_of(replace(SOMEONE, box_xyxy=box))
    assert row.exclude == reason
    if reason:
        assert repr(row.box_xyxy) == repr(box)  # an excluded box stays as annotated


@settings(max_examples=40)
@given(st.tuples(*[st.floats(-200, 200, allow_nan=False) for _ in range(4)]))
def test_a_box_in_use_lies_in_the_picture_and_has_area(box: BoxXyxy) -> None:
    (row,), counts = rows_of(replace(SOMEONE, box_xyxy=box))
    if row.exclude is None:
        x1, y1, x2, y2 = row.box_xyxy or (0, 0, 0, 0)
        assert 0 <= x1 < x2 <= WIDTH and 0 <= y1 < y2 <= HEIGHT
        assert counts[emotic_rows.CLIPPED_COUNT] == int(row.box_xyxy != box)
    else:
        assert row.box_xyxy == box and counts[emotic_rows.CLIPPED_COUNT] == 0


def test_a_box_cut_at_a_swapped_size_is_left_out() -> None:
    (row,), _ = rows_of(replace(SOMEONE, cut=True))
    assert row.exclude == emotic_rows.CUT


def test_of_several_reasons_the_first_holds() -> None:
    nobody = AnnotatedPerson(BOX, (), None)
    rows, counts = rows_of(SOMEONE, nobody, replace(nobody, box_xyxy=(0.0, 0.0, 9.0, 9.0)))
    reasons = [row.exclude for row in rows]
    assert reasons == [None, emotic_rows.DUPLICATE, emotic_rows.NO_CATEGORY]
    assert [row.id for row in rows] == [f"val/mscoco/COCO_1.jpg#{number}" for number in range(3)]
    assert {row.people for row in rows} == {2}
    assert counts == {emotic_rows.NO_VAD_COUNT: 2}
    for problem in (emotic_rows.MISSING, emotic_rows.UNREADABLE):
        rows, counts = rows_of(SOMEONE, nobody, seen=replace(SEEN, problem=problem))
        assert [row.exclude for row in rows] == [problem] * 2
        assert counts[f"{problem} in mscoco"] == 1
    rows, _ = rows_of(replace(SOMEONE, cut=True), replace(SOMEONE, cut=True))
    assert [row.exclude for row in rows] == [emotic_rows.CUT] * 2


def test_the_authors_answer_is_for_one_person_without_categories() -> None:
    ((split, name), answer) = next(iter(CORRECTIONS.items()))
    picture = replace(PICTURE, split=split, filename=name)
    rows, counts = rows_of(SOMEONE, replace(SOMEONE, categories=()), picture=picture)
    assert [row.categories for row in rows] == [("Peace",), answer]
    assert counts[emotic_rows.ANSWER_COUNT] == 1
    rows, counts = rows_of(replace(SOMEONE, categories=()), picture=replace(picture, split="val"))
    assert (rows[0].categories, counts[emotic_rows.ANSWER_COUNT]) == ((), 0)


@pytest.mark.parametrize(
    ("array", "stated", "actual", "box", "scales"),
    [
        ("a.npy", (200, 120), (100, 60), (5.0, 2.5, 25.0, 27.5), 1),
        ("a.npy", (200, 60), (100, 60), (5.0, 5.0, 25.0, 55.0), 1),
        ("a.npy", (100, 60), (100, 60), BOX, 0),
        ("a.npy", (0, 60), (100, 60), BOX, 0),
        ("a.npy", (100, 0), (100, 60), BOX, 0),
        ("a.npy", (1, 60), (100, 60), None, 1),
        ("a.npy", (100, 1), (100, 60), None, 1),
        (None, (101, 60), (100, 60), BOX, 0),
    ],
)
def test_boxes_follow_an_array_that_is_stored_at_another_size(
    array: str | None,
    stated: tuple[int, int],
    actual: tuple[int, int],
    box: BoxXyxy | None,
    scales: int,
) -> None:
    picture = replace(PICTURE, array=array, width=stated[0], height=stated[1])
    (row,), counts = rows_of(picture=picture, seen=Seen("a.npy", *actual))
    assert row.exclude == (None if box else emotic_rows.OUTSIDE)
    assert row.exclude or row.box_xyxy == pytest.approx(box)
    assert counts[emotic_rows.SCALED_COUNT] == scales
    _, counts = rows_of(
        picture=picture, seen=Seen("a.npy", *actual, problem=emotic_rows.UNREADABLE)
    )
    assert counts[emotic_rows.SCALED_COUNT] == 0


@pytest.mark.parametrize(
    ("split", "boxes", "leak"),
    [
        ("val", [BOX], emotic_rows.SAME_PERSON),
        ("test", [BOX], emotic_rows.SAME_PERSON),
        ("val", [(0.0, 0.0, 9.0, 9.0)], emotic_rows.SAME_PICTURE),
        ("val", None, None),
        ("train", [BOX], None),
    ],
)
def test_a_leak_is_a_picture_or_a_box_of_train(
    split: str, boxes: list[BoxXyxy] | None, leak: str | None
) -> None:
    people = [replace(SOMEONE, box_xyxy=box) for box in boxes or ()]
    trained = replace(PICTURE, split="train", people=people)
    known = [trained] if boxes else [replace(trained, filename="other.jpg")]
    others = replace(PICTURE, people=[replace(SOMEONE, box_xyxy=(1.0, 1.0, 2.0, 2.0))])
    train = train_boxes([*known, others])
    (row,), _ = person_rows(replace(PICTURE, split=split), SEEN, train)
    assert row.leak == leak


def test_a_face_is_given_to_nobody_who_is_left_out() -> None:
    face = Face((20.0, 6.0, 30.0, 18.0), 0.9)
    seen = replace(SEEN, faces=(face,))
    rows, _ = rows_of(replace(SOMEONE, cut=True), replace(SOMEONE, vad=None), seen=seen)
    assert [row.face for row in rows] == [None, None]  # the second has an earlier box
    other = replace(SOMEONE, box_xyxy=(11.0, 5.0, 50.0, 55.0))
    rows, counts = rows_of(replace(SOMEONE, cut=True), other, seen=seen)
    assert [row.face for row in rows] == [None, face]
    assert counts == Counter()


@pytest.mark.parametrize(
    ("stated", "size"),
    [
        ((640, 480), (299, 224)), ((480, 640), (224, 299)), ((0, 480), (224, 224)),
        ((640, 0), (224, 224)), ((1, 2), (224, 448)), ((2, 1), (448, 224)), ((1, 1), (224, 224)),
    ],
)  # fmt: skip
def test_a_square_array_gets_the_shape_of_its_picture(
    stated: tuple[int, int], size: tuple[int, int]
) -> None:
    picture = replace(PICTURE, width=stated[0], height=stated[1])
    assert restored_size(224, 224, picture) == size
