"""A bundle comes back as it was written, and is refused by name where it is not right."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from affekt.bundle import (
    Bundle,
    bundle_folders,
    find_bundle,
    read_bundle,
    user_models,
    write_bundle,
)
from affekt.errors import BundleError
from affekt.files import file_sha256


@pytest.fixture
def copy(tiny_bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle that a test may damage."""
    return Path(shutil.copytree(tiny_bundle.folder, tmp_path / "tiny"))


def edit(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "bundle.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_is_written_is_read(tiny_bundle: Bundle) -> None:
    assert read_bundle(tiny_bundle.folder) == tiny_bundle
    assert {*tiny_bundle.info.files} == {"model.onnx", "CARD.md"}
    model = tiny_bundle.model_path
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert tiny_bundle.info.files["model.onnx"] == file_sha256(model) == digest


def test_a_bundle_needs_its_files(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"needs CARD\.md"):
        write_bundle(tmp_path / "new", tiny_bundle.info, {"model.onnx": b""})
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["model.onnx", "CARD.md"])
def test_a_changed_or_missing_file_is_refused_by_name(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-1] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name}: checksum differs"):
        read_bundle(copy)
    (copy / name).unlink()
    with pytest.raises(BundleError, match=rf"file {name} is missing"):
        read_bundle(copy)


def stream(**values: object) -> Callable[[dict], object]:
    return lambda content: content["streams"]["face"].update(values)


def without(key: str) -> Callable[[dict], object]:
    return lambda content: content.pop(key)


def says(**values: object) -> Callable[[dict], object]:
    return lambda content: content.update(values)


NAN, SHA = float("nan"), "0" * 64

REFUSED: dict[str, tuple[Callable[[dict], object], str]] = {
    "another version": (says(version=99), "version 99; this Affekt reads version 1"),
    "no version": (without("version"), "version None"),
    "version true": (says(version=True), "version True"),
    "no labels": (without("labels"), "missing key labels"),
    "labels of another type": (says(labels=7), "labels: expected a list, got 7"),
    "an empty label": (says(labels=["anger", ""]), "labels: expected a name, got ''"),
    "a label of two lines": (says(labels=["anger", "a\nb"]), "labels: expected a name"),
    "a label twice": (says(labels=["anger", "fear", "anger"]), "labels: expected labels that diff"),
    "one label": (says(labels=["anger"]), "labels: expected two at least"),
    "an unknown key": (says(colour="teal"), "unknown key colour"),
    "an unknown key of a stream": (stream(channels=3), "unknown key streams.face.channels"),
    "a stream of another type": (says(streams={"face": 3}), "streams.face: expected a table"),
    "another stream": (says(streams={}), "a face model has one, 'face', got"),
    "another kind": (says(kind="scene"), "kind: expected face or context or ensemble, got 'sce"),
    "no mean": (lambda c: c["streams"]["face"].pop("mean"), "missing key streams.face.mean"),
    "NaN in the mean": (stream(mean=[NAN, 0.5, 0.5]), "NaN is no number in JSON"),
    "a mean for 0 to 255": (stream(mean=[123.7, 116.3, 103.5]), "mean: expected a number from 0"),
    "two means": (stream(mean=[0.5, 0.5]), "streams.face.mean: expected 3 values"),
    "a deviation of 0": (stream(std=[0.2, 0, 0.2]), "std: expected a number from 0.001 to 10"),
    "a deviation below 0": (stream(std=[0.2, -1, 0.2]), "std: expected a number from 0.001 to 10"),
    "NaN in the deviation": (stream(std=[NAN, 1, 1]), "NaN is no number in JSON"),
    "blue first": (stream(colour="BGR"), "streams.face.colour: expected RGB, got 'BGR'"),
    "a size of 20,000": (stream(size=20_000), "size: expected a number from 8 to 2048"),
    "a size of 0": (stream(size=0), "size: expected a number from 8 to 2048"),
    "a size with a fraction": (stream(size=32.5), "size: expected int, got 32.5"),
    "a blanked face": (stream(blank_person=True), "blank_person: expected false"),
    "a temperature of 0": (says(temperature=0), "temperature: expected a number from 0.001"),
    "a temperature below 0": (says(temperature=-1.5), "temperature: expected a number from 0.001"),
    "a temperature without end": (says(temperature=float("inf")), "Infinity is no number in JSON"),
    "NaN as temperature": (says(temperature=NAN), "NaN is no number in JSON"),
    "temperature true": (says(temperature=True), "temperature: expected float, got True"),
    "NaN as threshold": (says(thresholds={"anger": NAN}), "NaN is no number in JSON"),
    "a threshold over 1": (says(thresholds={"anger": 1.5}), "thresholds.anger: expected a number"),
    "a threshold of no label": (says(thresholds={"angr": 0.5}), "thresholds: 'angr' is no label"),
    "NaN as calibration": (says(calibration={"anger": [1, NAN]}), "NaN is no number in JSON"),
    "one number as calibration": (says(calibration={"anger": [1]}), "expected 2 values, got [1]"),
    "members of no ensemble": (says(members={"a": 1.0}), "members: 1 of a model of kind 'face'"),
    "a need without a checksum": (says(needs={"face": "?"}), "needs.face: expected a SHA-256"),
    "a need elsewhere": (says(needs={"../face": SHA}), "needs, a key: expected the name of a file"),
    "a file above": (lambda c: c["files"].update({"../a": SHA}), "files, a key: expected the name"),
    "a file at the root": (lambda c: c["files"].update({"/a": SHA}), "files, a key: expected"),
    "a checksum of another form": (lambda c: c["files"].update(a="1"), "expected a SHA-256 of 64"),
    "its own checksum": (lambda c: c["files"].update({"bundle.json": SHA}), "cannot hold its own"),
    "no model": (lambda c: c["files"].pop("model.onnx"), "lists no model.onnx"),
    "a licence that moves the cursor": (says(licence="\x1b[2J"), "licence: expected text of one"),
    "figures of another type": (says(metrics={"FER+": 0.7}), "metrics.FER+: expected a table"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_description_that_is_wrong_is_refused_by_its_key(copy: Path, name: str) -> None:
    change, said = REFUSED[name]
    edit(copy, change)
    with pytest.raises(BundleError, match=re.escape(said)) as error:
        read_bundle(copy)
    assert str(copy) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "expected one table"),
        ("", "not JSON"),
        ("\udcff", "not JSON"),
        ("[" * 100_000, "more than 40 levels deep"),
        ('{"training": ' * 50 + "1" + "}" * 50, "more than 40 levels deep"),
        ('{"version": 1, "version": 1}', "the key 'version' is given twice"),
        ('{"version": 1e999}', "1e999 is too large a number"),
        ('{"version": ' + "9" * 5000 + "}", "not JSON"),
        (" " * (2**24 + 1), "at most 16777216 are read"),
    ],
)
def test_a_description_that_is_no_json_object(copy: Path, text: str, said: str) -> None:
    (copy / "bundle.json").write_text(text, errors="surrogateescape")
    with pytest.raises(BundleError, match=said) as error:
        read_bundle(copy)
    assert len(str(error.value)) < 500


def test_what_would_be_refused_is_not_written(tiny_bundle: Bundle, tmp_path: Path) -> None:
    files = {"model.onnx": b"", "CARD.md": b""}
    for changes in ({"temperature": 0.0}, {"temperature": NAN}, {"metrics": {"a": {"b": NAN}}}):
        with pytest.raises(BundleError):
            write_bundle(tmp_path / "new", replace(tiny_bundle.info, **changes), files)
    assert not (tmp_path / "new").exists()


def test_a_folder_without_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not a bundle, it holds no bundle\.json"):
        find_bundle(tmp_path)


def test_bundles_are_found_by_name(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFEKT_MODELS", str(copy.parent))
    assert find_bundle("tiny").folder == copy
    assert find_bundle(copy).folder == copy
    assert bundle_folders()["tiny"] == copy
    with pytest.raises(BundleError, match=r"no model 'tinny'.*did you mean 'tiny'"):
        find_bundle("tinny")


def test_without_a_home_the_embedded_models_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("AFFEKT_MODELS", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert user_models() is None and {*bundle_folders()} >= {"face", "context"}
    assert find_bundle("face").info.name == "face"


def forbid(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As for another user: the folder may not be entered. Modes do not stop the superuser."""
    listed = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path.is_relative_to(folder):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)


def test_a_home_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFFEKT_MODELS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    forbid(monkeypatch, tmp_path)
    assert find_bundle("face").info.name == "face"
    monkeypatch.setenv("AFFEKT_MODELS", str(tmp_path))
    with pytest.raises(BundleError, match=r"AFFEKT_MODELS names it \(Permission denied\)"):
        find_bundle("face")


@pytest.mark.parametrize("name", ["", "\0", "a" * 5000, "../face", "x\n"])
def test_names_that_no_model_has(name: str) -> None:
    with pytest.raises(BundleError, match="no model") as error:
        find_bundle(name)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_description_that_is_no_file(copy: Path) -> None:
    (copy / "bundle.json").unlink()
    os.mkfifo(copy / "bundle.json")
    with pytest.raises(BundleError, match="not a file"):
        read_bundle(copy)
