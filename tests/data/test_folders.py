"""The folders of a set as people have them: with links, odd names and what is no picture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from affekt.data.emotic_layouts import find_layout
from affekt.data.faces import prepare_folders
from affekt.data.folders import read_folders
from affekt.data.manifest import Manifest, read_face_picture
from affekt.errors import DataError
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
    assert notes == ["passed over files that are no pictures: 1 without a suffix"]


def test_a_name_that_is_not_utf8_is_packed(root: Path, tmp_path: Path) -> None:
    save(root / "fear" / os.fsdecode(b"caf\xe9.png"), 77, size=300)
    prepare_folders(root, tmp_path / "out", detect=nobody)  # type: ignore[arg-type]
    manifest = Manifest.open(tmp_path / "out")
    [row] = [row for row in manifest.rows() if "caf" in row.id]
    assert row.id == "fear/caf\\xe9.png" and row.path is None
    assert read_face_picture(manifest, row)[0, 0].tolist() == [77, 0, 0]


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
