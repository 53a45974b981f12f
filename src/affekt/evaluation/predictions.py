"""What a model said of every row that is scored, and what is true of it: by head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import BoolArray, FloatArray, IntArray
from affekt.errors import DataError
from affekt.heads import Head, Kind

ROW, PICTURE, SUBJECT = "row", "picture", "subject"
"""What resampling may draw."""

UNKNOWN = -1
"""In place of a class where the true one is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Output(Head):
    """One head's truth and predictions of n rows, over k labels or dimensions.

    Attributes:
        truth: single-label: shape (n,), indices into ``labels``, `UNKNOWN` where unknown;
            multi-label: shape (n, k), bool; dimensional: shape (n, k), NaN where unknown.
        predicted: shape (n, k): calibrated probabilities, or values of dimensions.
        thresholds: of a multi-label head, shape (k,): a row is given a label whose probability
            reaches it. None where the model gives no label sets.
        title: what to call the head in a table.

    Raises:
        DataError: shapes that do not fit, or a prediction that is not a number.
    """

    truth: npt.NDArray[Any]
    predicted: FloatArray
    thresholds: FloatArray | None = None
    title: str = ""

    def __post_init__(self) -> None:
        n, k = len(self.predicted), len(self.labels)
        shape = (n,) if self.kind is Kind.SINGLE_LABEL else (n, k)
        if self.predicted.shape != (n, k) or self.truth.shape != shape:
            raise DataError(
                f"a {self.kind} head of {k} labels with predictions of shape "
                f"{self.predicted.shape} and truth of shape {self.truth.shape}: "
                f"give {(n, k)} and {shape}"
            )
        bad = ~np.isfinite(self.predicted).all(axis=1)
        if bad.any():
            row = int(bad.argmax())
            raise DataError(f"row {row} is predicted {self.predicted[row]}: give finite numbers")

    @property
    def known(self) -> BoolArray:
        """Of which rows anything is known, shape (n,)."""
        if self.kind is Kind.SINGLE_LABEL:
            return np.asarray(self.truth != UNKNOWN)
        if self.kind is Kind.DIMENSIONAL:
            return np.asarray(np.isfinite(self.truth).any(axis=1))
        return np.ones(len(self.truth), dtype=bool)

    @property
    def targets(self) -> FloatArray:
        """The truth as numbers, shape (n, k); NaN in rows of unknown truth."""
        if self.kind is not Kind.SINGLE_LABEL:
            return self.truth.astype(np.float64)
        return np.where(self.known[:, None], np.eye(len(self.labels))[self.truth], np.nan)

    @property
    def support(self) -> IntArray:
        """How many rows have each label, or a known value of each dimension, shape (k,)."""
        targets = self.targets
        has = np.isfinite(targets) if self.kind is Kind.DIMENSIONAL else targets > 0
        return np.asarray(has.sum(axis=0))

    @property
    def labelled(self) -> BoolArray | None:
        """Which labels each row is given, shape (n, k), or None without thresholds."""
        return None if self.thresholds is None else self.predicted >= self.thresholds

    def part(self, members: BoolArray) -> Output:
        """Some of the rows, picked by a mask of shape (n,)."""
        return replace(self, truth=self.truth[members], predicted=self.predicted[members])


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model says of n rows of a manifest.

    Attributes:
        split: of the manifest.
        ids: unique within their source.
        sources: the data set of each row, or the part of it.
        outputs: by the name of the head.
        units: of each row, the unit that resampling draws; None where each row is its own.
        unit: what these are: `ROW`, `PICTURE` or `SUBJECT`.
        noun: what rows are called: ``faces`` or ``persons``.
        protocol: which rows count and what their truth is, in words.
        groups: by attribute, the value of each row, None where it is not known.
        geometry: shape (n, features), see `affekt.geometry.person_geometry`; for the floor.
        spread: shape (n,), how far the members of an ensemble disagree; None for one model.
        has_face: shape (n,), whether the row has a face; None where rows are faces.
        leaked: shape (n,), whether training has seen the row, as the manifest says.
        skipped: why rows were not scored, and how many for each reason.
    """

    split: str
    ids: tuple[str, ...]
    sources: tuple[str, ...]
    outputs: dict[str, Output]
    units: tuple[str, ...] | None = None
    unit: str = ROW
    noun: str = "rows"
    protocol: str = ""
    groups: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    geometry: FloatArray | None = None
    spread: FloatArray | None = None
    has_face: BoolArray | None = None
    leaked: BoolArray | None = None
    skipped: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def unit_of(self) -> IntArray:
        """Which unit each row belongs to, counted from 0, shape (n,)."""
        if self.units is None:
            return np.arange(len(self))
        return np.asarray(np.unique(np.asarray(self.units), return_inverse=True)[1])

    @property
    def seen(self) -> int:
        """How many rows training has seen."""
        return 0 if self.leaked is None else int(self.leaked.sum())

    def heads(self, kind: Kind) -> dict[str, Output]:
        """The outputs of one kind, by name."""
        return {name: output for name, output in self.outputs.items() if output.kind is kind}

    def part(self, members: BoolArray) -> Predictions:
        """Some of the rows, picked by a mask of shape (n,)."""

        def kept(values: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
            return None if values is None else values[members]

        return replace(
            self,
            ids=_pick(self.ids, members),
            sources=_pick(self.sources, members),
            outputs={name: output.part(members) for name, output in self.outputs.items()},
            units=None if self.units is None else _pick(self.units, members),
            groups={name: _pick(values, members) for name, values in self.groups.items()},
            geometry=kept(self.geometry),
            spread=kept(self.spread),
            has_face=kept(self.has_face),
            leaked=kept(self.leaked),
        )


def skipped_line(skipped: Mapping[str, int]) -> str:
    """Why rows were not scored, in one sentence.

    >>> skipped_line({"no votes": 2, "excluded: no face found": 1})
    'Skipped: excluded: no face found (1), no votes (2).'
    """
    reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(skipped.items()))
    return f"Skipped: {reasons}."


def _pick(values: tuple[Any, ...], members: BoolArray) -> tuple[Any, ...]:
    return tuple(value for value, kept in zip(values, members.tolist(), strict=True) if kept)
