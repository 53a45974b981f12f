"""Which picture of a set goes to which split: by content, so that exact copies never part."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from affekt.data.manifests.row import SPLITS

CONFLICT = "copies with conflicting labels"
LEAK = "copy of a picture in a later split"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture file of a set.

    Attributes:
        path: of the file.
        label: its hard label, None where it has none.
        split: as the set gives it, None where it is to be drawn.
        digest: SHA-256 of its content.
    """

    path: Path
    label: str | None
    split: str | None
    digest: str


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal; an unreadable file is known by its path."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return hashlib.sha256(os.fsencode(path)).hexdigest()


def copies_of(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Groups of more than one file with the same content."""
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.digest].append(entry)
    return [group for group in groups.values() if len(group) > 1]


def conflicting(entries: Iterable[Entry]) -> dict[Path, str]:
    """Pictures whose exact copies have different labels, each with the reason to exclude it.

    >>> a, b = Entry(Path("a"), "fear", None, "1"), Entry(Path("b"), "anger", None, "1")
    >>> list(conflicting([a, b]).values())
    ['copies with conflicting labels', 'copies with conflicting labels']
    """
    groups = copies_of(entries)
    bad = [group for group in groups if len({entry.label for entry in group}) > 1]
    return {entry.path: CONFLICT for group in bad for entry in group}


def leaking(entries: Iterable[Entry]) -> dict[Path, str]:
    """Pictures with an exact copy in a later split, each with the reason to exclude it.

    The order is train, val, test: nothing that a figure is measured on was trained on, and the
    measured split itself stays whole.

    >>> a, b = Entry(Path("a"), "fear", "train", "1"), Entry(Path("b"), "fear", "test", "1")
    >>> [path.name for path in leaking([a, b])]
    ['a']
    """
    reasons: dict[Path, str] = {}
    for group in copies_of(entries):
        places = [SPLITS.index(entry.split) for entry in group if entry.split]
        for entry in group:
            if entry.split and SPLITS.index(entry.split) < max(places):
                reasons[entry.path] = LEAK
    return reasons


def draw_splits(
    digests: Mapping[str, Iterable[str]], val: float, test: float, seed: int
) -> dict[str, str]:
    """A split for each content: the same for the same set and seed, balanced per label.

    Args:
        digests: for each label, the digests of its pictures.
        val: share of each label for validation; at least one picture where there are two.
        test: share of each label for the test, likewise.
        seed: another seed draws other pictures.

    Returns:
        Digest to split.

    >>> splits = draw_splits({"fear": ["a", "b", "c", "d"]}, 0.25, 0.0, 0)
    >>> sorted(splits.values())
    ['train', 'train', 'train', 'val']
    """
    drawn: dict[str, str] = {}
    for own in digests.values():
        ranked = sorted(set(own), key=lambda digest: _rank(digest, seed))
        n_test = _count(test, len(ranked))
        n_val = min(_count(val, len(ranked)), len(ranked) - n_test)
        names = ["test"] * n_test + ["val"] * n_val
        names += ["train"] * (len(ranked) - len(names))
        drawn.update(zip(ranked, names, strict=True))
    return drawn


def _rank(digest: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()


def _count(share: float, n: int) -> int:
    at_least = 1 if share > 0 and n > 1 else 0
    return max(at_least, int(share * n + 0.5))
