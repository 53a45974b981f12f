"""The three layouts of EMOTIC say the same, and a file that is none of them is told in a line."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.manifests.row import Row
from affekt.data.sets.emotic import rows as emotic_rows
from affekt.data.sets.emotic.csv import ARRAY_COLUMNS, TANDON_COLUMNS
from affekt.data.sets.emotic.layouts import MAX_DEPTH, find_layout
from affekt.data.sets.emotic.prepare import prepare_emotic
from affekt.errors import AffektError, DataError
from affekt.labels import CATEGORIES

OTHER_ORDER = (
    "Peace", "Affections", "Esteem", "Anticipation", "Engagement", "Confidence", "Happiness",
    "Pleasure", "Excitement", "Surprise", "Sympathy", "Doubt/Confusion", "Disconnection",
    "Fatigue", "Embarrassment", "Yearning", "Disapproval", "Aversion", "Annoyance", "Anger",
    "Sensitivity", "Sadness", "Disquietment", "Fear", "Pain", "Suffering",
)  # fmt: skip
"""The order of columns in the layout with arrays."""


def prepared(folder: Path, **options: object) -> list[Row]:
    out = folder.parent / "out"
    prepare_emotic(folder, out, **({"detect": None} | options))  # type: ignore[arg-type]
    return list(Manifest.open(out).rows(include_excluded=True))


def write_csv(file: Path, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([columns, *rows])


def tandon_row(path: str, size: list[int], box: list[int], names: list[str], vad: str) -> tuple:
    folder, _, filename = path.rpartition("/")
    return (0, folder, filename, size, box, names, vad, "Male", "Teenager")


def write_tandon(folder: Path) -> Path:
    rows = {
        "train": [
            tandon_row("mscoco/images/COCO_1.jpg", [96, 64], [5, 5, 45, 60], ["Peace"], "[5, 4, 7]")
        ],
        "val": [
            tandon_row(
                "emodb_small/images/a.jpg", [64, 96], [10, 4, 64, 60], ["Fear"], "[5, nan, 7]"
            ),
            tandon_row(
                "emodb_small/images/a.jpg", [64, 96], [10, 4, 50, 60], ["Doubt/Confusion"], "[1, 2]"
            ),
        ],
        "test": [
            tandon_row(
                "mscoco/images/COCO_1.jpg",
                [96, 64],
                [5, 5, 45, 60],
                ["Anger", "Sadness"],
                "[1, 2, 3]",
            )
        ],
    }
    for split, own in rows.items():
        write_csv(folder / f"{split}.csv", ("Index", *TANDON_COLUMNS), own)
    for path in ("mscoco/images/COCO_1.jpg", "emodb_small/images/a.jpg"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (96, 64)).save(folder / path)
    return folder


@pytest.mark.parametrize("labels_only", [False, True])
def test_the_csv_layout_is_read_with_its_swapped_sizes(tmp_path: Path, labels_only: bool) -> None:
    rows = prepared(write_tandon(tmp_path / "set"), labels_only=labels_only)
    assert [(row.split, row.categories, row.vad, row.exclude) for row in rows] == [
        ("train", ("Peace",), (5.0, 4.0, 7.0), None),
        ("val", ("Fear",), None, emotic_rows.CUT),
        ("val", ("Doubt/Confusion",), None, None),
        ("test", ("Anger", "Sadness"), (1.0, 2.0, 3.0), None),
    ]
    assert [(row.width, row.height) for row in rows] == [(96, 64)] * 4
    assert [row.medium is None for row in rows] == [labels_only] * 4
    assert [row.people for row in rows] == [1, 2, 2, 1]
    assert rows[0].groups == {"gender": "Male", "age": "Teenager"}
    assert rows[1].source == "emodb_small"
    assert rows[3].leak == emotic_rows.SAME_PERSON


def write_arrays(folder: Path, order: tuple[str, ...] = OTHER_ORDER) -> Path:
    plain = tuple(name for name in ARRAY_COLUMNS if name != "Arr_name")
    columns = ("", *plain, *order, "Arr_name", "Crop_name")

    def row(number: int, *names: str) -> tuple[object, ...]:
        stated = {
            "Filename": f"COCO_{number}.jpg", "Width": 640, "Height": 480,
            "X_min": 0, "Y_min": 48, "X_max": 320, "Y_max": 480,
            "Valence": 5.0, "Arousal": 6.0, "Dominance": "nan", "Gender": "Female", "Age": "Kid",
        }  # fmt: skip
        marks = tuple(float(name in names) for name in order)
        values = tuple(stated[name] for name in plain)
        return (number, *values, *marks, f"img_{number}.npy", f"crop_{number}.npy")

    for number, (split, names) in enumerate(
        {"train": ("Affections",), "extra_train": ("Peace",), "val": ("Suffering", "Anger"),
         "test": ("Yearning",)}.items()
    ):  # fmt: skip
        file = folder / "annots_arrs" / f"annot_arrs_{split}.csv"
        write_csv(file, columns, [row(number, *names)])
        (folder / "img_arrs").mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (48, 48, 3), np.uint8)
        np.save(folder / "img_arrs" / f"img_{number}.npy", pixels)
    return folder


@pytest.mark.parametrize("order", [OTHER_ORDER, CATEGORIES])
def test_category_columns_are_read_by_name_in_any_order(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    own = tuple("Affections" if name == "Affection" else name for name in order)
    rows = prepared(write_arrays(tmp_path / "set", own))
    assert [(row.split, row.categories) for row in rows] == [
        ("train", ("Affection",)),
        ("train", ("Peace",)),
        ("val", ("Anger", "Suffering")),
        ("test", ("Yearning",)),
    ]
    assert all(row.vad is None for row in rows)  # dominance is missing


def test_square_arrays_get_the_shape_of_their_pictures(tmp_path: Path) -> None:
    rows = prepared(write_arrays(tmp_path / "set"))
    assert (rows[0].width, rows[0].height) == (64, 48)
    assert rows[0].box_xyxy == pytest.approx((0.0, 4.8, 32.0, 48.0))
    manifest = Manifest.open(tmp_path / "out")
    assert read_row_picture(manifest, rows[0]).shape == (48, 64, 3)
    assert f"{emotic_rows.SCALED_COUNT}: 4" in manifest.note["remarks"]


def test_a_missing_array_is_a_reason(tmp_path: Path) -> None:
    folder = write_arrays(tmp_path / "set")
    (folder / "img_arrs" / "img_2.npy").unlink()
    (folder / "img_arrs" / "img_3.npy").write_bytes(b"no array")
    reasons = [row.exclude for row in prepared(folder)]
    assert reasons == [None, None, emotic_rows.MISSING, emotic_rows.UNREADABLE]


def test_the_official_annotations_win_over_a_csv_beside_them(tiny_emotic: Path) -> None:
    write_tandon(tiny_emotic / "csv")
    assert find_layout(tiny_emotic).name == "official"


def mat(folder: Path) -> Path:
    return folder / "Annotations" / "Annotations.mat"


Break = Callable[[Path], object]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda f: mat(f).write_bytes(b"not MATLAB at all" * 20), "damaged or no MATLAB file"),
        (lambda f: mat(f).write_bytes(b""), "damaged or no MATLAB file"),
        (lambda f: mat(f).write_bytes(mat(f).read_bytes()[:2000]), "damaged|not all of it"),
        (lambda f: mat(f).write_bytes(mat(f).read_bytes()[:-300]), "damaged|not all of it"),
        (lambda f: savemat(mat(f), {"x": 1}), "not EMOTIC's .* holds x, expected train, val, test"),
        (
            lambda f: savemat(mat(f), dict.fromkeys(("train", "val", "test"), 1.0)),
            "'train' has no field 'filename'",
        ),
        (lambda f: mat(f).unlink(), "no annotations of EMOTIC in .*expected Annotations/"),
        (
            lambda f: mat(f).write_bytes(
                b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124)
                + b"\x00\x02IM\x89HDF\r\n\x1a\n".ljust(600, b"\0")
            ),
            "is a MATLAB 7.3 file",
        ),
    ],
)
def test_what_is_not_emotics_mat_is_told_in_one_line(
    tiny_emotic: Path, break_it: Break, words: str
) -> None:
    break_it(tiny_emotic)
    with pytest.raises(DataError, match=words) as caught:
        prepared(tiny_emotic)
    assert "\n" not in str(caught.value)
    assert not (tiny_emotic.parent / "out" / "manifest.parquet").exists()


def test_every_truncation_is_a_clean_error(tiny_emotic: Path) -> None:
    whole = mat(tiny_emotic).read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 40)):
        mat(tiny_emotic).write_bytes(whole[:length])
        with pytest.raises(AffektError):
            list(find_layout(tiny_emotic).pictures())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("image_size", 3.0, "picture 1 of 'val' is not as EMOTIC's are"),
        ("person", {"name": "x"}, "picture 1 of 'val' is not as EMOTIC's are .*annotations_"),
    ],
)
def test_an_entry_unlike_emotics_is_named(
    tiny_emotic: Path, field: str, value: object, words: str
) -> None:
    structs = {name: loadmat(mat(tiny_emotic))[name] for name in ("train", "val", "test")}
    structs["val"][0, 0][field] = value
    savemat(mat(tiny_emotic), structs)
    with pytest.raises(DataError, match=words):
        prepared(tiny_emotic)


def test_an_unknown_category_in_the_mat_is_named(tiny_emotic: Path) -> None:
    structs = {name: loadmat(mat(tiny_emotic))[name] for name in ("train", "val", "test")}
    structs["test"][0, 1]["person"][0, 0]["combined_categories"] = np.array(["Joy"])
    savemat(mat(tiny_emotic), structs)
    with pytest.raises(DataError, match=r"picture 2 of 'test' .*unknown EMOTIC category 'Joy'"):
        prepared(tiny_emotic)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("BBox", "Box", "train.csv lacks the column 'BBox'"),
        ("['Peace']", "['Peas']", "train.csv line 2 is not as expected .*unknown EMOTIC category"),
        ("['Peace']", "Peace]", "train.csv line 2 is not as expected"),
        ("[5, 5, 45, 60]", "[5, 5, 45]", "train.csv line 2 is not as expected"),
        ("[96, 64]", "big", "train.csv line 2 is not as expected"),
    ],
)
def test_a_csv_that_is_not_as_expected_is_told_by_its_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    folder = write_tandon(tmp_path / "set")
    file = folder / "train.csv"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=words):
        prepared(folder)


def test_a_layout_with_arrays_needs_all_26_columns(tmp_path: Path) -> None:
    folder = write_arrays(tmp_path / "set", OTHER_ORDER[:-1])
    with pytest.raises(DataError, match="lacks a column for the category 'Suffering'"):
        prepared(folder)


def test_missing_folders_are_told_with_the_tree_expected(tmp_path: Path, tiny_emotic: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*nowhere: expected Annotations"):
        prepared(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no annotations of EMOTIC in"):
        prepared(tiny_emotic / "emotic")
    (tiny_emotic / "emotic").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="no picture: expected Annotations"):
        prepared(tiny_emotic)


def test_a_csv_set_needs_all_three_files(tmp_path: Path) -> None:
    folder = write_tandon(tmp_path / "set")
    (folder / "val.csv").unlink()
    with pytest.raises(DataError, match="no annotations of EMOTIC"):
        prepared(folder)


def picture_of(folder: Path) -> Path:
    return folder / "mscoco" / "images" / "COCO_1.jpg"


@pytest.mark.parametrize(
    "change",
    [
        lambda f: (f / "val.csv").write_text((f / "val.csv").read_text().replace("Fear", "Pain")),
        lambda f: picture_of(f).write_bytes(picture_of(f).read_bytes() + b"x"),
        lambda f: os.utime(picture_of(f), ns=(1, 1)),
        lambda f: picture_of(f).rename(picture_of(f).with_name("COCO_2.jpg")),
        lambda f: (f / "mscoco").rename(f / "ade20k"),
        lambda f: (picture_of(f).parent / "more.jpg").touch(),
    ],
)
def test_whatever_a_set_holds_is_in_its_fingerprint(tmp_path: Path, change: Break) -> None:
    folder = write_tandon(tmp_path / "set")
    before, again, other = (find_layout(folder).fingerprint([option]) for option in "aab")
    assert before == again != other
    change(folder)
    assert find_layout(folder).fingerprint("a") != before


@pytest.mark.parametrize(("depth", "found"), [(0, True), (MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_a_set_is_found_at_so_many_levels(tmp_path: Path, depth: int, found: bool) -> None:
    inner = tmp_path.joinpath("outer", *"abcdefgh"[:depth])
    write_tandon(inner)
    if found:
        assert find_layout(tmp_path / "outer", labels_only=True).name == "csv"
    else:
        with pytest.raises(DataError, match="no annotations of EMOTIC"):
            find_layout(tmp_path / "outer", labels_only=True)


def test_the_shallowest_copy_of_a_picture_is_taken(tmp_path: Path) -> None:
    folder = write_tandon(tmp_path / "set")
    copy = folder / "old" / "mscoco" / "images"
    copy.mkdir(parents=True)
    (copy / "COCO_1.jpg").write_bytes(b"another")
    (copy / "COCO_9.jpg").write_bytes(b"more")
    layout = find_layout(folder)
    listed = layout.folders["mscoco"]
    assert listed["COCO_1.jpg"].path == "mscoco/images/COCO_1.jpg"
    assert listed["COCO_9.jpg"].path == "old/mscoco/images/COCO_9.jpg"
    missing = replace(next(layout.pictures()), filename="nowhere.jpg")
    assert layout.find(missing) is None
    assert layout.find(replace(missing, array="x.npy")) is None
