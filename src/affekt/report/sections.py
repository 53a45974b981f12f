"""The sections of a page that depend on the kind of a head, one function for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from affekt.arrays import FloatArray
from affekt.evaluation.evaluation import Evaluation
from affekt.evaluation.figures import CHANCE, GEOMETRY, Use, entries
from affekt.evaluation.measuring import Measured
from affekt.evaluation.metrics.multi_label import prevalence
from affekt.evaluation.metrics.single_label import confusion_matrix
from affekt.evaluation.metrics.weighing import ratio
from affekt.heads import Kind
from affekt.report import curves, published
from affekt.report.tables import FLOORS, Table, confusion_table, labels_table
from affekt.view import diagrams

Block = tuple[str, Any]
"""Its kind (``text``, ``warning``, ``table``, ``drawing``, ``cards``), and what it shows."""


class Section(NamedTuple):
    """A part of the page under a title."""

    title: str
    blocks: list[Block]


class Drawing(NamedTuple):
    """An SVG element, and what it shows in words."""

    svg: Markup
    caption: str


def head_sections(evaluation: Evaluation, head: str) -> list[Section]:
    """What is shown of one head."""
    return _SECTIONS[evaluation.predictions.outputs[head].kind](evaluation, head)


def _dimensional(evaluation: Evaluation, head: str) -> list[Section]:
    output, noun = evaluation.predictions.outputs[head], evaluation.predictions.noun
    values = np.concatenate([output.truth, output.predicted])
    bounds = output.range or (float(np.nanmin(values)), float(np.nanmax(values)))
    svg = diagrams.plot_dimensions(
        output.labels, output.truth, output.predicted, bounds, f"{head}-values"
    )
    caption = (
        f"{noun.capitalize()} by true and predicted value, lighter for more; a perfect model lies "
        "on the line."
    )
    title = ", ".join(output.labels).capitalize()
    return [Section(title, [("table", labels_table(evaluation, head)), _drawing(svg, caption)])]


def _single_label(evaluation: Evaluation, head: str) -> list[Section]:
    output = evaluation.predictions.outputs[head]
    known = output.part(output.known)
    counts = confusion_matrix(known.predicted, known.truth)
    shares = diagrams.plot_shares(
        output.labels, ratio(counts, counts.sum(axis=1, keepdims=True)),
        "of those with the row's label (%)", f"{head}-confusion",
    )  # fmt: skip
    bins = curves.confidence_bins(known.predicted, known.truth)
    held = bins["count"] > 0
    reliability = diagrams.plot_reliability_curves(
        ["most probable label"], [(bins["confidence"][held], bins["accuracy"][held])],
        np.array([evaluation.figures[_key(evaluation, head, "ece")].value]),
        "share that is right", f"{head}-reliability",
    )  # fmt: skip
    return [
        Section("Recall by label", [_bars(evaluation, head, "recall", "Recall, best first."),
                                    ("table", labels_table(evaluation, head))]),
        Section("Which labels are taken for which", [
            _drawing(shares, "Rows are true labels, columns predicted ones."),
            ("table", confusion_table(evaluation, head)),
        ]),
        Section("Calibration", [_drawing(
            reliability,
            "Share of right answers over the probability of the label given, with the expected "
            "calibration error; on the dashed line, probabilities are honest.",
        )]),
    ]  # fmt: skip


def _multi_label(evaluation: Evaluation, head: str) -> list[Section]:
    output = evaluation.predictions.outputs[head]
    pairs = zip(output.labels, output.support.tolist(), strict=True)
    missing = [label for label, count in pairs if not count]
    about: list[Block] = [("text", f"Nobody here has {', '.join(missing)}.")] if missing else []
    caption = "Average precision by scikit-learn's definition, best first."
    return [
        Section("Average precision by category", [
            _bars(evaluation, head, "ap", caption), *about,
            ("table", labels_table(evaluation, head)),
        ]),
        *_published(evaluation, head),
        Section("Precision and recall", [_precision_recall(evaluation, head)]),
        Section("Calibration", [_reliability(evaluation, head)]),
        Section("Which categories come together", _cooccurrence(evaluation, head)),
    ]  # fmt: skip


_SECTIONS: Mapping[Kind, Callable[[Evaluation, str], list[Section]]] = {
    Kind.DIMENSIONAL: _dimensional,
    Kind.SINGLE_LABEL: _single_label,
    Kind.MULTI_LABEL: _multi_label,
}


def _drawing(svg: str, caption: str) -> Block:
    return ("drawing", Drawing(Markup(svg), caption))  # our own, safe


def _key(evaluation: Evaluation, head: str, name: str) -> str:
    """The key of a head's figure."""
    found = entries(evaluation.predictions.outputs, Use.EVALUATION)
    return next(e.key for e in found if (e.head, e.figure.name) == (head, name))


def _bars(evaluation: Evaluation, head: str, name: str, caption: str) -> Block:
    """A figure of every label beside its floors and what others published."""
    output, key = evaluation.predictions.outputs[head], _key(evaluation, head, name)
    estimates = list(evaluation.by_label[key].values())
    value, low, high = (
        100 * np.array([getattr(e, part) for e in estimates]) for part in ("value", "low", "high")
    )
    beside = _floors(evaluation, key)
    if name == "ap" and published.is_emotic(output.labels):
        mark = "" if _comparable(evaluation) else ", not comparable"
        own = [published.KOSTI_AP[label] for label in output.labels]
        beside[f"Kosti 2020, body and scene{mark}"] = np.array(own)
    titles = {"ap": "average precision (%)", "recall": "recall (%)"}
    bars = diagrams.Bars(value, low, high, beside)
    svg = diagrams.plot_bars(output.labels, bars, titles[name], f"{head}-{name}")
    return _drawing(svg, caption)


def _floors(evaluation: Evaluation, key: str) -> dict[str, FloatArray]:
    found = {}
    for floor in (CHANCE, GEOMETRY):
        by_label = (evaluation.floors.get(floor) or Measured()).by_label
        if key in by_label:
            found[FLOORS[floor]] = 100 * np.array([own.value for own in by_label[key].values()])
    return found


def _comparable(evaluation: Evaluation) -> bool:
    return published.comparable(evaluation.predictions.split, evaluation.n)


def _published(evaluation: Evaluation, head: str) -> list[Section]:
    said = evaluation.predictions
    if not published.is_emotic(said.outputs[head].labels):
        return []
    whole = _comparable(evaluation)
    note: Block = (
        "text",
        "These were measured on EMOTIC's whole test split, as here. Few of the papers say by "
        "which definition of average precision; the official code's is the higher.",
    )
    if not whole:
        note = (
            "warning",
            "Not comparable: these were measured on the whole test split of EMOTIC "
            f"({published.FULL_TEST_PERSONS} persons or more), not on the {evaluation.n} persons "
            f"of split {said.split!r} here.",
        )
    rows = [[name, f"{value:.2f}"] for name, value in published.PUBLISHED_MAP.items()]
    title = "mAP (%)" if whole else "mAP (%), not comparable"
    return [Section("Published figures", [note, ("table", Table(["work", title], rows))])]


def _precision_recall(evaluation: Evaluation, head: str) -> Block:
    output, noun = evaluation.predictions.outputs[head], evaluation.predictions.noun
    pairs = zip(output.truth.T, output.predicted.T, strict=True)
    lines = [curves.precision_recall(truth, scores) for truth, scores in pairs]
    shares = prevalence(output.truth)
    return _drawing(
        diagrams.plot_precision_recall(output.labels, lines, shares, f"{head}-recall"),
        f"Precision over recall; the dashed line is the share of {noun} with the category.",
    )


def _reliability(evaluation: Evaluation, head: str) -> Block:
    output, noun = evaluation.predictions.outputs[head], evaluation.predictions.noun
    pairs = zip(output.truth.T, output.predicted.T, strict=True)
    lines = [curves.reliability_curve(truth, said) for truth, said in pairs]
    own = evaluation.by_label[_key(evaluation, head, "ece_per_category")]
    svg = diagrams.plot_reliability_curves(
        output.labels, lines, np.array([e.value for e in own.values()]),
        f"share of {noun} with the category", f"{head}-reliability",
    )  # fmt: skip
    return _drawing(
        svg,
        "Share with the category over the probability given, with each category's expected "
        "calibration error; on the dashed line, probabilities are honest.",
    )


def _cooccurrence(evaluation: Evaluation, head: str) -> list[Block]:
    output = evaluation.predictions.outputs[head]

    def drawn(labelled: Any, name: str, caption: str) -> Block:
        shares, title = curves.cooccurrence(labelled), "of those with the row's category (%)"
        svg = diagrams.plot_shares(output.labels, shares, title, f"{head}-{name}")
        return _drawing(svg, caption)

    true = drawn(output.truth, "true", "As annotated.")
    if output.labelled is None:
        return [true, ("text", "The model has no thresholds, so it gives no label sets.")]
    caption = "As predicted, with the model's thresholds."
    return [true, drawn(output.labelled, "predicted", caption)]
