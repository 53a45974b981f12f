"""Evaluations, comparisons and ensembles as Markdown."""

from __future__ import annotations

from functools import singledispatch

from affekt.evaluation.comparison import Comparison
from affekt.evaluation.ensembles.report import EnsembleReport
from affekt.evaluation.evaluation import Evaluation
from affekt.evaluation.predictions import skipped_line
from affekt.heads import Kind
from affekt.report.cells import number_text
from affekt.report.sentences import (
    chance_sentence,
    counts_sentence,
    draws_text,
    intervals_sentence,
    over_sentence,
)
from affekt.report.tables import (
    comparison_table,
    confusion_table,
    figures_table,
    groups_table,
    labels_table,
    members_table,
    steps_table,
)


@singledispatch
def to_markdown(result: Evaluation | Comparison | EnsembleReport) -> str:
    """The figures, with what they are of, how they were measured, and what to doubt."""
    raise TypeError(f"{type(result).__name__} cannot be written as Markdown")


@to_markdown.register
def _(result: Evaluation) -> str:
    said = result.predictions
    about = (
        counts_sentence(said),
        f"Protocol: {said.protocol}." if said.protocol else "",
        intervals_sentence(said, result.bootstrap),
        over_sentence(said),
        chance_sentence(result),
    )
    tables = [table for table in (figures_table(result),) if table]
    tables += [labels_table(result, head) for head in _few_first(result)]
    parts = [f"# {result.model} on {result.data}, {said.split}", " ".join(filter(None, about))]
    parts += [table.markdown() for table in tables]
    for head in said.heads(Kind.SINGLE_LABEL):
        parts.append("Rows are true labels, columns predicted ones.")
        parts.append(confusion_table(result, head).markdown())
    groups = groups_table(result)
    parts += [groups.markdown()] if groups else []
    parts += [f"Warning: {line}." for line in result.warnings]
    return "\n\n".join([*parts, *([skipped_line(said.skipped)] if said.skipped else [])])


@to_markdown.register
def _(result: Comparison) -> str:
    said = result.predictions
    return "\n\n".join(
        [
            f"# {result.models[1]} against {result.models[0]} on {result.data}, {said.split}",
            f"{len(said)} {said.noun}. Intervals and p: paired basic bootstrap "
            f"{draws_text(said, result.bootstrap)}; no correction for many figures.",
            comparison_table(result).markdown(),
        ]
    )


@to_markdown.register
def _(result: EnsembleReport) -> str:
    parts = [_fitted_on(result), members_table(result).markdown(), _scores(result)]
    if result.steps:
        parts += ["Selection, step by step:", steps_table(result).markdown()]
    return "\n\n".join([*parts, *result.notes()])


PLURALS = {
    Kind.SINGLE_LABEL: "labels",
    Kind.MULTI_LABEL: "categories",
    Kind.DIMENSIONAL: "dimensions",
}
"""What the labels of each kind of head are called together."""


def _few_first(result: Evaluation) -> list[str]:
    """Heads by the number of their labels, so that a long table comes last."""
    outputs = result.predictions.outputs
    return sorted(outputs, key=lambda head: len(outputs[head].labels))


def _fitted_on(result: EnsembleReport) -> str:
    within = "" if result.unit == "row" else f" in {result.units} {result.unit}s"
    left_out = f" {result.leaked} whom training has seen are left out." if result.leaked else ""
    skipped = f" {skipped_line(result.skipped)}" if result.skipped else ""
    labels = f"{result.present} of {result.labels} {PLURALS[result.chosen_by.kind]}"
    scale = " in percent" if result.chosen_by.scale.factor == 100 else ""
    return (
        f"{result.n} {result.noun}{within} of {result.data}, split {result.split}."
        f"{left_out}{skipped} {result.chosen_by.title}{scale}, over the {labels} that somebody "
        f"has there{_on_scale(result)}."
    )


def _on_scale(result: EnsembleReport) -> str:
    error = result.error_of
    if error is None or error.bounds is None:
        return ""
    low, high = error.bounds
    return f"; {error.title} on the {low:g} to {high:g} scale"


def _scores(result: EnsembleReport) -> str:
    scale, error = result.chosen_by.scale, result.error_of
    shown = [
        f"{result.chosen_by.title} of the weighted mean {number_text(result.score, scale)}",
        f"of all candidates with equal weights {number_text(result.equal, scale)}",
    ]
    if result.held_out is not None:
        row = result.noun.removesuffix("s")
        without = row if result.unit == "row" else f"{row}'s {result.unit}"
        shown.append(
            f"with weights chosen without each {without} {number_text(result.held_out, scale)}"
        )
    errors = f" {error.title} {number_text(result.error, error.scale)}." if error else ""
    return f"{'; '.join(shown)}.{errors}"
