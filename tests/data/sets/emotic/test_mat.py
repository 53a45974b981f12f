"""EMOTIC's MATLAB structs: all that MATLAB squeezes, and damage told before SciPy meets it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from affekt.data.manifests.row import SPLITS, Vote
from affekt.data.sets.emotic.annotations import AnnotatedPerson, AnnotatedPicture
from affekt.data.sets.emotic.mat import read_mat
from affekt.errors import DataError

Fields = dict[str, Any]
RATED = {"valence": 5, "arousal": 4, "dominance": 7}


def person(**fields: Any) -> Fields:
    return {
        "body_bbox": np.array([[1.0, 2.0, 30.0, 40.0]]),
        "annotations_categories": {"categories": "Peace"},
        "annotations_continuous": RATED,
    } | fields


def entry(*people: Fields, **fields: Any) -> Fields:
    return {
        "filename": "COCO_1.jpg",
        "folder": "mscoco/images",
        "image_size": {"n_col": 96, "n_row": 64},
        "person": people[0] if len(people) == 1 else np.array(people, object),
    } | fields


def write(folder: Path, *, compressed: bool = True, **splits: Any) -> Path:
    file = folder / "Annotations.mat"
    savemat(file, dict.fromkeys(SPLITS, entry(person())) | splits, do_compression=compressed)
    return file


def in_val(folder: Path, value: Any) -> list[AnnotatedPicture]:
    return [p for p in read_mat(write(folder, val=value)) if p.split == "val"]


def read_person(folder: Path, **fields: Any) -> AnnotatedPerson:
    return in_val(folder, entry(person(**fields)))[0].people[0]


def structs(*entries: Fields) -> np.ndarray:
    array = np.empty((1, len(entries)), [(name, object) for name in entries[0]])
    for index, fields in enumerate(entries):
        array[0, index] = tuple(fields.values())
    return array


def cell(*values: Any) -> np.ndarray:
    filled = np.empty(len(values), object)
    for index, value in enumerate(values):
        filled[index] = value
    return filled


@pytest.mark.parametrize("compressed", [False, True])
def test_the_splits_come_in_order(tmp_path: Path, compressed: bool) -> None:
    pictures = list(read_mat(write(tmp_path, compressed=compressed)))
    assert [p.split for p in pictures] == ["train", "val", "test"]
    assert all(p.name == "mscoco/COCO_1.jpg" for p in pictures)


def test_a_size_is_read_by_name_and_its_order_is_told(tmp_path: Path) -> None:
    first, second = in_val(
        tmp_path,
        structs(
            entry(person(), person()),
            entry(person(), image_size={"n_row": 64, "n_col": 96}, folder=""),
        ),
    )
    assert [(p.width, p.height, p.swapped) for p in (first, second)] == [
        (96, 64, False), (96, 64, True),
    ]  # fmt: skip
    assert (len(first.people), len(second.people), second.folder) == (2, 1, "")


def test_single_votes_make_the_union_and_the_mean(tmp_path: Path) -> None:
    read = read_person(
        tmp_path,
        annotations_categories=cell(
            {"categories": cell("Peace", " Fear ")}, {"categories": "Anger"}, {"categories": ""}
        ),
        annotations_continuous=cell(RATED, RATED | {"valence": 8}, RATED | {"arousal": 0}),
        gender="Male",
        age="",
    )
    assert read.votes == (
        Vote(("Fear", "Peace"), (5, 4, 7)), Vote(("Anger",), (8, 4, 7)), Vote((), None),
    )  # fmt: skip
    assert (read.categories, read.vad) == (("Anger", "Fear", "Peace"), (6.5, 4, 7))
    assert (read.box_xyxy, read.groups) == ((1, 2, 30, 40), {"gender": "Male"})


def test_a_combined_label_wins_over_the_votes(tmp_path: Path) -> None:
    read = read_person(
        tmp_path,
        combined_categories=cell("Esteem", "Anger"),
        combined_continuous={"valence": 1, "arousal": 10, "dominance": 5.5},
    )
    assert (read.categories, read.vad) == (("Anger", "Esteem"), (1, 10, 5.5))
    assert read.votes == (Vote(("Peace",), (5, 4, 7)),)


@pytest.mark.parametrize(
    ("names", "rated", "votes"),
    [
        (("Peace", "Fear"), 1, (Vote(("Peace",), (5, 4, 7)), Vote(("Fear",), None))),
        (("Peace",), 2, (Vote(("Peace",), (5, 4, 7)), Vote((), (5, 4, 7)))),
    ],
)
def test_an_annotator_may_have_done_only_half(
    tmp_path: Path, names: tuple[str, ...], rated: int, votes: tuple[Vote, ...]
) -> None:
    read = read_person(
        tmp_path,
        annotations_categories=cell(*({"categories": name} for name in names)),
        annotations_continuous=cell(*[RATED] * rated),
    )
    assert read.votes == votes


def test_the_entry_that_is_wrong_is_told_by_its_place(tmp_path: Path) -> None:
    wrong = entry(person(body_bbox=np.array([1.0, 2.0, 3.0])))
    file = write(tmp_path, test=structs(entry(person()), wrong))
    with pytest.raises(DataError, match="picture 2 of 'test' is not as EMOTIC's are"):
        list(read_mat(file))


@pytest.mark.parametrize("lacking", ["filename", "folder", "image_size", "person"])
def test_a_field_that_lacks_is_named_with_those_expected(tmp_path: Path, lacking: str) -> None:
    fields = {name: value for name, value in entry(person()).items() if name != lacking}
    with pytest.raises(DataError, match=f"'val' has no field '{lacking}', expected filename, "):
        in_val(tmp_path, fields)


@pytest.mark.parametrize(
    ("held", "words"),
    [({"train": 1, "test": 1}, "train, test"), ({"x\n": 1}, "x")],
)
def test_a_file_with_other_variables_says_which(tmp_path: Path, held: Fields, words: str) -> None:
    savemat(tmp_path / "a.mat", {name.strip(): value for name, value in held.items()})
    with pytest.raises(DataError, match=f"it holds {words}, expected train, val, test"):
        list(read_mat(tmp_path / "a.mat"))


def compressed_variables(content: bytes) -> list[tuple[int, int]]:
    """Where each compressed variable of a file starts and ends."""
    places, at = [], 128
    while at < len(content):
        kind, size = struct.unpack("<II", content[at : at + 8])
        assert kind == 15
        places.append((at + 8, at + 8 + size))
        at += 8 + size
    return places


@pytest.mark.parametrize("cut", [1, 4, 200])
def test_a_variable_cut_off_is_damage(tmp_path: Path, cut: int) -> None:
    file = write(tmp_path)
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"damaged or no MATLAB file .*give EMOTIC's Annot"):
        next(read_mat(file))


@pytest.mark.parametrize("variable", range(3))
def test_a_wrong_checksum_is_damage_in_any_variable(tmp_path: Path, variable: int) -> None:
    file = write(tmp_path)
    content = bytearray(file.read_bytes())
    _, end = compressed_variables(bytes(content))[variable]
    content[end - 1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="incorrect data check"):
        next(read_mat(file))


def test_a_stream_that_never_ends_is_damage(tmp_path: Path) -> None:
    file = write(tmp_path)
    content = file.read_bytes()
    endless = zlib.compressobj()
    part = endless.compress(b"0" * 4000) + endless.flush(zlib.Z_SYNC_FLUSH)
    file.write_bytes(content[:128] + struct.pack("<II", 15, len(part)) + part)
    with pytest.raises(DataError, match="it ends too early"):
        next(read_mat(file))


def test_a_large_variable_is_checked_in_parts(tmp_path: Path) -> None:
    """Over a part, packed and unpacked: the check goes through all of both."""
    noise = np.random.default_rng(0).integers(0, 256, 3 << 20, np.uint8)
    file = write(tmp_path, noise=noise)
    assert len(list(read_mat(file))) == 3
    content = bytearray(file.read_bytes())
    _, end = compressed_variables(bytes(content))[-1]
    content[end - 1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="incorrect data check"):
        next(read_mat(file))
