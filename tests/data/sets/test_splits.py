"""Copies of one content stay together, and shares are drawn alike for the same seed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.data.sets.splits import (
    CONFLICT,
    LEAK,
    Entry,
    conflicting,
    copies_of,
    digest_of,
    draw_splits,
    leaking,
)


def entry(name: str, digest: str, label: str | None = "fear", split: str | None = None) -> Entry:
    return Entry(Path(name), label, split, digest)


def test_a_file_is_known_by_its_content_or_else_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b")
    assert digest_of(tmp_path / "a") == hashlib.sha256(b"x").hexdigest()
    absent = digest_of(tmp_path / "c")
    assert absent == hashlib.sha256(str(tmp_path / "c").encode()).hexdigest()
    assert absent != digest_of(tmp_path / "d")


def test_copies_are_two_or_more() -> None:
    alone, *twins = [entry("a", "1"), entry("b", "2"), entry("c", "2")]
    assert copies_of([alone, *twins]) == [twins]


def test_copies_conflict_where_their_labels_differ() -> None:
    same = [entry("a", "1"), entry("b", "1")]
    other = [entry("c", "2"), entry("d", "2", "anger"), entry("e", "2", None)]
    assert conflicting([*same, *other]) == dict.fromkeys(map(Path, "cde"), CONFLICT)


@pytest.mark.parametrize(
    ("splits", "leaks"),
    [
        ({"a": "train", "b": "val"}, "a"), ({"a": "train", "b": "val", "c": "test"}, "ab"),
        ({"a": "test", "b": "test"}, ""), ({"a": "val", "b": "train"}, "b"),
        ({"a": None, "b": "test"}, ""), ({"a": "train", "b": None, "c": "test"}, "a"),
        ({"a": None, "b": None}, ""),
    ],
)  # fmt: skip
def test_a_copy_in_a_later_split_leaves_the_earlier_one_out(
    splits: dict[str, str | None], leaks: str
) -> None:
    entries = [entry(name, "1", split=split) for name, split in splits.items()]
    assert leaking(entries) == dict.fromkeys(map(Path, leaks), LEAK)


def counts(n: int, val: float, test: float, seed: int = 0) -> tuple[int, int, int]:
    drawn = list(draw_splits({"fear": map(str, range(n))}, val, test, seed).values())
    return drawn.count("train"), drawn.count("val"), drawn.count("test")


@pytest.mark.parametrize(
    ("n", "val", "test", "expected"),
    [
        (10, 0.2, 0.1, (7, 2, 1)), (10, 0.25, 0.0, (7, 3, 0)), (10, 0.24, 0.0, (8, 2, 0)),
        (1, 0.2, 0.2, (1, 0, 0)), (2, 0.01, 0.0, (1, 1, 0)), (2, 0.01, 0.01, (0, 1, 1)),
        (3, 0.01, 0.01, (1, 1, 1)), (0, 0.2, 0.2, (0, 0, 0)), (4, 0.0, 0.0, (4, 0, 0)),
        (4, 0.75, 0.75, (0, 1, 3)), (1, 0.6, 0.0, (0, 1, 0)), (2, 1.0, 0.0, (0, 2, 0)),
    ],
)  # fmt: skip
def test_shares_are_rounded_and_none_is_empty_where_two_are_there(
    n: int, val: float, test: float, expected: tuple[int, int, int]
) -> None:
    assert counts(n, val, test) == expected


@settings(max_examples=30)
@given(st.sets(st.text()), st.floats(0, 1), st.floats(0, 1), st.integers(0, 9))
def test_every_content_has_one_split_in_any_order(
    digests: set[str], val: float, test: float, seed: int
) -> None:
    ordered = sorted(digests)
    drawn = draw_splits({"a": ordered}, val, test, seed)
    assert {*drawn} == digests
    assert drawn == draw_splits({"a": [*reversed(ordered), *ordered]}, val, test, seed)


def test_another_seed_draws_others_and_a_label_has_its_own_share() -> None:
    digests = {label: [f"{label}{i}" for i in range(20)] for label in ("fear", "anger")}
    drawn = [draw_splits(digests, 0.2, 0.1, seed) for seed in range(2)]
    assert drawn[0] != drawn[1]
    for splits in drawn:
        for own in digests.values():
            assert sorted(splits[d] for d in own).count("val") == 4
