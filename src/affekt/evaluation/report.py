"""An evaluation: what was predicted, every figure with its interval, as JSON and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from affekt.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model says of every face that is scored.

    Attributes:
        split: of the manifest.
        labels: the k names of the classes.
        ids: of the n faces, unique within their source.
        sources: the data set of each face.
        truth: shape (n,), indices into ``labels``.
        probabilities: shape (n, k), calibrated.
        skipped: why faces were not scored, and how many for each reason.
    """

    split: str
    labels: tuple[str, ...]
    ids: tuple[str, ...]
    sources: tuple[str, ...]
    truth: IntArray
    probabilities: FloatArray
    skipped: dict[str, int]


class Estimate(NamedTuple):
    """A figure and its bootstrap 95% interval; NaN where undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The figures of one model on one split, see docs/metrics.md for their definitions.

    Attributes:
        model: name of the bundle.
        data: the manifest's file.
        protocol: which faces count and what their true label is, in words.
        figures: ``accuracy``, ``balanced_accuracy``, ``ece`` (all 0 to 1) and ``nll`` (nats).
        per_class: label to ``recall``, ``precision`` and ``f1``.
        confusion: counts of shape (k, k), rows true, columns predicted.
        floors: what needs no picture: always naming the commonest label.
        bootstrap: number of resamples and seed of the intervals.
        predictions: what the figures were computed from.
    """

    model: str
    data: str
    protocol: str
    figures: dict[str, Estimate]
    per_class: dict[str, dict[str, Estimate]]
    confusion: IntArray
    floors: dict[str, float]
    bootstrap: dict[str, int]
    predictions: Predictions = field(repr=False)

    @property
    def n(self) -> int:
        """The number of faces scored."""
        return len(self.predictions.truth)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an undefined figure is None."""
        labels, support = self.predictions.labels, self.confusion.sum(axis=1).tolist()
        return {
            "model": self.model,
            "data": self.data,
            "split": self.predictions.split,
            "sources": dict(Counter(self.predictions.sources)),
            "protocol": self.protocol,
            "n": self.n,
            **_with_intervals(self.figures),
            "per_class": {
                label: {**_with_intervals(self.per_class[label]), "support": count}
                for label, count in zip(labels, support, strict=True)
            },
            "confusion": {
                label: dict(zip(labels, row, strict=True))
                for label, row in zip(labels, self.confusion.tolist(), strict=True)
            },
            "floors": {name: plain(value) for name, value in self.floors.items()},
            "skipped": self.predictions.skipped,
            "bootstrap": self.bootstrap,
        }

    def to_markdown(self) -> str:
        """A page with the figures, those of every class, and the confusion matrix."""
        return "\n\n".join(
            [
                f"# {self.model} on {self.data}, {self.predictions.split}",
                f"{self.n} faces. Protocol: {self.protocol}. "
                f"Intervals: bootstrap 95%, {self.bootstrap['n_resamples']} resamples.",
                _figures_table(self),
                _classes_table(self),
                "Rows are true labels, columns predicted ones.",
                _confusion_table(self),
                *([skipped_line(self.predictions.skipped)] if self.predictions.skipped else []),
            ]
        )


def skipped_line(skipped: Mapping[str, int]) -> str:
    """Why faces were not scored, in one sentence.

    >>> skipped_line({"no votes": 2, "excluded: no face found": 1})
    'Skipped: excluded: no face found (1), no votes (2).'
    """
    reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(skipped.items()))
    return f"Skipped: {reasons}."


def _with_intervals(figures: Mapping[str, Estimate]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, (value, low, high) in figures.items():
        result[name] = plain(value)
        result[f"{name}_ci95"] = None if np.isnan(low) else [plain(low), plain(high)]
    return result


def plain(value: float) -> float | None:
    """A figure for JSON: six decimals, None where it is undefined.

    >>> plain(1 / 3), plain(np.nan)
    (0.333333, None)
    """
    return None if np.isnan(value) else round(value, 6)


def _figures_table(evaluation: Evaluation) -> str:
    lines = ["| figure | value | 95% interval | floor |", "|---|---|---|---|"]
    for name, title in (
        ("accuracy", "accuracy (%)"),
        ("balanced_accuracy", "balanced accuracy (%)"),
        ("ece", "expected calibration error"),
        ("nll", "negative log-likelihood (nats)"),
    ):
        factor, digits = (100, 1) if name in evaluation.floors else (1, 3)
        value, low, high = (factor * v for v in evaluation.figures[name])
        floor = evaluation.floors.get(name)
        floor_text = "" if floor is None else f"{factor * floor:.{digits}f}"
        interval = f"{low:.{digits}f} to {high:.{digits}f}"
        lines.append(f"| {title} | {value:.{digits}f} | {interval} | {floor_text} |")
    return "\n".join(lines)


def _classes_table(evaluation: Evaluation) -> str:
    lines = ["| label | recall (%) | precision (%) | F1 (%) | faces |", "|---|---|---|---|---|"]
    for (label, figures), count in zip(
        evaluation.per_class.items(), evaluation.confusion.sum(axis=1), strict=True
    ):
        cells = [_percent(figures[name]) for name in ("recall", "precision", "f1")]
        lines.append(f"| {label} | {' | '.join(cells)} | {count} |")
    return "\n".join(lines)


def _confusion_table(evaluation: Evaluation) -> str:
    labels = evaluation.predictions.labels
    lines = [f"| | {' | '.join(labels)} |", "|---" * (len(labels) + 1) + "|"]
    for label, row in zip(labels, evaluation.confusion, strict=True):
        lines.append(f"| {label} | {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def _percent(estimate: Estimate) -> str:
    """The figure in per cent and its interval; a dash where it is undefined.

    >>> _percent(Estimate(0.5, 0.25, 0.75)), _percent(Estimate(np.nan, np.nan, np.nan))
    ('50.0 (25.0 to 75.0)', '-')
    """
    if np.isnan(estimate.value):
        return "-"
    value, low, high = (100 * v for v in estimate)
    return f"{value:.1f} ({low:.1f} to {high:.1f})"
