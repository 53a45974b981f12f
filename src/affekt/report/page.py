"""An evaluation as one HTML page that needs nothing else: no script, no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from affekt.errors import MissingExtraError
from affekt.evaluation.evaluation import Evaluation
from affekt.evaluation.figures import GEOMETRY
from affekt.evaluation.groups import warnings_of
from affekt.evaluation.predictions import skipped_line
from affekt.heads import Kind
from affekt.report.gallery import Choice, RowKey, cards_of
from affekt.report.sections import Block, Section, head_sections
from affekt.report.sentences import (
    chance_sentence,
    counts_sentence,
    intervals_sentence,
    over_sentence,
)
from affekt.report.tables import figures_table, groups_table

try:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
except ImportError:
    raise MissingExtraError("a page", "data") from None

FOLDER = Path(__file__).parent


def evaluation_page(
    evaluation: Evaluation,
    gallery: Sequence[Choice] = (),
    pictures: Mapping[RowKey, str] | None = None,
) -> str:
    """The page as HTML.

    Args:
        evaluation: what is shown.
        gallery: rows to show, see `affekt.report.gallery.choose`.
        pictures: of those rows, as ``data:`` addresses.
    """
    said = evaluation.predictions
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    cards = [
        Section(c.title, [("text", c.rule), ("cards", cards_of(said, c, pictures or {}))])
        for c in gallery
    ]
    return environment.get_template("page.html.jinja").render(
        title=f"{evaluation.model} on {Path(evaluation.data).name}, {said.split}",
        style=Markup(style),  # our own, safe
        lines=_lines(evaluation),
        warnings=_short_warnings(evaluation),
        sections=[*_sections(evaluation), *cards],
        foot=f"{evaluation.data}. Made by affekt {version('affekt')}.",
    )


def _lines(evaluation: Evaluation) -> list[str]:
    said = evaluation.predictions
    lines = [
        " ".join(filter(None, (counts_sentence(said), over_sentence(said)))),
        f"Protocol: {said.protocol}." if said.protocol else "",
        "What is measured is agreement with annotators about apparent emotion: how people look "
        "to others in one picture, not what they feel.",
        skipped_line(said.skipped) if said.skipped else "",
    ]
    return [line for line in lines if line]


def _short_warnings(evaluation: Evaluation) -> list[str]:
    """The warnings, gaps between groups as one line: the section on groups lists them."""
    lines = warnings_of(evaluation.gaps)
    own = [line for line in evaluation.warnings if line not in lines]
    return [*own, f"{lines[-1]}: see Groups"] if lines else own


def _sections(evaluation: Evaluation) -> list[Section]:
    """The figures, those of every head (heads of few labels first), and the groups."""
    outputs = evaluation.predictions.outputs
    sections = []
    if table := figures_table(evaluation):
        sections.append(Section("Figures", [("table", table), ("text", _note(evaluation))]))
    for head in sorted(outputs, key=lambda head: len(outputs[head].labels)):
        sections += head_sections(evaluation, head)
    return [*sections, Section("Groups", _groups(evaluation))]


def _note(evaluation: Evaluation) -> str:
    said = evaluation.predictions
    parts = [intervals_sentence(said, evaluation.bootstrap), chance_sentence(evaluation)]
    if GEOMETRY in evaluation.floors:
        parts.append(
            "Geometry only is a model, fitted on the training rows, that sees where each box "
            "lies, how large it is and how many people there are, and no pixel."
        )
    if said.heads(Kind.MULTI_LABEL):
        parts.append(
            "The official code's average precision has eleven recall levels and comes out "
            "higher: compare like with like."
        )
    return " ".join(filter(None, parts))


def _groups(evaluation: Evaluation) -> list[Block]:
    table = groups_table(evaluation)
    if table is None:
        return [("text", "The manifest states no gender, age or source.")]
    over = ""
    if evaluation.predictions.heads(Kind.MULTI_LABEL):
        over = (
            " mAP is over the categories that somebody in the group has, so it is not comparable "
            "between groups; what lies above chance is."
        )
    note = (
        f"Groups as the data set's annotators saw them.{over} A gap is listed where its interval "
        "leaves out 0."
    )
    found: list[Block] = [("warning", f"{line}.") for line in warnings_of(evaluation.gaps)]
    return [("table", table), ("text", note), *found]
