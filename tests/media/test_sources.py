"""Files, folders, patterns and standard input."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest
from PIL import Image

from affekt.errors import MediaError
from affekt.media import Source, Sources, expand_sources, read_picture
from affekt.media.copies import MARK, mark_copies
from affekt.media.streams import STREAM_LIMIT


def names(found: Sources) -> list[str]:
    return [item.name if isinstance(item, Source) else f"! {item}" for item in found.items]


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
    assert expand_sources([]) == Sources((), {})


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
    assert expand_sources(["-"]).items == (Source("-", content),)


def test_a_stream_without_end_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/zero").open("rb") as endless:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(endless))
        [line] = names(expand_sources(["-"]))
        assert line.startswith(f"! -: more than {STREAM_LIMIT // 2**20} MiB")
    monkeypatch.setattr("sys.stdin", None)
    assert names(expand_sources(["-"])) == ["! -: standard input is closed"]


def png(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 2)).save(path, "PNG")
    return path


def test_what_is_passed_over_is_told_in_one_line(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.HEIC", "c.heic", "d.mp4", "README", "e.x y", ".hidden", "f.mpo"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    found = expand_sources([str(tmp_path)])
    assert [Path(name).name for name in names(found)] == ["a.jpg", "f.mpo"]
    assert found.note() == (
        "passed over what is not read: 2 .heic (the package pillow-heif reads them), 1 .mp4, "
        "1 pipe or device, 1 with an odd suffix, 1 without a suffix"
    )
    assert expand_sources([str(tmp_path / "a.jpg")]).note() is None
    many = Sources((), {f".{i}": 1 for i in range(20)})
    assert (many.note() or "").endswith(", 12 others")


def test_a_pipe_that_is_named_is_read(tmp_path: Path) -> None:
    picture, pipe = png(tmp_path / "a.png"), tmp_path / "pipe"
    os.mkfifo(pipe)
    [source] = expand_sources([str(pipe)]).items
    assert isinstance(source, Source)
    writer = threading.Thread(target=lambda: pipe.write_bytes(picture.read_bytes()))
    writer.start()
    assert read_picture(str(source.picture)).shape == (2, 2, 3)
    writer.join()


def test_links_to_folders_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    png(tmp_path / "set" / "real" / "a.png")
    png(tmp_path / "elsewhere" / "b.png")
    for name, to in {"again": "real", "loop": "..", "far": "../elsewhere", "void": "no"}.items():
        (tmp_path / "set" / name).symlink_to(to)
    (tmp_path / "set" / "real" / "up").symlink_to("..")
    (tmp_path / "set" / "self").symlink_to("self")
    (tmp_path / "set" / "gone.png").symlink_to("no.png")
    expected = [str(tmp_path / "set" / name) for name in ("gone.png", "real/a.png", "far/b.png")]
    assert names(expand_sources([str(tmp_path / "set")])) == expected
    assert names(expand_sources([f"{tmp_path}/set/**/*.png"])) == expected
    assert names(expand_sources([f"{tmp_path}/set/*/*.png"])) == [
        str(tmp_path / "set" / name) for name in ("again/a.png", "far/b.png", "real/a.png")
    ]


def test_a_tree_of_any_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        Path("d").mkdir()
        os.chdir("d")
    Image.new("RGB", (2, 2)).save("a.png")
    os.chdir(tmp_path)
    deep = "/".join(["d"] * 1200 + ["a.png"])
    for word in ("d", "**/*.png", "/".join(["*"] * 1201)):
        assert names(expand_sources([word])) == [deep]
    for _ in range(1200):  # or what clears the folder up would go too deep itself
        os.chdir("d")
    Path("a.png").unlink()
    for _ in range(1200):
        os.chdir("..")
        Path("d").rmdir()


def test_annotated_copies_are_not_read_again(tmp_path: Path) -> None:
    photo, copies = png(tmp_path / "in" / "a.png"), tmp_path / "in" / "drawn"
    copies.mkdir()
    assert mark_copies(copies) and mark_copies(copies)
    png(copies / "sub" / "a.png")
    for word in (str(tmp_path), f"{tmp_path}/**/*.png"):
        found = expand_sources([word])
        assert names(found) == [str(photo)]
        assert found.note() == "passed over what is not read: 1 folder of annotated copies"
    for word in (str(copies), f"{copies}/**"):
        assert names(expand_sources([word])) == [str(copies / "sub" / "a.png")]


def test_a_folder_with_photos_is_not_marked(tmp_path: Path) -> None:
    png(tmp_path / "sub" / "a.png")
    assert not mark_copies(tmp_path)
    assert not (tmp_path / MARK).exists()


def test_names_of_any_bytes(tmp_path: Path) -> None:
    odd = [b"caf\xe9.png", b"a\rb.png", b"\x1b]52;c;x\x07.png", b"-.png", "\u202eé.png".encode()]
    for name in odd:
        png(tmp_path / os.fsdecode(name))
    found = names(expand_sources([str(tmp_path)]))
    assert sorted(os.fsencode(Path(name).name) for name in found) == sorted(odd)
    assert all(read_picture(name).shape == (2, 2, 3) for name in found)


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("https://host/a.jpg?size=1&x=[2]", "download it"),
        ("s3://bucket/*.jpg", "download it"),
        ("~/nowhere/a.jpg", "give the whole path"),
        ("~/nowhere/*.jpg", "give the whole path"),
        ("file:///nowhere/a%20b.jpg", "give the path alone: /nowhere/a b.jpg"),
        ("nowhere.jpg", "no such file"),
    ],
)
def test_a_word_that_is_no_path_is_told_what_to_give(word: str, advice: str) -> None:
    (item,) = expand_sources([word]).items
    assert isinstance(item, Source) and item.name == word
    with pytest.raises(MediaError) as caught:
        read_picture(str(item.picture))
    said = str(caught.value)
    assert said.startswith(f"{word}: ") and advice in said
