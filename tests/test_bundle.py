"""A bundle comes back as it was written, and is refused by name where it is not right."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.bundle import (
    Bundle,
    bundle_folders,
    find_bundle,
    read_bundle,
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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(version=99), "version 99; this Affekt reads version 1"),
        (lambda c: c.pop("version"), "version None"),
        (lambda c: c.pop("labels"), "labels"),
        (lambda c: c.update(labels=7), "missing or wrong"),
        (lambda c: c.update(colour="teal"), "colour"),
        (lambda c: c["streams"]["face"].pop("mean"), "mean"),
        (lambda c: c["streams"].update(face=3), "missing or wrong"),
        (lambda c: c["files"].pop("model.onnx"), r"lists no model\.onnx"),
    ],
)
def test_a_wrong_description_is_refused(copy: Path, change: Callable, said: str) -> None:
    edit(copy, change)
    with pytest.raises(BundleError, match=said) as error:
        read_bundle(copy)
    assert str(copy) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"), [("{", "cannot be read as JSON"), ("[1]", "one JSON object")]
)
def test_a_description_that_is_no_json_object(copy: Path, text: str, said: str) -> None:
    (copy / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=said):
        read_bundle(copy)


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
