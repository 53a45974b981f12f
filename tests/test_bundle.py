"""A bundle comes back as it was written, and is refused by name where it is not right."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from affekt.bundle import (
    Bundle,
    SingleLabel,
    bundle_folders,
    find_bundle,
    list_bundles,
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
    return lambda content: content["inputs"]["face"].update(values)


def head(**values: object) -> Callable[[dict], object]:
    return lambda content: content["outputs"]["primary"].update(values)


def categories(**values: object) -> Callable[[dict], object]:
    said = {"kind": "multi-label", "labels": ["Peace", "Pain"], **values}
    return lambda content: content["outputs"].update(categories=said)


def vad(**values: object) -> Callable[[dict], object]:
    said = {"kind": "dimensional", "labels": ["valence"], "range": [1, 10], **values}
    return lambda content: content["outputs"].update(vad=said)


def without(*keys: str) -> Callable[[dict], object]:
    def drop(content: dict) -> None:
        for key in keys[:-1]:
            content = content[key]
        content.pop(keys[-1])

    return drop


def says(**values: object) -> Callable[[dict], object]:
    return lambda content: content.update(values)


NAN, SHA = float("nan"), "0" * 64
PLACE = {"kind": "geometry"}

REFUSED: dict[str, tuple[Callable[[dict], object], str]] = {
    "another version": (says(version=99), "version 99; this Affekt reads version 2"),
    "version 1": (says(version=1), "version 1; this Affekt reads version 2: export it again, or"),
    "no version": (without("version"), "version None"),
    "version true": (says(version=True), "version True"),
    "no labels": (without("outputs", "primary", "labels"), "missing key outputs.primary.labels"),
    "labels of another type": (head(labels=7), "labels: expected a list, got 7"),
    "an empty label": (head(labels=["anger", ""]), "labels: expected a name, got ''"),
    "a label of two lines": (head(labels=["anger", "a\nb"]), "labels: expected a name"),
    "a label twice": (head(labels=["anger", "fear", "anger"]), "labels: expected labels that diff"),
    "one label": (head(labels=["anger"]), "labels: expected two labels at least"),
    "no label": (categories(labels=[]), "categories.labels: expected one label at least"),
    "an unknown key": (says(colour="teal"), "unknown key colour"),
    "no outputs": (says(outputs={}), "outputs: expected one at least"),
    "an output of another type": (says(outputs={"a": 3}), "outputs.a: expected a table"),
    "no kind of head": (without("outputs", "primary", "kind"), "missing key outputs.primary.kind"),
    "another kind of head": (head(kind="face"), "outputs.primary.kind: expected single-label or m"),
    "a key of another head": (head(thresholds={}), "unknown key outputs.primary.thresholds"),
    "an unknown key of a stream": (stream(channels=3), "unknown key inputs.face.channels"),
    "an input of another type": (says(inputs={"face": 3}), "inputs.face: expected a table"),
    "no inputs": (says(inputs={}), "inputs: expected one at least"),
    "another kind of input": (stream(kind="feet"), "inputs.face.kind: expected face or body or sc"),
    "a kind of input that is none": (stream(kind=[1]), "inputs.face.kind: expected str, got [1]"),
    "another crop rule": (stream(crop="square"), "crop: expected face-square for a face"),
    "several moments": (stream(frames=8), "frames: expected 1, this Affekt reads single pictures"),
    "no mean": (without("inputs", "face", "mean"), "missing key inputs.face.mean"),
    "NaN in the mean": (stream(mean=[NAN, 0.5, 0.5]), "NaN is no number in JSON"),
    "a mean for 0 to 255": (stream(mean=[123.7, 116.3, 103.5]), "mean: expected a number from 0"),
    "two means": (stream(mean=[0.5, 0.5]), "inputs.face.mean: expected 3 values"),
    "a deviation of 0": (stream(std=[0.2, 0, 0.2]), "std: expected a number from 0.001 to 10"),
    "a deviation below 0": (stream(std=[0.2, -1, 0.2]), "std: expected a number from 0.001 to 10"),
    "NaN in the deviation": (stream(std=[NAN, 1, 1]), "NaN is no number in JSON"),
    "grey": (stream(colour="L"), "inputs.face.colour: expected RGB or BGR, got 'L'"),
    "a size of 20,000": (stream(size=20_000), "size: expected a number from 8 to 2048"),
    "a size of 0": (stream(size=0), "size: expected a number from 8 to 2048"),
    "a size with a fraction": (stream(size=32.5), "size: expected int, got 32.5"),
    "a blanked face": (stream(blank_person=True), "blank_person: expected false"),
    "a crop beside numbers": (
        lambda c: c["inputs"].update(geometry=PLACE), "face.encoder: expected one, for there are"
    ),
    "an encoder of nobody": (
        stream(encoder="bundle:face"), "face.encoder: needs does not say which bundle 'face' it is"
    ),
    "a temperature of 0": (head(temperature=0), "temperature: expected a number from 0.001"),
    "a temperature below 0": (head(temperature=-1.5), "temperature: expected a number from 0.001"),
    "a temperature without end": (head(temperature=float("inf")), "Infinity is no number in JSON"),
    "NaN as temperature": (head(temperature=NAN), "NaN is no number in JSON"),
    "temperature true": (head(temperature=True), "temperature: expected float, got True"),
    "NaN as threshold": (categories(thresholds={"Pain": NAN}), "NaN is no number in JSON"),
    "a threshold over 1": (
        categories(thresholds={"Pain": 1.5}), "thresholds.Pain: expected a number"
    ),
    "a threshold of no label": (
        categories(thresholds={"Pane": 0.5}), "categories.thresholds: 'Pane' is no label"
    ),
    "not every threshold": (
        categories(thresholds={"Pain": 0.5}), "expected one of every label or none, 'Peace' has no"
    ),
    "NaN as calibration": (categories(platt={"Pain": [1, NAN]}), "NaN is no number in JSON"),
    "one number as calibration": (categories(platt={"Pain": [1]}), "expected 2 values, got [1]"),
    "not every calibration": (
        categories(platt={"Pain": [1, 0]}), "platt: expected one of every label or none, 'Peace'"
    ),
    "a range upside down": (vad(range=[10, 1]), "vad.range: expected low before high"),
    "a range of nothing": (vad(range=[1, 1]), "vad.range: expected low before high"),
    "no range": (vad(range=None), "vad.range: expected a list, got None"),
    "borrowed and its own": (
        says(borrowed={"primary": "face"}), "borrowed.primary: 'face' cannot say it, the outputs"
    ),
    "members beside inputs": (says(members={"a": 1.0}), "inputs: expected one at least of a model"),
    "members without weight": (says(inputs={}, members={"a": 0}), "weights that do not add up to"),
    "a need without a checksum": (says(needs={"face": "?"}), "needs.face: expected a SHA-256"),
    "a need elsewhere": (says(needs={"../face": SHA}), "needs, a key: expected the name of a file"),
    "a file above": (lambda c: c["files"].update({"../a": SHA}), "files, a key: expected the name"),
    "a file at the root": (lambda c: c["files"].update({"/a": SHA}), "files, a key: expected"),
    "a checksum of another form": (lambda c: c["files"].update(a="1"), "expected a SHA-256 of 64"),
    "its own checksum": (lambda c: c["files"].update({"bundle.json": SHA}), "cannot hold its own"),
    "no model": (without("files", "model.onnx"), "lists no model.onnx"),
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
    cold, unknown = (SingleLabel(("a", "b"), temperature) for temperature in (0.0, NAN))
    for changes in (
        {"outputs": {"primary": cold}},
        {"outputs": {"primary": unknown}},
        {"metrics": {"a": {"b": NAN}}},
    ):
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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_the_users_bundles_lie_where_the_system_keeps_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AFFEKT_MODELS", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_models() == tmp_path / ".local/share/affekt/models"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert user_models() == tmp_path / "data/affekt/models"
    assert not [*tmp_path.iterdir()]


def test_a_broken_bundle_is_listed_as_its_error(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEKT_MODELS", str(copy.parent))
    (copy.parent / "broken").mkdir()
    (copy.parent / "broken" / "bundle.json").write_text("{")
    broken, *others = sorted(list_bundles(), key=lambda own: not isinstance(own, BundleError))
    assert isinstance(broken, BundleError) and "not JSON" in str(broken)
    assert {bundle.info.name for bundle in others} == {"tiny", "face", "context"}


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
