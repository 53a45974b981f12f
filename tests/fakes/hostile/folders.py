"""Names and folders that programs stumble over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

NAMES = (
    b"caf\xe9 %d",
    b"\xed\xa0\x80 %d",
    b"=1+%d",
    b"+%d",
    b"@SUM(%d)",
    b"-o%d",
    b"--resume %d",
    b"'tis %d",
    b'"%d"',
    b"a\rb%d",
    b"a\nb%d",
    b"\tb %d ",
    b"\x1b]52;c;eA==\x07%d",
    b"\x1b[2J\x08%d",
    b"\x7f\xc2\x85%d",
    b"a\xe2\x80\xa8%d",
    b"\xe2\x80\xaegpj.%d",
    b"a: b, c; %d",
    b"%%s%%n{0}%d",
    b"*%d?[x]",
    b"back\\slash%d",
    b"~%d",
    b"%d" + b"x" * 250,
    "Ünïcode 写真 😀 e\u0301 %d".encode(),
)
"""Each with a place for a number; suffixes come behind."""

DEPTH, GREATER_DEPTH = 300, 1500
"""Folders in each other; Python's own recursion ends at 1,000."""

PATH_LIMIT = 4096
"""Bytes of a path, for Linux."""


def write_links(folder: Path) -> None:
    """Links that go round or nowhere, a link to all, and a pipe that nobody writes into."""
    links = folder / "links"
    links.mkdir()
    (links / "up").symlink_to("..")
    (links / "self.jpg").symlink_to("self.jpg")
    (links / "a.png").symlink_to("b.png")
    (links / "b.png").symlink_to("a.png")
    (links / "nowhere.jpg").symlink_to("/nonexistent/picture.jpg")
    (links / "all").symlink_to("..", target_is_directory=True)
    (links / "folder.jpg").mkdir()
    (links / ".hidden").mkdir()
    (links / ".hidden" / "round").symlink_to("../..")
    os.mkfifo(links / "pipe.jpg")


def write_tree(folder: Path, suffix: str, content: bytes, *, large: bool) -> Iterator[str]:
    """Folders in each other, with a picture at the bottom; its path where it may have one.

    ``large`` is twice: once as deep as a path may be long, and once deeper.
    """
    for depth in (GREATER_DEPTH, PATH_LIMIT // 2) if large else (DEPTH,):
        path = folder / str(depth)
        path.mkdir(parents=True)
        _write_below(path, depth, f"bottom{suffix}", content)
        bottom = f"{path}{'/d' * depth}/bottom{suffix}"
        if len(os.fsencode(bottom)) < PATH_LIMIT:
            yield bottom


def _write_below(folder: Path, depth: int, name: str, content: bytes) -> None:
    place = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=place), "wb") as stream:
        stream.write(content)
    os.close(place)
