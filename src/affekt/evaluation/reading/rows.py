"""What reading the rows of any manifest needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.row import SPLITS, Row
from affekt.errors import DataError
from affekt.evaluation.predictions import PICTURE, ROW, SUBJECT, skipped_line

Progress = Callable[[int, int], None]
"""Called with the number of rows done and of all."""

ALL = "all"
"""In place of a split: every row."""


def finish(progress: Progress | None, total: int) -> None:
    """Rows that were skipped are done as well."""
    if progress:
        progress(total, total)


def units_of(rows: Sequence[Row], unit: str) -> tuple[str, tuple[str, ...] | None]:
    """What rows are drawn by again, and its name for each; no names where rows are drawn alone.

    Args:
        rows: that were scored.
        unit: of their manifest.
    """
    names = tuple(f"{row.source}/{row.unit or row.picture}" for row in rows)
    if unit == SUBJECT:
        return SUBJECT, names
    return (PICTURE, names) if len(set(names)) < len(names) else (ROW, None)


def groups_of(rows: Sequence[Row]) -> dict[str, tuple[str | None, ...]]:
    """By attribute, its source among them, the value of each row; None where it is not known."""
    names = dict.fromkeys(name for row in rows for name in row.groups)
    groups = {name: tuple(row.groups.get(name) for row in rows) for name in names}
    return {**groups, "source": tuple(row.source for row in rows)}


def nothing_scored(
    manifest: Manifest, split: str, noun: str, skipped: Mapping[str, int]
) -> DataError:
    """An error line for a split of which no row can be scored."""
    counts = ", ".join(f"{name} has {manifest.count(name)}" for name in SPLITS)
    others = f"Of its {noun}s {counts}; split {ALL!r} scores them all."
    reasons = skipped_line(skipped) if skipped else others
    return DataError(f"{manifest.path}: no {noun} of split {split!r} can be scored. {reasons}")
