"""An evaluation of people: what was predicted, every figure with its interval, JSON, Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from affekt.arrays import BoolArray, FloatArray
from affekt.evaluation.groups import Gap, GroupFigures, warnings_of
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.people_figures import ScoredPeople
from affekt.evaluation.people_tables import evaluation_tables
from affekt.evaluation.report import Estimate, plain, skipped_line
from affekt.labels import VAD


@dataclass(frozen=True, slots=True, eq=False)
class ContextPredictions:
    """What a model says of every person that is scored.

    Attributes:
        split: of the manifest.
        labels: the k categories.
        ids: of the n persons.
        pictures: of each person, the picture they are in; the bootstrap draws these.
        truth: shape (n, k), whether the person has the category.
        probabilities: shape (n, k), calibrated.
        vad_truth: shape (n, 3), 1 to 10, NaN where unknown.
        vad: shape (n, 3), 1 to 10.
        geometry: shape (n, 13), see `affekt.geometry.person_geometry`; for the floor.
        groups: ``gender``, ``age`` and ``source`` of each person, None where unknown.
        spread: shape (n,), how far the members of an ensemble disagree; None for one model.
        faces: how many of the persons have a face.
        leaked: how many of the persons were seen in training, as the manifest says.
        skipped: why persons were not scored, and how many for each reason.
    """

    split: str
    labels: tuple[str, ...]
    ids: tuple[str, ...]
    pictures: tuple[str, ...]
    truth: BoolArray
    probabilities: FloatArray
    vad_truth: FloatArray
    vad: FloatArray
    geometry: FloatArray
    groups: dict[str, tuple[str | None, ...]]
    spread: FloatArray | None = None
    faces: int = 0
    leaked: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def people(self, thresholds: FloatArray | None) -> ScoredPeople:
        """The persons as the metrics take them."""
        arrays = (self.truth, self.probabilities, self.vad_truth, self.vad)
        return ScoredPeople(*arrays, thresholds)


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Figures by name with their intervals, from one set of draws.

    Attributes:
        single: ``map``, ``map_official``, ``jaccard``, ``f1``, ``ece``, ``ece_mean``.
        per_category: ``ap``, ``ap_official``, ``f1``, ``ece``, each with one estimate per label.
        vad: ``mae`` and ``ccc``, each with one estimate per dimension.
    """

    single: dict[str, Estimate]
    per_category: dict[str, tuple[Estimate, ...]]
    vad: dict[str, tuple[Estimate, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Floors:
    """Figures of what sees no pixel, on the same persons; see `affekt.evaluation.floors`.

    Attributes:
        prevalence: shape (k,), the share of persons with each category: what chance gives in a
            large set.
        chance: shape (k,), the expected average precision of a random order of these persons;
            NaN for a category that nobody has.
        geometry: of the model that sees only the box, or None without training persons.
        constant_vad: shape (3,), error of the training persons' mean, or None likewise.
    """

    prevalence: FloatArray
    chance: FloatArray
    geometry: Figures | None
    constant_vad: FloatArray | None


@dataclass(frozen=True, slots=True, eq=False)
class ContextEvaluation:
    """The figures of one model on one split, see docs/metrics.md for their definitions.

    Attributes:
        model: name of the bundle.
        data: the manifest's file.
        figures: of the model.
        floors: beside them.
        groups: figures by gender, age and source.
        gaps: between those groups.
        thresholds: shape (k,), those of the bundle, or None where it has none.
        bootstrap: number of resamples and seed of the intervals.
        predictions: what the figures were computed from.
    """

    model: str
    data: str
    figures: Figures
    floors: Floors
    groups: list[GroupFigures]
    gaps: list[Gap]
    thresholds: FloatArray | None
    bootstrap: dict[str, int]
    predictions: ContextPredictions = field(repr=False)

    @property
    def n(self) -> int:
        """The number of persons scored."""
        return len(self.predictions.ids)

    @property
    def support(self) -> list[int]:
        """How many of them have each category."""
        counts: list[int] = self.predictions.truth.sum(axis=0).tolist()
        return counts

    @property
    def without_positives(self) -> list[str]:
        """The categories that nobody has: they have no average precision."""
        labels = self.predictions.labels
        return [name for name, count in zip(labels, self.support, strict=True) if not count]

    @property
    def warnings(self) -> list[str]:
        """Persons seen in training, and gaps between groups that exceed their intervals."""
        leaked = self.predictions.leaked
        seen = [f"{leaked} of the {self.n} persons were seen in training"] if leaked else []
        return seen + warnings_of(self.gaps)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an undefined figure is None."""
        said, labels = self.predictions, self.predictions.labels
        single = {name: _with_interval(name, value) for name, value in self.figures.single.items()}
        return {
            "model": self.model,
            "data": self.data,
            "split": said.split,
            "n": self.n,
            "pictures": len(set(said.pictures)),
            "faces": said.faces,
            "map_categories": len(labels) - len(self.without_positives),
            "without_positives": self.without_positives,
            **{key: value for pair in single.values() for key, value in pair.items()},
            **_named("ap", labels, self.figures.per_category["ap"]),
            **_named("ap_official", labels, self.figures.per_category["ap_official"]),
            **_named("f1_per_category", labels, self.figures.per_category["f1"]),
            **_named("ece_per_category", labels, self.figures.per_category["ece"]),
            **_named("vad_mae", VAD, self.figures.vad["mae"]),
            **_named("vad_ccc", VAD, self.figures.vad["ccc"]),
            "support": dict(zip(labels, self.support, strict=True)),
            "thresholds": _thresholds(labels, self.thresholds),
            "floors": _floors(self.floors, labels),
            "groups": _groups(self.groups),
            "warnings": self.warnings,
            "leaked": said.leaked,
            "skipped": said.skipped,
            "bootstrap": self.bootstrap,
        }

    def to_markdown(self) -> str:
        """A page with the figures, those of every category and of every group."""
        said = self.predictions
        pictures = len(set(said.pictures))
        parts = [
            f"# {self.model} on {self.data}, {said.split}",
            f"{self.n} persons in {pictures} pictures, {said.faces} of them with a face. "
            f"Intervals: bootstrap 95% by picture, {self.bootstrap['n_resamples']} resamples. "
            f"{self.over_sentence()} {self.chance_sentence()}",
            *(table.markdown() for table in evaluation_tables(self)),
            *(f"Warning: {line}." for line in self.warnings),
            *([skipped_line(said.skipped)] if said.skipped else []),
        ]
        return "\n\n".join(part for part in parts if part)

    def chance_sentence(self) -> str:
        """What chance means here, and how far it lies above the share of positives."""
        share = float(np.mean(self.floors.prevalence[np.isfinite(self.floors.chance)]))
        return (
            "Chance is the expected figure of a random order of these persons; the mean share of "
            f"positives, which it comes to in a large set, is {100 * share:.1f}%."
        )

    def over_sentence(self) -> str:
        """Over how many categories the means are, and which are left out."""
        k, missing = len(self.predictions.labels), self.without_positives
        if not missing:
            return f"Means are over all {k} categories."
        return (
            f"Means of AP and F1 are over {k - len(missing)} of {k} categories: "
            f"nobody here has {', '.join(missing)}."
        )


def _with_interval(name: str, estimate: Estimate) -> dict[str, Any]:
    return {name: plain(estimate.value), f"{name}_ci95": _bounds(estimate)}


def _bounds(estimate: Estimate) -> list[float | None] | None:
    return None if np.isnan(estimate.low) else [plain(estimate.low), plain(estimate.high)]


def _named(name: str, keys: Sequence[str], estimates: Sequence[Estimate]) -> dict[str, Any]:
    pairs = list(zip(keys, estimates, strict=True))
    return {
        name: {key: plain(estimate.value) for key, estimate in pairs},
        f"{name}_ci95": {key: _bounds(estimate) for key, estimate in pairs},
    }


def _thresholds(labels: Sequence[str], thresholds: FloatArray | None) -> dict[str, float] | None:
    if thresholds is None:
        return None
    return dict(zip(labels, thresholds.round(6).tolist(), strict=True))


def _floors(floors: Floors, labels: Sequence[str]) -> dict[str, Any]:
    present = np.isfinite(floors.chance)
    result: dict[str, Any] = {
        "prevalence": {
            "map": plain(float(floors.prevalence[present].mean())),
            "ap": _plain_by_name(labels, floors.prevalence),
        },
        "chance": {
            "map": plain(float(mean_over_labels(floors.chance))),
            "ap": _plain_by_name(labels, floors.chance),
        },
        "geometry": None,
        "constant_vad": None,
    }
    if floors.geometry is not None:
        single, mae = floors.geometry.single, floors.geometry.vad["mae"]
        result["geometry"] = {
            **_with_interval("map", single["map"]),
            **_with_interval("map_official", single["map_official"]),
            **_named("ap", labels, floors.geometry.per_category["ap"]),
            **_named("vad_mae", VAD, mae),
        }
    if floors.constant_vad is not None:
        result["constant_vad"] = {"vad_mae": _plain_by_name(VAD, floors.constant_vad)}
    return result


def _plain_by_name(names: Sequence[str], values: FloatArray) -> dict[str, float | None]:
    return {name: plain(value) for name, value in zip(names, values.tolist(), strict=True)}


def _groups(groups: Sequence[GroupFigures]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for group in groups:
        figures: dict[str, Any] = {"n": group.n, "map_categories": group.categories}
        for name, value in group.figures.items():
            figures |= _with_interval(name, value)
        result.setdefault(group.attribute, {})[group.value] = figures
    return result
