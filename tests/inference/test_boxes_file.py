"""Boxes files: two formats, sources by name or path, and one clear line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import UsageError
from affekt.inference import boxes_file
from affekt.inference.boxes_file import Boxes, boxes_by_picture, read_boxes

CSV = "source,x1,y1,x2,y2\na.jpg,1,2,30.5,40\nin/b.jpg,0,0,9,9\na.jpg,5,5,7,8\n"
ROWS = [
    {"source": "a.jpg", "x1": 1, "y1": 2, "x2": 30.5, "y2": 40, "who": "Ann"},
    {"source": "in/b.jpg", "x1": 0, "y1": 0, "x2": 9, "y2": 9},
    {"source": "a.jpg", "x1": 5, "y1": 5, "x2": 7, "y2": 8},
]


def write(folder: Path, text: str, name: str = "boxes.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        "\ufeff" + CSV.replace("\n", "\r\n"),
        "who, y2, x2, y1, x1, source\nAnn,40,30.5,2,1,a.jpg\n,9,9,0,0,in/b.jpg\n,8,7,5,5,a.jpg\n",
        json.dumps(ROWS),
        "\n " + json.dumps(ROWS, indent=1),
    ],
)
def test_both_formats_give_the_same(tmp_path: Path, text: str) -> None:
    boxes = read_boxes(write(tmp_path, text))
    assert boxes.of("a.jpg") == [(1, 2, 30.5, 40), (5, 5, 7, 8)]
    assert boxes.of("pictures/in/b.jpg") == [(0, 0, 9, 9)]
    assert boxes.of("b.jpg") == boxes.of("c.jpg") == []


def test_a_source_is_a_name_or_the_end_of_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = [(0.0, 0.0, 1.0, 1.0)]
    boxes = Boxes({"é 1.png": one, "b/x.png": one, str(tmp_path / "c" / "y.png"): one})
    assert boxes.of("deep/é 1.png") == boxes.of("b/x.png") == boxes.of("./b/x.png") == one
    assert boxes.of("a/x.png") == boxes.of("xx.png") == []
    assert boxes.of("c/y.png") == one and boxes.of("d/y.png") == []
    assert boxes.check(["é 1.png", "b/x.png", "c/y.png", "lone.png"]) == ["lone.png"]


def test_the_same_picture_twice_is_not_two(tmp_path: Path) -> None:
    boxes = Boxes({"x.png": [(0.0, 0.0, 1.0, 1.0)]})
    assert boxes.check(["a/x.png", "a/x.png", "./a/x.png"]) == []


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (["other.png"], r"boxes\.csv: 'x\.png' is none of the pictures given"),
        (["a/x.png", "b/x.png"], r"'x\.png' means 'a/x\.png' and 'b/x\.png'; give more"),
        ([], "is none of the pictures given"),
    ],
)
def test_a_source_must_mean_one_picture(pictures: list[str], message: str) -> None:
    boxes = Boxes({"x.png": [(0.0, 0.0, 1.0, 1.0)]}, "boxes.csv")
    with pytest.raises(UsageError, match=message):
        boxes.check(pictures)


HEAD = "source,x1,y1,x2,y2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'source'; the first line must name source,x1,y1,x2,y2"),
        ("source,x1,y1,x2\na,1,2,3\n", "no column 'y2'"),
        (HEAD + "a.jpg,1,2,3,4\na.jpg,5,5,5,9\n", r"line 3: box 5, 5, 5, 9 of 'a\.jpg'; a box is"),
        (HEAD + "a.jpg,1,9,3,4\n", "line 2: box 1, 9, 3, 4"),
        (HEAD + "a.jpg,1,2,three,4\n", "line 2: box 1, 2, three, 4"),
        (HEAD + "a.jpg,1,2,inf,4\n", "line 2: box 1, 2, inf, 4"),
        (HEAD + "a.jpg,1,2\n", "line 2: box 1, 2, nothing, nothing"),
        (HEAD + ",1,2,3,4\n", "line 2: source ''; give a picture"),
        ("source,x1,x1,y1,x2,y2\na,1,2,3,4,5\n", "two columns 'x1'"),
        (HEAD + "a.jpg,1_0,2,30,4\n", "line 2: box 1_0, 2, 30, 4"),
        ("a" * 200_000 + "," + HEAD, "line 0: not CSV"),
        ("[{]", "not JSON"),
        ("[" * 100_000, "more than 40 levels deep"),
        ('[{"source": "a", "source": "b"}]', "the key 'source' is given twice"),
        ('[{"source": "a", "x1": false, "y1": 1, "x2": true, "y2": 2}]', "item 1: box False, 1"),
        ('[{"source": "a", "x1": 1' + "0" * 400 + ', "y1": 1, "x2": 2, "y2": 2}]', "item 1: box a"),
        ('{"source": "a"}', "must hold a list of objects"),
        ('[{"source": "a", "x1": 1, "y1": 1, "x2": 2}]', "item 1: no 'y2'"),
        ("[3]", "item 1: no 'source'"),
        ('[{"source": 3, "x1": 1, "y1": 1, "x2": 2, "y2": 2}]', "item 1: source 3"),
        ('[{"source": "a", "x1": [], "y1": 1, "x2": 2, "y2": 2}]', r"item 1: box \[\], 1, 2, 2"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=message) as error:
        read_boxes(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="boxes cannot be read"):
        read_boxes(tmp_path / "missing.csv")
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UsageError, match="it is not UTF-8 text"):
        read_boxes(tmp_path / "picture.csv")


def test_many_pictures_of_one_name_are_told_apart_at_once() -> None:
    names = [f"clip{i}/0001.jpg" for i in range(4000)]
    boxes = Boxes({name: [(0.0, 0.0, 1.0, 1.0)] for name in names})
    assert boxes.check([f"in/{name}" for name in names]) == []


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("boxes") / "boxes.csv"
    path.write_text(HEAD + text, encoding="utf-8", errors="replace")
    try:
        read_boxes(path)
    except UsageError as error:
        assert "\n" not in str(error)


def test_a_file_of_the_most_bytes_is_read_and_one_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, CSV)
    monkeypatch.setattr(boxes_file, "MOST_BYTES", len(CSV))
    assert len(read_boxes(path).of("a.jpg")) == 2
    monkeypatch.setattr(boxes_file, "MOST_BYTES", len(CSV) - 1)
    with pytest.raises(UsageError, match=f"more than {len(CSV) - 1} bytes of boxes; give fewer"):
        read_boxes(path)


@pytest.mark.parametrize(
    ("box", "fits"),
    [
        ((1, 2, 1.001, 2.001), True),
        ((1, 2, 1, 3), False),
        ((1, 2, 3, 2), False),
        ((3, 2, 1, 4), False),
        ((1, 4, 3, 2), False),
        ((-5, -5, 1, 1), True),
        ((1, 2, 3, float("inf")), False),
        ((float("nan"), 2, 3, 4), False),
        (("1", " 2e0 ", "3", "4"), True),
        ((1, 2, 3, "4_0"), False),
        ((1, 2, 3, True), False),
        ((1, 2, 3, None), False),
        ((1, 2, 3), False),
        ((1, 2, 3, 4, 5), False),
        (7, False),
    ],
)
def test_a_box_given_in_python_is_checked_as_one_of_a_file(box: object, fits: bool) -> None:
    given = {Path("in/x.jpg"): [box]}
    if fits:
        assert boxes_by_picture(given).of("in/x.jpg") == [tuple(map(float, box))]  # type: ignore[call-overload]
        return
    with pytest.raises(UsageError, match=r"boxes, 'in/x\.jpg'.*; .*a box is four numbers x1 < x2"):
        boxes_by_picture(given)  # type: ignore[dict-item]


@pytest.mark.parametrize("source", ["", 3, None, Path()])
def test_a_key_that_is_no_name_is_refused(source: object) -> None:
    with pytest.raises(UsageError, match=r"mine, .*give a picture's name or path"):
        boxes_by_picture({source: []}, "mine")


def test_boxes_come_in_the_order_of_their_sources() -> None:
    boxes = Boxes({"b/x.png": [(0, 0, 1, 1)], "x.png": [(0, 0, 2, 2), (0, 0, 3, 3)]})
    assert boxes.of("a/b/x.png") == [(0, 0, 1, 1), (0, 0, 2, 2), (0, 0, 3, 3)]
    assert boxes.name == boxes_by_picture({}).name == "boxes"
    swapped = Boxes({"x.png": [(0, 0, 2, 2)], "b/x.png": [(0, 0, 1, 1)]})
    assert swapped.of("a/b/x.png") == [(0, 0, 2, 2), (0, 0, 1, 1)]
