"""FER+ (Barsoum 2016) in the layout of its official generator: files and votes."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affekt.data.manifests.locations import location_problem
from affekt.errors import DataError, one_line
from affekt.labels import PRIMARY_AND_CONTEMPT
from affekt.typed import shown

CSV_NAME = "fer2013new.csv"
USAGE = {
    "Training": ("train", "FER2013Train"),
    "PublicTest": ("val", "FER2013Valid"),
    "PrivateTest": ("test", "FER2013Test"),
}
"""The csv file's word for a split, with ours and the folder of its pictures."""

NO_EMOTION = {"unknown": "unknown emotion", "NF": "not a face"}
"""The two classes that are no emotion, each with the reason to exclude a face."""

CLASSES = (*PRIMARY_AND_CONTEMPT, *NO_EMOTION)
BAD_VOTES = "votes are not usable"
NO_VOTES = "no votes for an emotion"


@dataclass(frozen=True, slots=True)
class Votes:
    """What the raters of one face said.

    Attributes:
        soft: each emotion's share of the votes for any emotion; empty without such votes.
        label: the class with the most votes, None where several have as many.
        majority: whether the official rule gives that label too, see `official_majority`.
        exclude: why the face is not used, or None.
    """

    soft: dict[str, float]
    label: str | None = None
    majority: bool | None = None
    exclude: str | None = None


@dataclass(frozen=True, slots=True)
class FerPlusFace:
    """One line of the csv file that names a picture."""

    id: str
    split: str
    file: Path
    votes: Votes


def read_ferplus(folder: Path) -> tuple[list[FerPlusFace], int]:
    """Every face that the csv file names, and how many of its lines name no picture.

    Args:
        folder: the one that holds the csv file, or the one just above or below it.

    Raises:
        DataError: no such file, a missing column or an unknown split.
    """
    root = _root(folder)
    records = _records(root / CSV_NAME)
    faces = [_face(root, record) for record in records if record["Image name"]]
    return faces, len(records) - len(faces)


def count_votes(counts: Mapping[str, float]) -> Votes:
    """Soft and hard label of one face from its ten vote counts.

    >>> count_votes(dict.fromkeys(CLASSES, 0) | {"fear": 3, "anger": 1, "unknown": 2}).label
    'fear'
    >>> count_votes(dict.fromkeys(CLASSES, 0) | {"fear": 1, "NF": 9}).exclude
    'not a face'
    """
    if not all(math.isfinite(count) and count >= 0 for count in counts.values()):
        return Votes({}, exclude=BAD_VOTES)
    total = sum(counts[label] for label in PRIMARY_AND_CONTEMPT)
    soft = {label: counts[label] / total for label in PRIMARY_AND_CONTEMPT} if total else {}
    most = max(counts.values())
    winners = [name for name in CLASSES if most and counts[name] == most]
    if len(winners) == 1 and winners[0] in NO_EMOTION:
        return Votes(soft, exclude=NO_EMOTION[winners[0]])
    if not total:
        return Votes({}, exclude=NO_VOTES)
    label = winners[0] if len(winners) == 1 else None
    return Votes(soft, label, majority=label is not None and official_majority(counts) == label)


def official_majority(counts: Mapping[str, float]) -> str | None:
    """The label by the rule of the official FER+ code, or None where that code drops the face.

    Single votes are taken out as outliers; the winner needs more than half of the votes that are
    left, those for "unknown" and "not a face" included, and must be an emotion.

    >>> official_majority({"fear": 5, "anger": 3, "sadness": 1, "unknown": 1})
    'fear'
    >>> official_majority({"fear": 4, "anger": 4}) is None
    True
    """
    kept = {name: count for name, count in counts.items() if count > 1}
    winner = max(kept, key=kept.__getitem__, default="unknown")
    if winner in NO_EMOTION or 2 * kept[winner] <= sum(kept.values()):
        return None
    return winner


def _root(folder: Path) -> Path:
    for root in (folder, folder / "ferplus", folder / "FERPlus", folder.parent):
        if (root / CSV_NAME).is_file():
            return root
    raise DataError(
        f"no {CSV_NAME} in {folder}: give the folder that holds it and "
        f"data/{', data/'.join(name for _, name in USAGE.values())}"
    )


def _records(file: Path) -> list[dict[str, str]]:
    needed = ("Usage", "Image name", *CLASSES)
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            lacking = [name for name in needed if name not in (reader.fieldnames or ())]
            records = [{name: row[name] or "" for name in needed} for row in reader if not lacking]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {file}: {one_line(error)}") from error
    if lacking:
        raise DataError(f"{file} lacks the column {lacking[0]!r}, expected {', '.join(needed)}")
    for number, record in enumerate(records, start=2):
        if record["Usage"] not in USAGE:
            known = ", ".join(USAGE)
            raise DataError(
                f"{file} line {number}: unknown Usage {shown(record['Usage'])} ({known})"
            )
        problem = location_problem(record["Image name"])
        if problem:
            raise DataError(f"{file} line {number}: {problem}")
    return records


def _face(root: Path, record: dict[str, str]) -> FerPlusFace:
    split, parent = USAGE[record["Usage"]]
    file = root / "data" / parent / record["Image name"]
    try:
        votes = count_votes({name: float(record[name]) for name in CLASSES})
    except ValueError:
        votes = Votes({}, exclude=BAD_VOTES)
    return FerPlusFace(file.stem, split, file, votes)
