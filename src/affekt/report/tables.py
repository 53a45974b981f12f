"""The tables of an evaluation: made once, written as Markdown or put into a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from affekt.evaluation.comparison import Comparison
from affekt.evaluation.ensembles.report import EnsembleReport, Member
from affekt.evaluation.evaluation import Evaluation
from affekt.evaluation.figures import (
    CHANCE,
    COMMONEST,
    CONSTANT,
    FRACTION,
    GEOMETRY,
    Entry,
    Scale,
    Use,
    entries,
)
from affekt.evaluation.measuring import Measured
from affekt.evaluation.metrics.single_label import confusion_matrix
from affekt.heads import Kind
from affekt.report.cells import interval_text, number_text

FLOORS = {
    COMMONEST: "commonest label",
    CHANCE: "chance",
    CONSTANT: "constant",
    GEOMETRY: "geometry only",
}
"""The title of each floor's column."""

LABELS = {
    Kind.SINGLE_LABEL: "label",
    Kind.MULTI_LABEL: "category",
    Kind.DIMENSIONAL: "dimension",
}
"""What the labels of each kind of head are called."""

P_SCALE = FRACTION


class Table(NamedTuple):
    """A table of text.

    Attributes:
        titles: of the columns.
        rows: each with one cell per column.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As Markdown.

        >>> print(Table(["a", "b"], [["1", "2"]]).markdown())
        | a | b |
        |---|---|
        | 1 | 2 |
        """
        head, *body = (f"| {' | '.join(row)} |" for row in (self.titles, *self.rows))
        return "\n".join([head, "|---" * len(self.titles) + "|", *body])


def figures_table(evaluation: Evaluation) -> Table | None:
    """The figures that are one number beside their floors; None where there are none."""
    chosen = [e for e in _entries(evaluation) if not e.figure.per_label]
    floors = _floors_of(chosen, evaluation)
    rows = [
        [
            entry.figure.heading,
            interval_text(evaluation.figures[entry.key], entry.figure.scale),
            *(_floor_text(evaluation, floor, entry) for floor in floors),
        ]
        for entry in chosen
    ]
    titles = ["figure", "value (95% interval)", *(FLOORS[floor] for floor in floors)]
    return Table(titles, rows) if rows else None


def labels_table(evaluation: Evaluation, head: str) -> Table:
    """Every label's or dimension's figures of one head beside their floors."""
    output, noun = evaluation.predictions.outputs[head], evaluation.predictions.noun
    counted = output.kind is not Kind.DIMENSIONAL
    support = [[str(count)] if counted else [] for count in output.support.tolist()]
    titles = [LABELS[output.kind], *([noun] if counted else [])]
    rows = [[label, *count] for label, count in zip(output.labels, support, strict=True)]
    for entry in _entries(evaluation):
        if entry.head != head or not entry.figure.per_label:
            continue
        floors = _floors_of([entry], evaluation)
        titles += [entry.figure.heading, *(FLOORS[floor] for floor in floors)]
        for row, label in zip(rows, output.labels, strict=True):
            row.append(_label_text(evaluation, entry, label))
            row += [_floor_text(evaluation, floor, entry, label) for floor in floors]
    return Table(titles, rows)


def confusion_table(evaluation: Evaluation, head: str) -> Table:
    """Counts of a single-label head: rows are true labels, columns predicted ones."""
    output = evaluation.predictions.outputs[head]
    known = output.part(output.known)
    counts = confusion_matrix(known.predicted, known.truth).astype(int)
    rows = [
        [label, *map(str, row)] for label, row in zip(output.labels, counts.tolist(), strict=True)
    ]
    return Table(["", *output.labels], rows)


def groups_table(evaluation: Evaluation) -> Table | None:
    """Figures by group; None where there is no group."""
    outputs, noun = evaluation.predictions.outputs, evaluation.predictions.noun
    chosen = entries(outputs, Use.GROUPS)
    rows = []
    for group in evaluation.groups:
        row = [group.attribute, group.value, str(group.n)]
        for key, head, figure in chosen:
            text = interval_text(group.figures[key], figure.scale)
            compared = figure.use & Use.GAPS or not figure.mean_of
            row.append(text if compared else f"{text} over {group.labels[head]}")
        rows.append(row)
    heads = [outputs[entry.head].title for entry in chosen]
    named = [e.figure.heading.format(head=title) for e, title in zip(chosen, heads, strict=True)]
    return Table(["by", "group", noun, *named], rows) if rows else None


def comparison_table(comparison: Comparison) -> Table:
    """Both models' figures and their differences."""
    rows = [
        [
            own.title,
            number_text(own.a, own.scale),
            number_text(own.b, own.scale),
            interval_text(own.difference, own.scale),
            number_text(own.p, P_SCALE),
        ]
        for own in comparison.differences.values()
    ]
    return Table(["figure", *comparison.models, "difference (95% interval)", "p"], rows)


def members_table(report: EnsembleReport) -> Table:
    """Every candidate of an ensemble and what it adds."""
    title, errors = report.chosen_by.title, report.error_of
    titles = ["model", "weight", f"{title} alone", f"{title} without it", "it adds"]
    titles += [f"{errors.title} alone"] if errors else []
    return Table(titles, [_member_row(report, member) for member in report.members])


def steps_table(report: EnsembleReport) -> Table:
    """The selection, step by step."""
    scale = Scale(report.chosen_by.scale.factor, report.chosen_by.scale.digits + 1)
    pairs = enumerate(zip(report.steps, report.gains, strict=True), 1)
    rows = [
        [str(number), step.added, number_text(step.score, scale), number_text(gain, scale)]
        for number, (step, gain) in pairs
    ]
    return Table(["step", "added", report.chosen_by.title, "gain"], rows)


def _entries(evaluation: Evaluation) -> list[Entry]:
    return entries(evaluation.predictions.outputs, Use.EVALUATION)


def _floors_of(chosen: Sequence[Entry], evaluation: Evaluation) -> list[str]:
    """The floors that these figures are read against, in the order of their columns."""
    named = {floor for entry in chosen for floor in entry.figure.floors}
    return [floor for floor in FLOORS if floor in named and floor in evaluation.floors]


def _floor_text(evaluation: Evaluation, floor: str, entry: Entry, label: str | None = None) -> str:
    """A floor's figure; nothing where it has none."""
    measured = evaluation.floors[floor] or Measured()
    if label is None:
        found = measured.figures.get(entry.key)
    else:
        found = measured.by_label.get(entry.key, {}).get(label)
    return number_text(found and found.value, entry.figure.scale)


def _label_text(evaluation: Evaluation, entry: Entry, label: str) -> str:
    estimate, scale = evaluation.by_label[entry.key][label], entry.figure.scale
    return (
        number_text(estimate.value, scale) if entry.figure.brief else interval_text(estimate, scale)
    )


def _member_row(report: EnsembleReport, member: Member) -> list[str]:
    used, scale, errors = member.weight > 0, report.chosen_by.scale, report.error_of
    figures = (member.without, report.score - member.without) if used else (None, None)
    return [
        member.name,
        f"{member.weight:.3f}" if used else "left out",
        number_text(member.alone, scale),
        *(number_text(figure, scale) for figure in figures),
        *([number_text(member.error, errors.scale)] if errors else []),
    ]
