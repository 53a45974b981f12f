"""What a manifest of people holds: checks and statistics, as plain values and as text."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from affekt.arrays import IntArray
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.row import SPLITS, Row
from affekt.data.survey.agreement import VoteTally
from affekt.errors import DataError
from affekt.labels import CATEGORIES, VAD, VAD_RANGE
from affekt.typed import MisfitError, parse_json

SMALL_SIDE = 20
"""A box with a side of fewer pixels shows next to nothing; such people are counted, and kept."""

GROUPS = ("gender", "age", "source")
UNKNOWN = "not stated"

_NO_BOX = (0.0, 0.0, math.inf, math.inf)

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything counted over the rows in use, unless said otherwise; all of it plain values.

    Attributes:
        manifest: the file.
        people: split to rows in use.
        pictures: split to pictures with a row in use.
        excluded: reason to split to rows left out.
        leaks: reason to split to rows that nothing should be tuned on.
        small_boxes: split to boxes with a side under `SMALL_SIDE` pixels.
        faces: split to people whose face was found.
        put_right: what was corrected on the way, and how often.
        labels: split to category to people.
        labels_per_person: split to the mean number of categories.
        together: 26 x 26 people with both categories, over all splits; order of ``categories``.
        vad: split to dimension to ``n``, ``mean``, ``sd`` and ``counts`` of the values 1 to 10
            (means of several annotators rounded to the nearest).
        groups: gender, age and source, each to split to value to people.
        people_per_picture: split to number of annotated people to pictures.
        agreement: split to what `affekt.data.survey.agreement.VoteTally` says.
        categories: the names in the order of ``together``.
    """

    manifest: str
    people: Counts
    pictures: Counts
    excluded: dict[str, Counts]
    leaks: dict[str, Counts]
    small_boxes: Counts
    faces: Counts
    put_right: Counts
    labels: dict[str, Counts]
    labels_per_person: dict[str, float | None]
    together: list[list[int]]
    vad: dict[str, dict[str, dict[str, Any]]]
    groups: dict[str, dict[str, Counts]]
    people_per_picture: dict[str, Counts]
    agreement: dict[str, dict[str, Any]]
    categories: tuple[str, ...] = CATEGORIES

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """The survey as text for a terminal or a file."""
        return "\n".join(_lines(self)) + "\n"


def survey_people(manifest: Manifest) -> Survey:
    """Count a manifest in one pass; memory grows by the votes alone, 26 bytes a person.

    Raises:
        DataError: a row that cannot be used, or a damaged file.
    """
    tally = _Tally()
    for picture in manifest.pictures(include_excluded=True):
        tally.add_picture(picture)
    return tally.survey(manifest)


@dataclass(slots=True)
class _Split:
    """What is counted of one split."""

    people: int = 0
    pictures: int = 0
    small_boxes: int = 0
    faces: int = 0
    labels: IntArray = field(default_factory=lambda: np.zeros(len(CATEGORIES), np.int64))
    vads: list[tuple[float, ...]] = field(default_factory=list)
    per_picture: Counter[int] = field(default_factory=Counter)
    groups: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in GROUPS}
    )
    votes: VoteTally = field(default_factory=VoteTally)


class _Tally:
    def __init__(self) -> None:
        self.splits = {split: _Split() for split in SPLITS}
        self.together = np.zeros((len(CATEGORIES), len(CATEGORIES)), np.int64)
        self.excluded: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.leaks: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add_picture(self, rows: list[Row]) -> None:
        used = [row for row in rows if row.exclude is None]
        for row in rows:
            if row.exclude is not None:
                self.excluded[row.exclude][row.split] += 1
            else:
                self._add(row)
        if used:
            split = self.splits[used[0].split]
            split.pictures += 1
            split.per_picture[used[0].people] += 1

    def _add(self, row: Row) -> None:
        split = self.splits[row.split]
        x1, y1, x2, y2 = row.box_xyxy or _NO_BOX
        marked = np.isin(CATEGORIES, row.categories or ())
        groups = {**row.groups, "source": row.source}
        split.people += 1
        split.small_boxes += min(x2 - x1, y2 - y1) < SMALL_SIDE
        split.faces += row.face is not None
        split.labels += marked
        self.together += np.outer(marked, marked)
        if row.vad is not None:
            split.vads.append(row.vad)
        for name in GROUPS:
            split.groups[name][groups.get(name, UNKNOWN)] += 1
        split.votes.add(row.votes)
        if row.leak is not None:
            self.leaks[row.leak][row.split] += 1

    def survey(self, manifest: Manifest) -> Survey:
        each = self.splits.items()
        return Survey(
            manifest=str(manifest.path),
            people={name: split.people for name, split in each},
            pictures={name: split.pictures for name, split in each},
            excluded=_plain(self.excluded),
            leaks=_plain(self.leaks),
            small_boxes={name: split.small_boxes for name, split in each},
            faces={name: split.faces for name, split in each},
            put_right=_counts(manifest),
            labels={
                name: dict(zip(CATEGORIES, split.labels.tolist(), strict=True))
                for name, split in each
            },
            labels_per_person={
                name: float(split.labels.sum() / split.people) if split.people else None
                for name, split in each
            },
            together=self.together.tolist(),
            vad={name: _vad(split.vads) for name, split in each},
            groups={
                group: {name: dict(split.groups[group].most_common()) for name, split in each}
                for group in GROUPS
            },
            people_per_picture={
                name: {str(n): split.per_picture[n] for n in sorted(split.per_picture)}
                for name, split in each
            },
            agreement={name: split.votes.to_dict() for name, split in each},
        )


def _plain(counts: Mapping[str, Counter[str]]) -> dict[str, Counts]:
    return {reason: {split: own[split] for split in SPLITS} for reason, own in counts.items()}


def _vad(rows: list[tuple[float, ...]]) -> dict[str, dict[str, Any]]:
    values = np.reshape(np.array(rows, np.float64), (-1, len(VAD)))
    low, high = (int(limit) for limit in VAD_RANGE)
    return {
        name: {
            "n": len(column),
            "mean": float(column.mean()) if column.size else None,
            "sd": float(column.std()) if column.size else None,
            "counts": np.bincount(np.rint(column).astype(int), minlength=high + 1)[low:].tolist(),
        }
        for name, column in zip(VAD, values.T, strict=True)
    }


def _lines(survey: Survey) -> Iterator[str]:
    yield f"{survey.manifest}"
    yield from _table(
        "rows",
        {
            "people in use": survey.people,
            "pictures": survey.pictures,
            "categories per person": survey.labels_per_person,
            "face found": survey.faces,
            f"box side under {SMALL_SIDE} px (kept)": survey.small_boxes,
            **{f"left out: {reason}": counts for reason, counts in survey.excluded.items()},
            **{f"not for tuning: {reason}": counts for reason, counts in survey.leaks.items()},
        },
    )
    yield from (f"{what}: {count}" for what, count in survey.put_right.items())
    yield from _table("people with the category", _by_row(survey.labels))
    for name in VAD:
        yield from _table(
            name,
            {
                key: {split: survey.vad[split][name][key] for split in SPLITS}
                for key in ("n", "mean", "sd")
            },
        )
    for group, splits in survey.groups.items():
        yield from _table(group, _by_row(splits))
    yield from _table("annotated people in the picture", _by_row(survey.people_per_picture))
    yield from _agreement_lines(survey.agreement)
    yield from _pair_lines(survey)


def _by_row(splits: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Counts by split and row turned into counts by row and split."""
    names = dict.fromkeys(name for counts in splits.values() for name in counts)
    return {name: {s: splits[s].get(name, 0) for s in splits} for name in names}


def _agreement_lines(agreement: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    rated = {split: own for split, own in agreement.items() if own["people"]}
    if not rated:
        yield "\nagreement: no person has more than one annotator here"
        return
    rows = {
        name: {split: own[name] for split, own in rated.items()}
        for name in ("people", "annotators", "mean_kappa")
    }
    for key in ("vad_spread", "kappa"):
        rows |= _by_row({split: own[key] for split, own in rated.items()})
    yield from _table("agreement: Fleiss' kappa; standard deviation of VAD within a person", rows)


def _pair_lines(survey: Survey, most: int = 10) -> Iterator[str]:
    counts = np.array(survey.together)
    rows, columns = np.triu_indices(len(counts), k=1)
    order = np.argsort(-counts[rows, columns], kind="stable")[:most]
    yield "\nmost frequent pairs of categories, all splits"
    for place in order:
        a, b = rows[place], columns[place]
        if counts[a, b]:
            yield f"{counts[a, b]:>9,}  {survey.categories[a]} + {survey.categories[b]}"


def _table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    splits = list(dict.fromkeys(split for cells in rows.values() for split in cells))
    width = max([len(title), *(len(name) for name in rows)])
    yield ""
    yield f"{title:<{width}}" + "".join(f"{split:>10}" for split in splits)
    for name, cells in rows.items():
        yield f"{name:<{width}}" + "".join(f"{_cell(cells.get(split)):>10}" for split in splits)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _counts(manifest: Manifest) -> Counts:
    """What the manifest's note says of corrections."""
    try:
        counts = parse_json(manifest.note.get("counts", "{}"))
    except MisfitError as error:
        raise DataError(f"{manifest.path}: the counts in its note: {error}") from None
    if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
        raise DataError(f"{manifest.path}: the counts in its note are not whole numbers by name")
    return counts
