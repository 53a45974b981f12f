"""What folders' names mean, and the line for a name that means nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from affekt.data.sets.naming import (
    NUMBERED,
    SPLIT_FOLDERS,
    FolderNames,
    parse_labels,
    split_of,
    visible,
    written,
)
from affekt.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("labels", "name", "label"),
    [
        ({}, "Happy", "happiness"), ({}, "03_fear", "fear"), ({"1": "anger"}, "1", "anger"),
        ({"1": "anger"}, " 001 ", "anger"), ({"0": "anger"}, "000", "anger"),
        ({"10": "anger"}, "10", "anger"), ({"fear": "anger"}, "fear", "anger"),
        ({"x": "anger"}, "x", "anger"),
    ],
)  # fmt: skip
def test_a_folder_means_what_is_said_or_else_its_name(
    labels: dict[str, str], name: str, label: str
) -> None:
    names = FolderNames(labels)
    assert names.label_of(Path(name)) == label and names.is_label(Path(name))


@pytest.mark.parametrize(
    ("labels", "name", "line"),
    [
        ({}, "7", "folder 7: a number is no label; say whose it is: --labels raf-db"),
        ({"1": "anger"}, "7", r"its number means nothing by --labels \(1 = anger\)"),
        ({}, "x", "folder x: unknown emotion 'x'.*to pass over it: --skip x"),
    ],
)
def test_a_name_that_means_nothing_says_what_to_do(
    labels: dict[str, str], name: str, line: str
) -> None:
    names = FolderNames(labels)
    with pytest.raises(DataError, match=line):
        names.label_of(Path(name))
    assert not names.is_label(Path(name))


@pytest.mark.parametrize(
    ("inner", "is_set"),
    [
        (["fear", "anger"], True), (["train", "7"], True), (["fear", "notes"], False), ([], False),
        (["Val"], True), (["x"], False),
    ],
)  # fmt: skip
def test_a_set_holds_nothing_but_labels_splits_and_numbers(
    tmp_path: Path, inner: list[str], is_set: bool
) -> None:
    folder = tmp_path / "mine"
    for name in inner:
        (folder / name).mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    (folder / "README").touch()
    assert FolderNames().is_set(folder) == is_set
    words = "give .*mine instead" if is_set else "to pass over it: --skip mine"
    with pytest.raises(DataError, match=words):
        FolderNames().label_of(folder)
    assert not FolderNames().is_set(folder / "README")


def test_labels_are_a_known_set_or_pairs() -> None:
    for name, known in NUMBERED.items():
        assert parse_labels(f" {name.upper()} ") == known
        assert parse_labels(name) is not known
    assert parse_labels("01=happy,0=sad, x = fear ,é=Anger") == {
        "1": "happiness", "0": "sadness", "x": "fear", "é": "anger",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rafdb", "--labels rafdb: did you mean 'raf-db'"),
        ("1=fear,", "expected each NAME=LABEL once, got ''"),
        ("1=fear,01=anger", "expected each NAME=LABEL once, got '01=anger'"),
        ("=fear", "expected each NAME=LABEL once, got '=fear'"),
        ("1=x", "--labels 1=x: unknown emotion 'x'"),
    ],
)
def test_labels_that_are_neither_are_refused(text: str, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        parse_labels(text)


def test_splits_are_named_in_any_case() -> None:
    for name, split in SPLIT_FOLDERS.items():
        assert split_of(Path("a") / name.title()) == split
    assert split_of(Path("train/fear")) is None


def test_hidden_and_left_out_folders_are_not_seen() -> None:
    folders = [Path(name) for name in ("b", ".git", "__MACOSX", "Notes", "a", "_c")]
    assert [path.name for path in visible(folders, ["nOTES"])] == ["_c", "a", "b"]
    assert len(visible(folders)) == 4


def test_bytes_that_are_no_text_are_spelt_out() -> None:
    assert written(Path(os.fsdecode(b"caf\xe9"))) == "caf\\xe9"
