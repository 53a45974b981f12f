"""What is known of an ensemble when it is made: weights, what each member adds, what to doubt.

Whatever is chosen or fitted on rows looks better on them than on others, so the report says what
was fitted on what, and gives beside it a figure that selection cannot have made too good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.evaluation.figures import Scale
from affekt.evaluation.measuring import plain
from affekt.evaluation.predictions import ROW
from affekt.heads import Kind


@dataclass(frozen=True, slots=True)
class Member:
    """One candidate.

    Attributes:
        name: its folder's name in the ensemble.
        folder: where it was found.
        mirrored: whether it sees pictures mirrored.
        weight: 0 where it was left out.
        alone: the score of it by itself.
        without: that of the ensemble without it; NaN where nothing else is in it.
        error: of its values by itself, see `EnsembleReport.error`.
    """

    name: str
    folder: str
    mirrored: bool
    weight: float
    alone: float
    without: float
    error: float | None


@dataclass(frozen=True, slots=True)
class Addition:
    """One step of a selection: which candidate was added, and the score with it."""

    added: str
    score: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure that an ensemble is judged by.

    Attributes:
        key: in JSON.
        kind: of its head.
        title: in tables.
        scale: in tables.
        bounds: of the head's dimensions, where it has any.
    """

    key: str
    kind: Kind
    title: str
    scale: Scale
    bounds: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class EnsembleReport:
    """How an ensemble came about, on the rows that it was fitted on.

    Attributes:
        model: the ensemble's name.
        data: the manifest.
        split: of it.
        noun: what rows are called.
        n: rows.
        unit: what the held-out score leaves out at once.
        units: how many of these.
        labels: how many labels the head has that is chosen by.
        present: how many of them some row has; a mean over labels is over these.
        leaked: rows left out because training has seen them.
        skipped: why others were left out, and how many for each reason.
        selected: whether the weights were chosen; else all are equal.
        chosen_by: the figure whose score is given, of the first head that classifies.
        score: of the weighted mean.
        equal: of the plain mean of all candidates.
        held_out: with weights chosen without each row's unit, None where none were chosen.
        error_of: mean absolute error of the first dimensional head, None without one.
        error: of the weighted mean, mean over the dimensions.
        members: every candidate, the ones left out too.
        steps: of the selection, in order.
        learned: candidates that were trained on this split, as they say.
    """

    model: str
    data: str
    split: str
    noun: str
    n: int
    unit: str
    units: int
    labels: int
    present: int
    leaked: int
    skipped: dict[str, int]
    selected: bool
    chosen_by: Judged
    score: float
    equal: float
    held_out: float | None
    error_of: Judged | None
    error: float | None
    members: tuple[Member, ...]
    steps: tuple[Addition, ...]
    learned: tuple[str, ...]

    @property
    def weights(self) -> dict[str, float]:
        """Of the candidates that are in it."""
        return {member.name: member.weight for member in self.members if member.weight > 0}

    @property
    def gains(self) -> list[float]:
        """What each step adds to the score; NaN for the first, which has nothing to add to."""
        scores = [step.score for step in self.steps]
        return [float("nan"), *np.diff(scores).tolist()][: len(scores)]

    def notes(self) -> tuple[str, ...]:
        """What must be said beside the figures."""
        fitted = ["weights"] if self.selected else []
        fitted += ["calibration"]
        fitted += ["thresholds"] if self.chosen_by.kind is Kind.MULTI_LABEL else []
        notes = [
            f"The {_listed(fitted)} were fitted on these {self.n} {self.noun}, so figures of the "
            "ensemble on them are optimistic; measure it on "
            f"{self.noun} that nothing was chosen on."
        ]
        if self.held_out is not None and self.held_out <= self.equal:
            row = self.noun.removesuffix("s")
            without = "" if self.unit == ROW else f"'s {self.unit}"
            notes.append(
                f"Choosing weights does not pay here: chosen without a {row}{without} they do no "
                f"better on that {row} than equal weights, which need no --select."
            )
        if self.learned:
            notes.append(
                f"Trained on this split, as they say: {', '.join(self.learned)}. What they say of "
                "it is too good, and so are their weights and the calibration."
            )
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """As plain data; figures that are undefined are None."""
        key, error = self.chosen_by.key, self.error_of
        return {
            "model": self.model,
            "data": self.data,
            "split": self.split,
            "n": self.n,
            f"{self.unit}s": self.units,
            "labels": self.present,
            "leaked": self.leaked,
            "skipped": self.skipped,
            "selected": self.selected,
            key: plain(self.score),
            f"{key}_equal_weights": plain(self.equal),
            f"{key}_held_out": None if self.held_out is None else plain(self.held_out),
            **({} if error is None or self.error is None else {error.key: plain(self.error)}),
            "members": [_member(member, key, error) for member in self.members],
            "steps": [
                {"added": step.added, key: plain(step.score), "gain": plain(gain)}
                for step, gain in zip(self.steps, self.gains, strict=True)
            ],
            "notes": list(self.notes()),
        }


def _listed(words: list[str]) -> str:
    """Words as a sentence has them.

    >>> _listed(["weights", "calibration", "thresholds"]), _listed(["calibration"])
    ('weights, calibration and thresholds', 'calibration')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _member(member: Member, key: str, error: Judged | None) -> dict[str, Any]:
    return {
        "name": member.name,
        "bundle": member.folder,
        "mirrored": member.mirrored,
        "weight": member.weight,
        f"{key}_alone": plain(member.alone),
        f"{key}_without": plain(member.without),
        **({} if error is None or member.error is None else {error.key: plain(member.error)}),
    }
