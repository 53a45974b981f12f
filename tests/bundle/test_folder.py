"""The files of a bundle: which it needs, and where they are written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from affekt.bundle import Bundle, folder, read_bundle, write_bundle
from affekt.errors import BundleError

CARD = {"CARD.md": b"# x\n"}


def test_an_ensemble_needs_no_model_of_its_own(tiny_bundle: Bundle, tmp_path: Path) -> None:
    info = replace(tiny_bundle.info, inputs={}, members={"members/a": 1.0})
    written = write_bundle(tmp_path / "deep" / "all", info, CARD | {"members/a/x.onnx": b"x"})
    assert read_bundle(tmp_path / "deep" / "all") == written
    assert (written.folder / "members" / "a" / "x.onnx").read_bytes() == b"x"
    with pytest.raises(BundleError, match=r"needs CARD\.md"):
        write_bundle(tmp_path / "other", info, {"members/a/x.onnx": b"x"})


def test_a_model_needs_its_network(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"needs model\.onnx"):
        write_bundle(tmp_path / "new", tiny_bundle.info, CARD)
    write_bundle(tmp_path / "new", tiny_bundle.info, CARD | {"model.onnx": b"x"})
    path = tmp_path / "new" / "bundle.json"
    path.write_text(path.read_text().replace('"model.onnx": "', '"other.onnx": "'))
    (tmp_path / "new" / "model.onnx").rename(tmp_path / "new" / "other.onnx")
    with pytest.raises(BundleError, match=r"bundle\.json lists no model\.onnx"):
        read_bundle(tmp_path / "new")


def test_a_description_of_the_most_bytes_is_read_and_one_more_is_refused(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (tiny_bundle.folder / "bundle.json").stat().st_size
    monkeypatch.setattr(folder, "MOST_BYTES", size)
    assert read_bundle(tiny_bundle.folder) == tiny_bundle
    monkeypatch.setattr(folder, "MOST_BYTES", size - 1)
    with pytest.raises(BundleError):
        read_bundle(tiny_bundle.folder)


def test_writing_again_replaces_what_was_there(tiny_bundle: Bundle, tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        write_bundle(tmp_path / "new", tiny_bundle.info, CARD | {"model.onnx": content})
    assert (tmp_path / "new" / "model.onnx").read_bytes() == b"two"
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "bundle.json", "model.onnx", "CARD.md",
    }  # fmt: skip
