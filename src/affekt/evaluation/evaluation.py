"""An evaluation: every figure of one model on one split, with intervals, floors and groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from affekt.evaluation.figures import COMMONEST, CONSTANT, GEOMETRY, Entry, Use, entries
from affekt.evaluation.floors import Floors
from affekt.evaluation.groups import Gap, GroupFigures, warnings_of
from affekt.evaluation.measuring import (
    Measured,
    plain_bootstrap,
    plain_by_label,
    plain_figures,
    plain_values,
)
from affekt.evaluation.metrics.single_label import confusion_matrix
from affekt.evaluation.predictions import ROW, Output, Predictions
from affekt.evaluation.resampling import Bootstrap, Estimate
from affekt.heads import Kind

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The figures of one model on one split, see docs/metrics.md for their definitions.

    Attributes:
        model: name of the bundle.
        data: the manifest's file.
        measured: the figures, see `affekt.evaluation.figures`.
        floors: what needs no picture, by name; None where there is nothing to learn it from.
        groups: figures by group.
        gaps: between those groups.
        bootstrap: number of resamples and seed of the intervals.
        predictions: what the figures were computed from.
    """

    model: str
    data: str
    measured: Measured
    floors: Floors
    groups: list[GroupFigures]
    gaps: list[Gap]
    bootstrap: Bootstrap
    predictions: Predictions = field(repr=False)

    @property
    def n(self) -> int:
        """The number of rows scored."""
        return len(self.predictions)

    @property
    def figures(self) -> dict[str, Estimate]:
        """The figures that are one number, by key."""
        return self.measured.figures

    @property
    def by_label(self) -> dict[str, dict[str, Estimate]]:
        """The figures of each label or dimension, by key and name."""
        return self.measured.by_label

    @property
    def warnings(self) -> list[str]:
        """Rows seen in training, and gaps between groups that exceed their intervals."""
        seen, noun = self.predictions.seen, self.predictions.noun
        leaks = [f"{seen} of the {self.n} {noun} were seen in training"] if seen else []
        return leaks + warnings_of(self.gaps)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an undefined figure is None."""
        said = self.predictions
        rules = {e.key: e.figure.rule.value for e in entries(said.outputs, Use.EVALUATION)}
        result: dict[str, Any] = {
            "model": self.model,
            "data": self.data,
            "split": said.split,
            "sources": dict(Counter(said.sources)),
            "protocol": said.protocol,
            "n": self.n,
            **_counts(said),
            "heads": {name: _head(output) for name, output in said.outputs.items()},
        }
        for head, output in said.outputs.items():
            chosen = [e for e in entries(said.outputs, Use.EVALUATION) if e.head == head]
            for key, value in _FIGURES[output.kind](output, chosen, self.measured).items():
                result[f"{head}_{key}" if key in result else key] = value
        return {
            **result,
            "floors": self._floors(),
            "groups": _groups(self.groups, said.outputs),
            "warnings": self.warnings,
            "leaked": said.seen,
            "skipped": said.skipped,
            "bootstrap": plain_bootstrap(self.bootstrap, said) | {"rules": rules},
        }

    def _floors(self) -> dict[str, Any]:
        outputs, result = self.predictions.outputs, dict[str, Any]()
        for name, measured in self.floors.items():
            if measured is None:
                result |= dict.fromkeys(_floor_names(name, outputs))
            elif name == COMMONEST:
                result |= plain_values(measured)
            elif name == CONSTANT:
                for head in _floor_names(name, outputs):
                    keys = [e.key for e in entries(outputs, Use.EVALUATION)
                            if head == f"{CONSTANT}_{e.head}"]  # fmt: skip
                    result[head] = plain_values(measured, keys)
            elif name == GEOMETRY:
                by_label = plain_by_label(measured.by_label)
                result[name] = plain_figures(measured.figures) | by_label
            else:
                result[name] = plain_values(measured)
        return result


def _counts(said: Predictions) -> dict[str, int]:
    counts = {f"{said.unit}s": int(said.unit_of.max()) + 1} if said.unit != ROW else {}
    return counts | ({} if said.has_face is None else {"faces": int(said.has_face.sum())})


def _head(output: Output) -> dict[str, Any]:
    known = int(output.known.sum())
    return {"kind": output.kind.value, "labels": list(output.labels), "n": known}


def _single_label(output: Output, chosen: Sequence[Entry], measured: Measured) -> dict[str, Any]:
    """The figures, those of each class under its name, and the confusion matrix."""
    support = output.support.tolist()
    names = {e.figure.name: e.key for e in chosen if e.figure.per_label}
    per_class = {
        label: plain_figures({n: measured.by_label[key][label] for n, key in names.items()})
        | {"support": count}
        for label, count in zip(output.labels, support, strict=True)
    }
    known = output.part(output.known)
    counts = confusion_matrix(known.predicted, known.truth).astype(int).tolist()
    return {
        **plain_figures(_chosen(measured.figures, chosen)),
        "per_class": per_class,
        "confusion": {
            label: dict(zip(output.labels, row, strict=True))
            for label, row in zip(output.labels, counts, strict=True)
        },
    }


def _multi_label(output: Output, chosen: Sequence[Entry], measured: Measured) -> dict[str, Any]:
    """The figures, those of each label, and what they are over."""
    support = dict(zip(output.labels, output.support.tolist(), strict=True))
    missing = [label for label, count in support.items() if not count]
    limits = output.thresholds
    return {
        "map_categories": len(output.labels) - len(missing),
        "without_positives": missing,
        **plain_figures(_chosen(measured.figures, chosen)),
        **plain_by_label(_chosen(measured.by_label, chosen)),
        "support": support,
        "thresholds": None
        if limits is None
        else dict(zip(output.labels, limits.round(6).tolist(), strict=True)),
    }


def _dimensional(output: Output, chosen: Sequence[Entry], measured: Measured) -> dict[str, Any]:
    return plain_by_label(_chosen(measured.by_label, chosen))


_FIGURES: Mapping[Kind, Callable[[Output, Sequence[Entry], Measured], dict[str, Any]]] = {
    Kind.SINGLE_LABEL: _single_label,
    Kind.MULTI_LABEL: _multi_label,
    Kind.DIMENSIONAL: _dimensional,
}


def _chosen(values: Mapping[str, Value], chosen: Sequence[Entry]) -> dict[str, Value]:
    return {entry.key: values[entry.key] for entry in chosen if entry.key in values}


def _floor_names(name: str, outputs: Mapping[str, Output]) -> list[str]:
    """A constant is a floor of each dimensional head."""
    if name != CONSTANT:
        return [name]
    return [f"{name}_{h}" for h, output in outputs.items() if output.kind is Kind.DIMENSIONAL]


def _groups(groups: Sequence[GroupFigures], outputs: Mapping[str, Output]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for group in groups:
        figures: dict[str, Any] = {"n": group.n}
        for head, output in outputs.items():
            if output.kind is Kind.MULTI_LABEL:
                figures["map_categories"] = group.labels[head]
        figures |= plain_figures(group.figures)
        result.setdefault(group.attribute, {})[group.value] = figures
    return result
