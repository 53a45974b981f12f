"""The folders of a set as people have them: with links, odd names and what is no picture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.sets.emotic.layouts import find_layout
from affekt.data.sets.faces import prepare_folders
from affekt.data.sets.folders import read_folders
from affekt.data.sets.naming import FolderNames, parse_labels
from affekt.errors import DataError, UsageError
from affekt.labels import PRIMARY
from affekt.media import ImageRgb


def nobody(image_rgb: ImageRgb) -> list[object]:
    return []


def save(path: Path, shade: int = 0, size: int = 20) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), (shade, 0, 0)).save(path, "PNG")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for shade, label in enumerate(PRIMARY):
        save(tmp_path / "set" / label / "a.png", shade)
    return tmp_path / "set"


def test_links_are_followed_once_and_only_regular_files_are_opened(
    root: Path, tmp_path: Path
) -> None:
    save(tmp_path / "far" / "b.png", 99)
    (root / "fear" / "far").symlink_to(tmp_path / "far")
    (root / "fear" / "loop").symlink_to(root / "fear")
    os.mkfifo(root / "fear" / "pipe.png")
    (root / "fear" / "README").touch()
    entries, notes = read_folders(root)
    found = [entry.path.relative_to(root).as_posix() for entry in entries if entry.label == "fear"]
    assert found == ["fear/a.png", "fear/far/b.png"]
    said = "1 pipe or device, 1 without a suffix"
    assert notes == [f"passed over files that are no pictures: {said}"]


def test_a_name_that_is_not_utf8_is_packed(root: Path, tmp_path: Path) -> None:
    save(root / "fear" / os.fsdecode(b"caf\xe9.png"), 77, size=300)
    prepare_folders(root, tmp_path / "out", detect=nobody)  # type: ignore[arg-type]
    manifest = Manifest.open(tmp_path / "out")
    [row] = [row for row in manifest.rows() if "caf" in row.id]
    assert row.id == "fear/caf\\xe9.png" and row.medium is None
    assert read_row_picture(manifest, row)[0, 0].tolist() == [77, 0, 0]


def test_an_unreadable_folder_below_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match=r"cannot read the folder .*: Permission denied"):
        read_folders(root)


def test_emotic_is_found_behind_links(tiny_emotic: Path, tmp_path: Path) -> None:
    behind = tmp_path / "behind"
    behind.mkdir()
    for part in tiny_emotic.iterdir():
        (behind / part.name).symlink_to(part)
    (behind / "loop").symlink_to(behind)
    direct, linked = find_layout(tiny_emotic), find_layout(behind)
    assert linked.name == direct.name
    assert {k: sorted(v) for k, v in linked.folders.items()} == {
        k: sorted(v) for k, v in direct.folders.items()
    }


def numbered(root: Path, numbers: range) -> Path:
    for number in numbers:
        save(root / str(number) / "a.png", 10 * number)
    return root


@pytest.mark.parametrize(
    ("text", "numbers", "expected"),
    [
        ("raf-db", range(1, 8), "surprise fear disgust happiness sadness anger neutral"),
        (
            "AffectNet",
            range(8),
            "neutral happiness sadness surprise fear disgust anger contempt",
        ),
        ("01=sad, 2=joy", range(1, 3), "sadness happiness"),
    ],
)
def test_numbers_mean_what_is_said_of_them(
    tmp_path: Path, text: str, numbers: range, expected: str
) -> None:
    root = numbered(tmp_path / "set", numbers)
    entries, notes = read_folders(root, FolderNames(parse_labels(text)))
    assert [entry.label for entry in entries] == expected.split()
    assert notes[-1].startswith("folders named by --labels: ")


def test_numbers_alone_are_refused_with_the_option_that_explains_them(tmp_path: Path) -> None:
    root = numbered(tmp_path / "set", range(1, 8))
    with pytest.raises(DataError, match=r"a number is no label; say whose it is: --labels raf-db"):
        read_folders(root)
    save(root / "8" / "a.png")
    with pytest.raises(DataError, match=r"8: its number means nothing .* with --skip$"):
        read_folders(root, FolderNames(parse_labels("raf-db")))
    assert len(read_folders(root, FolderNames(parse_labels("raf-db"), ("8",)))[0]) == 7


@pytest.mark.parametrize("text", ["rafdb", "1", "1=glad", "1=fear,1=anger", "=fear"])
def test_labels_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"^--labels {text}: "):
        parse_labels(text)


@pytest.mark.parametrize("inner", ["train", "1", "happy"])
def test_one_level_too_many_says_which_folder_to_give(tmp_path: Path, inner: str) -> None:
    save(tmp_path / "set" / "Images" / inner / "a.png")
    with pytest.raises(DataError, match=r"it holds folders of labels or splits: give .*Images ins"):
        read_folders(tmp_path / "set")


def test_a_stray_folder_is_passed_over_where_it_is_named(root: Path) -> None:
    (root / "annotations").mkdir()
    with pytest.raises(DataError, match=r"annotations: unknown .*; to pass over it: --skip annot"):
        read_folders(root)
    entries, notes = read_folders(root, FolderNames(skip=("Annotations",)))
    assert len(entries) == len(PRIMARY)
    assert notes == ["passed over folders named by --skip: Annotations"]
    with pytest.raises(UsageError, match="--skip notes: no such folder"):
        read_folders(root, FolderNames(skip=("annotations", "notes")))


def test_a_stray_folder_beside_splits_is_passed_over(root: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        save(tmp_path / "splits" / split / "fear" / "a.png", len(split))
        save(tmp_path / "splits" / split / "labels" / "a.png", len(split))
    (tmp_path / "splits" / "labels").mkdir()
    entries, _ = read_folders(tmp_path / "splits", FolderNames(skip=("labels",)))
    assert [(entry.split, entry.label) for entry in entries] == [
        ("test", "fear"),
        ("train", "fear"),
    ]


def test_splits_inside_the_labels_count(tmp_path: Path) -> None:
    for shade, split in enumerate(("train", "Valid", "more")):
        save(tmp_path / "fear" / split / "a.png", shade)
    save(tmp_path / "fear" / "a.png", 9)
    entries, _ = read_folders(tmp_path)
    found = {entry.path.relative_to(tmp_path / "fear").as_posix(): entry.split for entry in entries}
    assert found == {
        "a.png": None,
        "more/a.png": None,
        "train/a.png": "train",
        "Valid/a.png": "val",
    }


def test_names_of_folders_that_are_not_utf8_are_spelt_out(root: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    save(root / "fear" / odd / "a.png", 77)
    prepare_folders(root, tmp_path / "out", detect=nobody)  # type: ignore[arg-type]
    assert any(r"caf\xe9" in row.id for row in Manifest.open(tmp_path / "out").rows())
    root.rename(tmp_path / odd)
    summary = prepare_folders(tmp_path / odd, tmp_path / "out", detect=nobody)  # type: ignore[arg-type]
    assert summary.used == len(PRIMARY) + 1
    assert Manifest.open(tmp_path / "out").root == tmp_path / odd
    (tmp_path / odd / odd).mkdir()
    with pytest.raises(DataError, match=r"caf\\xe9: unknown emotion 'caf\\\\xe9'"):
        prepare_folders(tmp_path / odd, tmp_path / "out", detect=nobody)  # type: ignore[arg-type]
