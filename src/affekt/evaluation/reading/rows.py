"""What reading the rows of any manifest needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from affekt.data.manifests.parquet import SPLITS
from affekt.errors import DataError
from affekt.evaluation.predictions import skipped_line

Progress = Callable[[int, int], None]
"""Called with the number of rows done and of all."""

ALL = "all"
"""In place of a split: every row."""

GROUPS = ("gender", "age", "source")
"""Figures are also given by each of these."""


class Counted(Protocol):
    """A manifest of any kind."""

    @property
    def path(self) -> Path:
        """Its file."""

    def count(self, split: str | None = None) -> int:
        """How many rows of a split are in use."""


def finish(progress: Progress | None, total: int) -> None:
    """Rows that were skipped are done as well."""
    if progress:
        progress(total, total)


def nothing_scored(
    manifest: Counted, split: str, noun: str, skipped: Mapping[str, int]
) -> DataError:
    """An error line for a split of which no row can be scored."""
    counts = ", ".join(f"{name} has {manifest.count(name)}" for name in SPLITS)
    others = f"Of its {noun}s {counts}; split {ALL!r} scores them all."
    reasons = skipped_line(skipped) if skipped else others
    return DataError(f"{manifest.path}: no {noun} of split {split!r} can be scored. {reasons}")
