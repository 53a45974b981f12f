"""What the folders of a set are called, and what that means: a label, a split, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from affekt.errors import DataError, UsageError, nearest
from affekt.labels import parse_emotion

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

NUMBERED: dict[str, dict[str, str]] = {
    "raf-db": {
        "1": "surprise",
        "2": "fear",
        "3": "disgust",
        "4": "happiness",
        "5": "sadness",
        "6": "anger",
        "7": "neutral",
    },
    "affectnet": {
        "0": "neutral",
        "1": "happiness",
        "2": "sadness",
        "3": "surprise",
        "4": "fear",
        "5": "disgust",
        "6": "anger",
        "7": "contempt",
    },
}
"""Sets whose labels are numbers, by the names that ``--labels`` takes (Li et al. 2017, RAF-DB's
basic emotions; Mollahosseini et al. 2017, arXiv 1708.03985, whose 8 to 10 are no emotions)."""

LABELS_OPTION = "--labels raf-db, --labels affectnet or --labels 1=surprise,2=fear,…"


@dataclass(frozen=True, slots=True)
class FolderNames:
    """What folders' names mean, beside labels, their synonyms and splits.

    Attributes:
        labels: names that mean a label, numbers without leading zeros.
        skip: folders to be passed over, such as one of annotations.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[str, ...] = ()

    def label_of(self, folder: Path) -> str:
        """The label that a folder holds the pictures of.

        Raises:
            DataError: its name is none; it says what to do about it.
        """
        name = written(folder.name)
        given = self.labels.get(_plain(name))
        if given is not None:
            return given
        if name.strip().isdecimal():
            raise DataError(f"folder {written(folder)}: {self._unknown_number()}")
        try:
            return parse_emotion(name)
        except DataError as error:
            raise DataError(f"folder {written(folder)}: {self._remedy(folder, error)}") from None

    def is_label(self, folder: Path) -> bool:
        """Whether `label_of` gives one."""
        try:
            return bool(self.label_of(folder))
        except DataError:
            return False

    def is_set(self, folder: Path) -> bool:
        """Whether all it holds, at least one folder, are labels or splits."""
        try:
            inner = [path for path in folder.iterdir() if path.is_dir()]
        except OSError:
            return False
        return bool(inner) and all(split_of(p) or _number(p) or self.is_label(p) for p in inner)

    def _unknown_number(self) -> str:
        if self.labels:
            known = ", ".join(f"{name} = {label}" for name, label in self.labels.items())
            return f"its number means nothing by --labels ({known}); pass over it with --skip"
        return f"a number is no label; say whose it is: {LABELS_OPTION}"

    def _remedy(self, folder: Path, error: DataError) -> str:
        if self.is_set(folder):
            return f"it holds folders of labels or splits: give {written(folder)} instead"
        return f"{error}; to pass over it: --skip {written(folder.name)}"


def parse_labels(text: str) -> dict[str, str]:
    """What ``--labels`` says: a set of `NUMBERED`, or ``NAME=LABEL`` separated by commas.

    Raises:
        UsageError: neither.

    >>> parse_labels("RAF-DB")["1"], parse_labels("01=happy, x=fear")
    ('surprise', {'1': 'happiness', 'x': 'fear'})
    """
    known = NUMBERED.get(text.strip().lower())
    if known is not None:
        return dict(known)
    if "=" not in text:
        raise UsageError(f"--labels {text}: {nearest(text, NUMBERED)}; or 1=surprise,2=fear,…")
    labels: dict[str, str] = {}
    for pair in text.split(","):
        name, _, label = pair.partition("=")
        plain = _plain(name)
        if not plain or plain in labels:
            raise UsageError(f"--labels {text}: expected each NAME=LABEL once, got {pair!r}")
        try:
            labels[plain] = parse_emotion(label)
        except DataError as error:
            raise UsageError(f"--labels {text}: {error}") from None
    return labels


def split_of(folder: Path) -> str | None:
    """The split that a folder's name means, None for any other name."""
    return SPLIT_FOLDERS.get(folder.name.lower())


def visible(folders: Iterable[Path], skip: Iterable[str] = ()) -> list[Path]:
    """Folders in order of their names, without hidden ones and those to be passed over."""
    left_out = {name.casefold() for name in skip}
    kept = (path for path in folders if written(path.name).casefold() not in left_out)
    return sorted(path for path in kept if not path.name.startswith((".", "__")))


def written(name: str | Path) -> str:
    r"""A name or path as text: bytes that are not UTF-8 are spelt out.

    >>> written("é.png"), written("\udce9.png")
    ('é.png', '\\xe9.png')
    """
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _plain(name: str) -> str:
    """A name as `FolderNames.labels` has it."""
    name = name.strip()
    return name.lstrip("0") or "0" if name.isdecimal() else name


def _number(folder: Path) -> bool:
    return folder.name.strip().isdecimal()
