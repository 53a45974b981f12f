"""Lines of EMOTIC's two CSV layouts: sizes stated height first, marks, and what is no number."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from affekt.data.sets.emotic.annotations import AnnotatedPicture
from affekt.data.sets.emotic.csv import (
    ARRAY_COLUMNS,
    TANDON_COLUMNS,
    read_arrays,
    read_tandon,
    touches_wrong_side,
)
from affekt.errors import DataError
from affekt.labels import CATEGORIES

TANDON = dict(
    zip(
        TANDON_COLUMNS,
        ("mscoco/images", "COCO_1.jpg", "[96, 64]", "[1, 2, 30, 40]", "['Peace', 'Anger']",
         "[5.0, 4.0, 7.0]", "Male", "Adult"),
        strict=True,
    )
)  # fmt: skip
ARRAYS = dict(
    zip(
        ARRAY_COLUMNS,
        ("COCO_1.jpg", "96", "64.0", "1", "2", "30", "40", "5", "4", "7", "Male", "", "img_1.npy"),
        strict=True,
    )
) | dict.fromkeys(CATEGORIES, "0")  # fmt: skip


def write(file: Path, *records: dict[str, str]) -> Path:
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return file


def tandon(folder: Path, *changes: dict[str, str]) -> list[AnnotatedPicture]:
    return list(
        read_tandon({write(folder / "val.csv", *(TANDON | change for change in changes)): "val"})
    )


def arrays(folder: Path, *changes: dict[str, str]) -> list[AnnotatedPicture]:
    return list(
        read_arrays({write(folder / "a.csv", *(ARRAYS | change for change in changes)): "val"})
    )


def test_a_line_is_a_person_and_a_picture_has_all_its_lines(tmp_path: Path) -> None:
    picture, other = tandon(
        tmp_path, {}, {"Filename": "COCO_2.jpg"}, {"BBox": "[3 4 5.5 6]", "Age": "", "Gender": ""}
    )
    assert (picture.split, picture.name, picture.width, picture.height, picture.swapped) == (
        "val", "mscoco/COCO_1.jpg", 96, 64, False,
    )  # fmt: skip
    assert other.filename == "COCO_2.jpg"
    first, second = picture.people
    assert (first.box_xyxy, first.categories, first.vad, first.cut) == (
        (1, 2, 30, 40), ("Anger", "Peace"), (5, 4, 7), False,
    )  # fmt: skip
    assert (first.groups, second.groups) == ({"gender": "Male", "age": "Adult"}, {})
    assert second.box_xyxy == (3, 4, 5.5, 6)


@pytest.mark.parametrize(
    ("size", "width", "height", "swapped"),
    [("[64, 96]", 96, 64, True), ("[96, 64]", 64, 96, True), ("[64, 64]", 64, 64, False)],
)
def test_one_part_states_its_height_first(
    tmp_path: Path, size: str, width: int, height: int, swapped: bool
) -> None:
    (picture,) = tandon(tmp_path, {"Folder": "emodb_small/images", "Image Size": size})
    assert (picture.width, picture.height, picture.swapped) == (width, height, swapped)
    assert not picture.people[0].cut
    (other,) = tandon(tmp_path, {"Image Size": size})
    assert (other.width, other.height) == (height, width)
    assert not other.swapped


def test_a_box_that_ends_at_the_swapped_side_may_have_been_cut(tmp_path: Path) -> None:
    at_side = {"Image Size": "[64, 96]", "BBox": "[1, 2, 64, 40]"}
    (cut,) = tandon(tmp_path, at_side | {"Folder": "emodb_small/images"})
    (whole,) = tandon(tmp_path, at_side)
    assert (cut.people[0].cut, whole.people[0].cut) == (True, False)


@pytest.mark.parametrize(
    ("end", "touches"),
    [(62.9, False), (63, True), (63.5, True), (64, True), (64.1, False), (96, False)],
)
def test_the_last_pixel_of_the_wrong_side_and_no_other(end: float, touches: bool) -> None:
    assert touches_wrong_side((0, 0, end, 10), 96, 64) == touches
    assert touches_wrong_side((0, 0, 10, end), 64, 96) == touches
    assert not touches_wrong_side((0, 0, end, end), 64, 64)
    assert not touches_wrong_side((0, 0, 10, end), 96, 64)
    assert not touches_wrong_side((0, 0, end, 10), 64, 96)


@pytest.mark.parametrize(
    ("said", "vad"),
    [
        ("[1, 10, 5.5]", (1, 10, 5.5)), ("[1 10 5]", (1, 10, 5)), ("[None, 4, 7]", None),
        ("[nan, 4, 7]", None), ("[5, 4]", None), ("[]", None),
    ],
)  # fmt: skip
def test_ratings_are_three_numbers_or_none(
    tmp_path: Path, said: str, vad: tuple[float, float, float] | None
) -> None:
    (picture,) = tandon(tmp_path, {"Continuous_Labels": said})
    assert picture.people[0].vad == vad


def test_a_mark_is_any_number_over_0(tmp_path: Path) -> None:
    marks = dict(zip(CATEGORIES, ("1", "1.0", "0.5", "0.0", "", "-1"), strict=False))
    (picture,) = arrays(tmp_path, marks | {"Dominance": ""})
    (person,) = picture.people
    assert person.categories == tuple(sorted(CATEGORIES[:3]))
    assert (person.box_xyxy, person.vad, person.groups) == (
        (1, 2, 30, 40),
        None,
        {"gender": "Male"},
    )
    assert (picture.width, picture.height, picture.array, picture.folder) == (
        96, 64, "img_1.npy", "",
    )  # fmt: skip
    (rated,) = arrays(tmp_path, {"Folder": "ade20k/images", "Peace": "1"})
    assert (rated.people[0].vad, rated.people[0].categories) == ((5, 4, 7), ("Peace",))
    assert rated.source == "ade20k"


def test_files_of_one_split_make_one_picture(tmp_path: Path) -> None:
    files = {
        write(tmp_path / "a.csv", ARRAYS): "train",
        write(tmp_path / "b.csv", ARRAYS): "val",
        write(tmp_path / "c.csv", ARRAYS | {"X_min": "4"}): "train",
    }
    pictures = list(read_arrays(files))
    assert [(p.split, [q.box_xyxy[0] for q in p.people]) for p in pictures] == [
        ("train", [1, 4]), ("val", [1]),
    ]  # fmt: skip


@pytest.mark.parametrize("lacking", ["Filename", "Age"])
def test_a_column_that_lacks_is_named_with_those_expected(tmp_path: Path, lacking: str) -> None:
    for columns, read in ((TANDON, read_tandon), (ARRAYS, read_arrays)):
        file = write(tmp_path / "x.csv", {k: v for k, v in columns.items() if k != lacking})
        with pytest.raises(DataError, match=f"x.csv lacks the column '{lacking}', expected F"):
            list(read({file: "val"}))


def test_a_category_without_its_column_is_named(tmp_path: Path) -> None:
    columns = {name: value for name, value in ARRAYS.items() if name != "Fear"}
    with pytest.raises(DataError, match="lacks a column for the category 'Fear'"):
        list(read_arrays({write(tmp_path / "x.csv", columns): "val"}))
    file = write(tmp_path / "y.csv", columns | {"fear ": "1"})  # however it is written
    assert next(read_arrays({file: "val"})).people[0].categories == ("Fear",)


def test_a_wrong_line_is_told_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"val.csv line 3 is not as expected"):
        tandon(tmp_path, {}, {"BBox": "[1, 2, 3]"})
    with pytest.raises(DataError, match=r"cannot read .*nowhere.csv"):
        list(read_tandon({tmp_path / "nowhere.csv": "val"}))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty.csv lacks the column 'Folder'"):
        list(read_tandon({tmp_path / "empty.csv": "val"}))
