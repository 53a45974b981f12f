"""Files, folders, patterns and standard input."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from affekt.errors import MediaError
from affekt.media import (
    Source,
    expand_sources,
)


def names(found: list[Source | MediaError]) -> list[str]:
    return [item.name if isinstance(item, Source) else f"! {item}" for item in found]


def test_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.JPG", "a.png", "sub/c.webp", "sub/notes.txt", ".hidden.jpg", ".git/d.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"")
    Path("odd[1].png").write_bytes(b"")
    assert names(expand_sources(["."])) == ["a.png", "b.JPG", "odd[1].png", "sub/c.webp"]
    assert names(expand_sources(["sub", "a.png"])) == ["sub/c.webp", "a.png"]
    assert names(expand_sources(["*.png"])) == ["a.png", "odd[1].png"]
    assert names(expand_sources(["**/*.webp"])) == ["sub/c.webp"]
    assert names(expand_sources(["odd[1].png"])) == ["odd[1].png"]
    assert names(expand_sources(["missing.jpg"])) == ["missing.jpg"]
    assert expand_sources([]) == []


def test_empty_folders_and_patterns_leave_the_others(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "a.png").write_bytes(b"")
    (empty / "notes.txt").write_text("no picture")
    found = names(expand_sources([str(empty), str(full), f"{empty}/*.jpg"]))
    assert found[0].startswith(f"! {empty}: the folder holds no picture")
    assert found[1] == str(full / "a.png")
    assert found[2].startswith(f"! {empty}/*.jpg: the pattern matches no picture")


def test_an_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)  # the tests may run as root, who may read anything
    found = names(expand_sources([str(tmp_path)]))
    assert found == [f"! {tmp_path}: the folder cannot be read (Permission denied)"]


def test_standard_input_is_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"any bytes"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert expand_sources(["-"]) == [Source("-", content)]
