"""Patterns match what Python's own glob matches."""

from __future__ import annotations

import glob
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.media.patterns import matching, parse
from affekt.media.walking import walk

TREE = [
    "a/b/c.jpg",
    "a/c.jpg",
    "b/a/b/d.png",
    "b/.h/c.jpg",
    ".h/a.jpg",
    "c.jpg",
    "a/[x].jpg",
    "d.d/a",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in TREE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


part = st.sampled_from(
    ["*", "**", "a", "b", "?", "*.jpg", "[ab]", "[!a]", ".*", "c*", "d.d", "*.*"]
)


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(part, min_size=1, max_size=4).filter(lambda p: glob.has_magic("/".join(p))))
def test_the_same_files_as_glob(tree: Path, parts: list[str]) -> None:
    pattern = str(tree.joinpath(*parts))
    machine = parse(pattern)
    found = [
        str(Path(listing.path, name))
        for listing in matching(machine, walk(machine.base))
        for name in listing.files
    ]
    matched = glob.glob(pattern, recursive=True)  # noqa: PTH207 (an absolute pattern)
    expected = {match for match in matched if Path(match).is_file() and match[-1] != "/"}
    assert sorted(found) == sorted(expected)
