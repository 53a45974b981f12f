"""Which picture of a set goes to which split: by content, so that copies never part."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from affekt.data.manifest import SPLITS

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Names of folders that mean a split."""

CONFLICT = "copies with conflicting labels"
LEAK = "copy of a picture in a later split"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture file of a set: its label, its split (None: to be drawn), its content's SHA-256."""

    path: Path
    label: str
    split: str | None
    digest: str


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal; an unreadable file is known by its path."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return hashlib.sha256(str(path).encode()).hexdigest()


def excluded_copies(entries: Iterable[Entry]) -> dict[Path, str]:
    """Pictures to leave out because of their exact copies, each with the reason.

    Copies under different labels are all left out; of copies in several given splits, only those
    in the last one stay (test before val before train), so that nothing measured was trained on.

    >>> a, b = Entry(Path("a"), "fear", "train", "1"), Entry(Path("b"), "fear", "test", "1")
    >>> excluded_copies([a, b])
    {PosixPath('a'): 'copy of a picture in a later split'}
    """
    reasons: dict[Path, str] = {}
    for copies in copies_of(entries).values():
        last = max(SPLITS.index(entry.split or "train") for entry in copies)
        conflict = len({entry.label for entry in copies}) > 1
        for entry in copies:
            if conflict:
                reasons[entry.path] = CONFLICT
            elif SPLITS.index(entry.split or "train") < last:
                reasons[entry.path] = LEAK
    return reasons


def copies_of(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Groups of more than one file with the same content, by digest."""
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.digest].append(entry)
    return {digest: group for digest, group in groups.items() if len(group) > 1}


def draw_splits(
    digests: Mapping[str, Iterable[str]], val: float, test: float, seed: int
) -> dict[str, str]:
    """A split for each content: the same for the same content and seed, balanced per label.

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
        n_test = _share(test, len(ranked))
        n_val = min(_share(val, len(ranked)), len(ranked) - n_test)
        names = ["test"] * n_test + ["val"] * n_val
        names += ["train"] * (len(ranked) - len(names))
        drawn.update(zip(ranked, names, strict=True))
    return drawn


def _rank(digest: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()


def _share(share: float, n: int) -> int:
    at_least = 1 if share > 0 and n > 1 else 0
    return max(at_least, int(share * n + 0.5))
