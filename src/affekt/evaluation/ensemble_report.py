"""What is known of an ensemble when it is made: weights, what each member adds, what to doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.evaluation.report import plain, skipped_line
from affekt.evaluation.tables import Table, number_text
from affekt.labels import CATEGORIES


@dataclass(frozen=True, slots=True)
class MemberFigures:
    """One candidate.

    Attributes:
        name: its folder's name in the ensemble.
        folder: where it was found.
        mirrored: whether it sees pictures mirrored.
        weight: 0 where it was left out.
        map_alone: mAP of it by itself.
        map_without: mAP of the ensemble without it; NaN where nothing else is in it.
        vad_mae: mean absolute error by itself, mean over valence, arousal and dominance.
    """

    name: str
    folder: str
    mirrored: bool
    weight: float
    map_alone: float
    map_without: float
    vad_mae: float


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One addition: which candidate, and the mAP with it."""

    added: str
    map: float


@dataclass(frozen=True, slots=True)
class EnsembleReport:
    """How an ensemble came about, on the persons it was fitted on.

    Attributes:
        model: the ensemble's name.
        data: the manifest.
        split: of it.
        n: persons.
        pictures: they are in.
        categories: that at least one of them has; mAP is the mean over these.
        leaked: persons left out because training has seen them.
        skipped: why others were left out, and how many for each reason.
        selected: whether the weights were chosen; else all are equal.
        map: mAP of the weighted mean.
        map_equal: mAP of the plain mean of all candidates.
        map_held_out: mAP with weights chosen without each person's picture, None where none were
            chosen.
        vad_mae: mean absolute error of the weighted mean, mean over the three dimensions.
        members: every candidate, the ones left out too.
        steps: of the selection, in order.
        learned: candidates that were trained on this split, as they say.
    """

    model: str
    data: str
    split: str
    n: int
    pictures: int
    categories: int
    leaked: int
    skipped: dict[str, int]
    selected: bool
    map: float
    map_equal: float
    map_held_out: float | None
    vad_mae: float
    members: tuple[MemberFigures, ...]
    steps: tuple[StepFigures, ...]
    learned: tuple[str, ...]

    @property
    def weights(self) -> dict[str, float]:
        """Of the candidates that are in it."""
        return {member.name: member.weight for member in self.members if member.weight > 0}

    def notes(self) -> tuple[str, ...]:
        """What must be said beside the figures."""
        fitted = "weights, calibration and thresholds" if self.selected else (
            "calibration and thresholds")  # fmt: skip
        notes = [
            f"The {fitted} were fitted on these {self.n} persons, so figures of the ensemble on "
            "them are optimistic; measure it on persons that nothing was chosen on."
        ]
        if self.map_held_out is not None and self.map_held_out <= self.map_equal:
            notes.append(
                "Choosing weights does not pay here: chosen without a person's picture they do no "
                "better on that person than equal weights, which need no --select."
            )
        if self.learned:
            notes.append(
                f"Trained on this split, as they say: {', '.join(self.learned)}. What they say of "
                "it is too good, and so are their weights and the calibration."
            )
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """As plain data; figures that are undefined are None."""
        return {
            "model": self.model,
            "data": self.data,
            "split": self.split,
            "n": self.n,
            "pictures": self.pictures,
            "categories": self.categories,
            "leaked": self.leaked,
            "skipped": self.skipped,
            "selected": self.selected,
            "map": plain(self.map),
            "map_equal_weights": plain(self.map_equal),
            "map_held_out": None if self.map_held_out is None else plain(self.map_held_out),
            "vad_mae": plain(self.vad_mae),
            "members": [_member(member) for member in self.members],
            "steps": [
                {"added": step.added, "map": plain(step.map), "gain": plain(gain)}
                for step, gain in zip(self.steps, self.gains(), strict=True)
            ],
            "notes": list(self.notes()),
        }

    def gains(self) -> list[float]:
        """What each step adds to the mAP; NaN for the first, which has nothing to add to."""
        scores = [step.map for step in self.steps]
        return [float("nan"), *np.diff(scores).tolist()][: len(scores)]

    def to_markdown(self) -> str:
        """As text: who was counted, every candidate, every step, what to make of it."""
        parts = [self._people(), self._members_table().markdown(), self._summary()]
        if self.steps:
            parts += ["Selection, step by step:", self._steps_table().markdown()]
        return "\n\n".join([*parts, *self.notes()])

    def _people(self) -> str:
        left_out = f" {self.leaked} whom training has seen are left out." if self.leaked else ""
        skipped = f" {skipped_line(self.skipped)}" if self.skipped else ""
        return (
            f"{self.n} persons in {self.pictures} pictures of {self.data}, split {self.split}."
            f"{left_out}{skipped} mAP in percent, over the {self.categories} of "
            f"{len(CATEGORIES)} categories that somebody has there; VAD error on the 1 to 10 scale."
        )

    def _members_table(self) -> Table:
        titles = ["model", "weight", "mAP alone", "mAP without it", "it adds", "VAD error alone"]
        return Table(titles, [self._row(member) for member in self.members])

    def _row(self, member: MemberFigures) -> list[str]:
        used = member.weight > 0
        figures = (member.map_without, self.map - member.map_without) if used else (None, None)
        without, added = (number_text(value, 100, 1) for value in figures)
        weight = f"{member.weight:.3f}" if used else "left out"
        alone = number_text(member.map_alone, 100, 1)
        return [member.name, weight, alone, without, added, number_text(member.vad_mae, 1, 2)]

    def _summary(self) -> str:
        shown = [
            f"mAP of the weighted mean {number_text(self.map, 100, 1)}",
            f"of all candidates with equal weights {number_text(self.map_equal, 100, 1)}",
        ]
        if self.map_held_out is not None:
            held_out = number_text(self.map_held_out, 100, 1)
            shown.append(f"with weights chosen without each person's picture {held_out}")
        return f"{'; '.join(shown)}. VAD error {number_text(self.vad_mae, 1, 2)}."

    def _steps_table(self) -> Table:
        rows = [
            [str(number), step.added, number_text(step.map, 100, 2), number_text(gain, 100, 2)]
            for number, (step, gain) in enumerate(zip(self.steps, self.gains(), strict=True), 1)
        ]
        return Table(["step", "added", "mAP", "gain"], rows)


def _member(member: MemberFigures) -> dict[str, Any]:
    return {
        "name": member.name,
        "bundle": member.folder,
        "mirrored": member.mirrored,
        "weight": member.weight,
        "map_alone": plain(member.map_alone),
        "map_without": plain(member.map_without),
        "vad_mae": plain(member.vad_mae),
    }
